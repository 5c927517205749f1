"""Which DTUs have dialled in, asked without opening their lines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from protocols.errors import LinkClosed, LinkUnreachable
from protocols.links.listen import close_listeners, expect, expect_no_longer, last_heard, open_listen
from protocols.links.open import open_link
from protocols.links.url import ListenSettings, parse_listen
from tests.ports import free_port


@pytest_asyncio.fixture
async def port() -> AsyncIterator[int]:
    yield free_port()
    await close_listeners()


def line(port: int, query: str = "register=DTU-1&heartbeat=ping&wait=0.01") -> ListenSettings:
    return parse_listen(f"tcp-listen://127.0.0.1:{port}?{query}")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what a socket brings sets no event of ours
            await asyncio.sleep(0.005)


async def test_a_dtu_is_seen_before_its_line_is_opened(port: int) -> None:
    await expect(line(port))
    assert last_heard(line(port)) is None
    dtu = await open_link(f"tcp://127.0.0.1:{port}")
    await dtu.send(b"DTU-1")
    await until(lambda: last_heard(line(port)) is not None)
    assert last_heard(line(port, "register=DTU-2")) is None
    link = await open_listen(line(port))
    before = last_heard(line(port))
    assert before is not None
    await asyncio.sleep(0.01)
    await dtu.send(b"ping")
    await until(lambda: (last_heard(line(port)) or 0.0) > before)
    await dtu.close()
    await until(lambda: last_heard(line(port)) is None)
    await link.close()


async def test_one_that_was_there_before_it_was_expected_is_seen(port: int) -> None:
    with pytest.raises(LinkUnreachable):
        await open_listen(line(port, "register=OTHER&wait=0.01"))
    dtu = await open_link(f"tcp://127.0.0.1:{port}")
    await dtu.send(b"DTU-1")
    await asyncio.sleep(0.02)
    await expect(line(port))
    assert last_heard(line(port)) is not None
    await dtu.close()


async def test_the_port_stays_open_while_a_line_is_expected(port: int) -> None:
    await expect(line(port))
    dtu = await open_link(f"tcp://127.0.0.1:{port}")
    await dtu.send(b"DTU-1")
    await until(lambda: last_heard(line(port)) is not None)
    await (await open_listen(line(port))).close()
    assert last_heard(line(port)) is None
    again = await open_link(f"tcp://127.0.0.1:{port}")
    await again.send(b"DTU-1")
    await until(lambda: last_heard(line(port)) is not None)
    expect_no_longer(line(port))
    with pytest.raises(LinkClosed):
        await again.receive()
    with pytest.raises(LinkUnreachable):
        await open_link(f"tcp://127.0.0.1:{port}")
    for link in (dtu, again):
        await link.close()


async def test_a_line_without_registration_is_that_of_whoever_comes(port: int) -> None:
    await expect(line(port, "wait=0.01"))
    with pytest.raises(LinkUnreachable, match="share its port"):
        await expect(line(port))
    dtu = await open_link(f"tcp://127.0.0.1:{port}")
    await until(lambda: last_heard(line(port, "wait=0.01")) is not None)
    link = await open_listen(line(port, "wait=0.01"))
    assert last_heard(line(port, "wait=0.01")) is not None
    await link.close()
    await dtu.close()


async def test_a_port_that_is_taken_is_told(port: int) -> None:
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", port)
    async with server:
        with pytest.raises(LinkUnreachable, match="cannot listen"):
            await expect(line(port))
    await expect(line(port))
