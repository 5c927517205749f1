"""Our conversations with the meter of PyPI's dlt645 3.2.0, in an environment of its own, over TCP.

It speaks 13H to 18H and 1BH as we do. Where it differs it is not the standard's meter: it takes 19H and 1AH with an
identifier where the password stands, knows baud rates above 2400 bit/s as BCD instead of bits, and has no 12H and 1CH.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from protocols.dlt645.frame import Frame
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.services.address import read_address, write_address
from protocols.dlt645.services.baud import ChangeBaud
from protocols.dlt645.services.clear import ClearEvents
from protocols.dlt645.services.clock import set_time
from protocols.dlt645.services.control import Command, Control
from protocols.dlt645.services.freeze import Freeze, freeze
from protocols.dlt645.services.order import ordered
from protocols.dlt645.services.password import ChangePassword
from protocols.dlt645.services.read import read_data
from protocols.dlt645.services.service import perform
from protocols.dlt645.services.signer import PlainPassword
from protocols.dlt645.services.write import Write
from protocols.driver import Driver
from protocols.errors import NotPermitted, Refused
from protocols.links.open import open_link
from protocols.timing import Timing
from tests.ports import free_port
from tests.protocols.dlt645.peer import allow
from tests.servers import missing

pytestmark = pytest.mark.interop

HERE: Final = Path(__file__).parent
PEER: Final = Path(os.environ.get("HEADEND_PEER_DLT645") or HERE.parents[1] / ".venv-peer-dlt645/bin/python")
METER: Final = "123456789012"
PASSWORD: Final = PlainPassword(2, "739184")
PERIOD: Final = bytes.fromhex("03010004")
TIMING: Final = Timing(response=20.0, retries=0)
HALF_AN_HOUR: Final = Write("04000103", b"\x30", "00000001")


@pytest.fixture
async def meter() -> AsyncIterator[str]:
    """Where the meter listens."""
    if not PEER.exists():
        missing(f"no environment with dlt645 3.2.0 at {PEER}")
    port = free_port()
    turned = bytes.fromhex(METER)[::-1].hex()
    command = [str(PEER), str(HERE / "dlt645_obeying_server.py"), str(port), turned, PASSWORD.access.wire.hex()]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            while (await process.stdout.readline()).strip() != b"ready":
                assert process.returncode is None
        yield f"tcp://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def line(where: str, **how: Any) -> Driver[Frame]:
    return Driver(await open_link(where), FrameReader(), TIMING, **how)


async def test_it_obeys_what_is_permitted(meter: str) -> None:
    driver = await line(meter, permit=allow)
    run = driver.run
    assert await run(read_address()) == METER

    await run(perform(METER, ordered(HALF_AN_HOUR, PASSWORD.seal(HALF_AN_HOUR))))
    assert await run(read_data(METER, PERIOD, 1)) == b"\x30"

    await run(freeze(METER, Freeze(0, 0)))
    await run(freeze("999999999999", Freeze()))
    await run(set_time("2026-11-22T15:30:45"))
    assert await run(perform(METER, ChangeBaud(1200))) == 1200
    assert await run(perform(METER, ChangeBaud(2400))) == 2400

    new = PlainPassword(2, "111213")
    await run(perform(METER, ChangePassword(PASSWORD.access, new.access)))
    with pytest.raises(Refused, match="wrong password"):
        await run(perform(METER, ordered(HALF_AN_HOUR, PASSWORD.seal(HALF_AN_HOUR))))
    await run(perform(METER, ordered(HALF_AN_HOUR, new.seal(HALF_AN_HOUR))))
    await run(perform(METER, ordered(ClearEvents(), new.seal(ClearEvents()))))

    trip = Control(Command.TRIP, "2026-12-31T23:59:59")
    with pytest.raises(Refused, match="other error"):
        await run(perform(METER, ordered(trip, new.seal(trip))))

    await run(write_address("210987654321"))
    assert await run(read_address()) == "210987654321"
    assert driver.counters.noise == 0
    await driver.link.close()


async def test_without_a_permit_its_setting_stays(meter: str) -> None:
    driver = await line(meter)
    with pytest.raises(NotPermitted):
        await driver.run(perform(METER, ordered(HALF_AN_HOUR, PASSWORD.seal(HALF_AN_HOUR))))
    assert await driver.run(read_data(METER, PERIOD, 1)) == b"\x15"
    await driver.link.close()
