"""What an operator reads when a link cannot be opened."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from protocols.errors import LinkUnreachable, ModelError
from protocols.links import open as open_module
from protocols.links.listen import close_listeners
from protocols.links.memory import MemoryLink, memory_pair
from protocols.links.open import open_link
from protocols.links.pty import pty_pair
from tests.links.mosquitto import mosquitto_broker
from tests.ports import free_port


async def refusal(url: str) -> str:
    with pytest.raises(LinkUnreachable) as caught:
        await open_link(url)
    return str(caught.value)


@pytest.fixture
def nameless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name resolves, as without a name server, but at once."""

    def getaddrinfo(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


async def test_no_such_tty(tmp_path: Path) -> None:
    assert await refusal(f"serial://{tmp_path}/ttyUSB7") == f"{tmp_path}/ttyUSB7: no such device"


async def test_a_file_is_no_tty(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert await refusal(f"serial://{tmp_path}/file") == f"{tmp_path}/file: not a serial port"


async def test_a_tty_in_use() -> None:
    far, path = pty_pair()
    near = await open_link(f"serial://{path}")
    assert await refusal(f"serial://{path}") == f"{path}: in use by another program"
    await near.close()
    again = await open_link(f"serial://{path}")
    await again.close()
    await far.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open anything")
async def test_a_tty_without_permission() -> None:
    far, path = pty_pair()
    os.chmod(path, 0)
    assert "no permission" in await refusal(f"serial://{path}")
    await far.close()


async def test_connection_refused() -> None:
    port = free_port()
    where = f"127.0.0.1:{port}"
    assert await refusal(f"tcp://{where}") == f"{where}: connection refused, nothing listens there"


async def test_a_host_that_says_nothing() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        where = f"127.0.0.1:{deaf.getsockname()[1]}"
        fillers = []
        for _ in range(4):  # fills the backlog: further connections are not answered
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
            fillers.append(filler)
        assert await refusal(f"tcp://{where}?timeout=0.05") == f"{where}: no answer within 0.05 s"
        for filler in fillers:
            filler.close()


@pytest.mark.usefixtures("nameless")
async def test_a_name_that_does_not_resolve() -> None:
    assert await refusal("tcp://meter.example:4001") == "meter.example:4001: the name does not resolve"
    assert await refusal("mqtt://broker.example/u?down=d") == "mqtt://broker.example:1883: the name does not resolve"


async def test_broker_down() -> None:
    port = free_port()
    expected = f"mqtt://127.0.0.1:{port}: connection refused, nothing listens there"
    assert await refusal(f"mqtt://127.0.0.1:{port}/up?down=down") == expected
    assert await refusal(f"mqtt://127.0.0.1:{port}/up?down=down") == expected


async def test_something_that_is_no_broker() -> None:
    """It accepts, and never says a word: the connection stays in the backlog."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"mqtt://127.0.0.1:{deaf.getsockname()[1]}"
        text = await refusal(f"{url}/up?down=down&timeout=0.05")
        assert text == f"{url}: the broker does not answer within 0.05 s"


@pytest.mark.mosquitto
async def test_a_broker_that_refuses_the_password(tmp_path: Path) -> None:
    with mosquitto_broker(tmp_path, "allow_anonymous false") as broker:
        text = await refusal(broker.url.replace("//", "//me:secret@") + "/up?down=down")
        assert text == f"{broker.url}: the broker refuses us: Not authorized"


async def test_tls_files_that_are_not_there(tmp_path: Path) -> None:
    text = await refusal(f"mqtts://127.0.0.1/up?down=down&cafile={tmp_path}/ca.pem")
    assert text == "mqtts://127.0.0.1:8883: a TLS file (cafile, certfile, keyfile) does not exist"


async def test_a_dtu_that_never_dials_in() -> None:
    where = f"127.0.0.1:{free_port()}"
    assert await refusal(f"tcp-listen://{where}?wait=0.02") == f"{where}: no DTU has dialled in within 0.02 s"
    text = await refusal(f"tcp-listen://{where}?register=DTU-1&wait=0.02")
    assert text == f"{where}: no DTU with the registration 'DTU-1' has dialled in within 0.02 s"
    await close_listeners()


async def test_a_port_that_is_taken() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        where = f"127.0.0.1:{other.getsockname()[1]}"
        text = await refusal(f"tcp-listen://{where}")
        assert text == f"cannot listen on {where}: the port is in use by another program"


async def test_an_unknown_scheme_is_our_operators_mistake_not_the_links() -> None:
    with pytest.raises(ModelError, match="unknown scheme 'carrier-pigeon', expected one of mqtt, mqtts, serial, tcp"):
        await open_link("carrier-pigeon://loft")


async def test_other_peoples_schemes_come_as_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Mapping[str, str]]] = []

    async def loft(url: str, defaults: Mapping[str, str]) -> MemoryLink:
        asked.append((url, defaults))
        return memory_pair()[0]

    monkeypatch.setattr(sys.modules[__name__], "loft", loft, raising=False)
    point = EntryPoint("carrier-pigeon", f"{__name__}:loft", open_module.GROUP)
    monkeypatch.setattr(open_module, "entry_points", EntryPoints([point]).select)
    link = await open_link("carrier-pigeon://loft?cote=3", defaults={"parity": "E"})
    assert isinstance(link, MemoryLink)
    assert asked == [("carrier-pigeon://loft?cote=3", {"parity": "E"})]
    with pytest.raises(ModelError, match="expected one of carrier-pigeon, mqtt"):
        await open_link("gopher://loft")
