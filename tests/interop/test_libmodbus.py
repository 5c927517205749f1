"""libmodbus itself on the other end: every function that both speak, both ways, over TCP and over RTU on a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from protocols.driver import Driver
from protocols.errors import Refused
from protocols.exchange import Ask
from protocols.links.base import Link
from protocols.links.pty import pty_pair
from protocols.links.tcp import open_tcp
from protocols.links.url import TcpSettings
from protocols.modbus import RtuWire, TcpWire
from protocols.modbus.bits import ReadBits, WriteBit, WriteBits, packed, unpacked
from protocols.modbus.pdu import ReadRegisters, ReadWriteRegisters, Request, WriteRegister, WriteRegisters
from protocols.modbus.wire import transact
from protocols.timing import Timing
from simulators.bus import Bus, Manners
from simulators.carriers import Carrier, PtyCarrier, TcpCarrier
from simulators.modbus import ModbusStations
from tests.interop.libmodbus import compiled, conversation, server
from tests.simulators.meters import NOON, meter

pytestmark = pytest.mark.interop

UNIT: Final = 17
FRAMINGS: Final = ("tcp", "rtu")
TIMING: Final = Timing(response=10.0, latency=0.0, pause=0.004, retries=0)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Server and client, compiled once."""
    folder = tmp_path_factory.mktemp("libmodbus")
    return {name: compiled(f"libmodbus_{name}", folder) for name in ("server", "client")}


class Asker:
    """Our client's end; writes are permitted and noted."""

    def __init__(self, link: Link, framing: str) -> None:
        self.permitted: list[bytes] = []
        self._wire: Any = TcpWire() if framing == "tcp" else RtuWire()
        window = 4 if framing == "tcp" else None
        self._driver: Driver[Any] = Driver(link, self._wire.reader(), TIMING, permit=self._permit, window=window)

    def _permit(self, ask: Ask[Any]) -> None:
        self.permitted.append(ask.data)

    async def ask(self, request: Request) -> bytes:
        data: bytes = await self._driver.run(transact(UNIT, request, self._wire))
        return data

    async def words(self, request: Request) -> list[int]:
        data = await self.ask(request)
        return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]

    async def bits(self, function: int, first: int, count: int) -> list[int]:
        return [int(bit) for bit in unpacked(await self.ask(ReadBits(function, first, count)), count)]


def registers(*values: int) -> bytes:
    return b"".join(value.to_bytes(2, "big") for value in values)


@pytest.fixture(params=FRAMINGS)
async def their_server(request: pytest.FixtureRequest, programs: dict[str, str]) -> AsyncIterator[Asker]:
    if request.param == "tcp":
        async with server(programs["server"], "tcp") as port:
            link: Link = await open_tcp(TcpSettings("", "127.0.0.1", int(port), 10.0))
            yield Asker(link, "tcp")
            await link.close()
    else:
        link, path = pty_pair()
        async with server(programs["server"], "rtu", path) as said:
            assert said == "ready"
            yield Asker(link, "rtu")
        await link.close()


async def test_our_client_reads_their_tables(their_server: Asker) -> None:
    assert await their_server.bits(1, 1, 130) == [int(n % 3 == 0) for n in range(1, 131)]
    assert await their_server.bits(2, 5, 9) == [1, 0, 0, 0, 0, 1, 0, 0, 0]
    assert await their_server.words(ReadRegisters(3, 7, 125)) == list(range(1007, 1132))
    assert await their_server.words(ReadRegisters(4, 198, 2)) == [65337, 65336]
    assert their_server.permitted == []


async def test_our_client_writes_and_reads_back(their_server: Asker) -> None:
    await their_server.ask(WriteBit(1, on=True))
    await their_server.ask(WriteBit(3, on=False))
    assert await their_server.bits(1, 0, 5) == [1, 1, 0, 0, 0]
    await their_server.ask(WriteBits(8, 10, packed([True, False] * 5)))
    assert await their_server.bits(1, 7, 12) == [0, *[1, 0] * 5, 1]
    await their_server.ask(WriteRegister(0, 0xFFFE))
    await their_server.ask(WriteRegisters(1, registers(1, 2, 3)))
    assert await their_server.words(ReadRegisters(3, 0, 5)) == [0xFFFE, 1, 2, 3, 1004]
    assert await their_server.words(ReadWriteRegisters(3, 3, 4, registers(44))) == [3, 44, 1005], "written before read"
    assert len(their_server.permitted) == 6


async def test_our_client_understands_their_refusals(their_server: Asker) -> None:
    for request in (ReadRegisters(3, 199, 2), ReadBits(1, 200, 1), WriteRegister(200, 1), WriteBit(200, on=True)):
        with pytest.raises(Refused, match="illegal data address"):
            await their_server.ask(request)
    assert await their_server.words(ReadRegisters(3, 199, 1)) == [1199]


async def test_our_client_asks_them_several_things_at_once(their_server: Asker) -> None:
    spans = [(first, 3 + first % 5) for first in range(0, 120, 7)]
    answers = await asyncio.gather(*(their_server.words(ReadRegisters(4, *span)) for span in spans))
    assert answers == [[65535 - n for n in range(first, first + count)] for first, count in spans]


@pytest.fixture(params=FRAMINGS)
async def our_meter(request: pytest.FixtureRequest) -> AsyncIterator[tuple[ModbusStations, list[str]]]:
    """A simulated meter, and how the client is told where it is."""
    meters = [meter(5, "eastron_sdm630", address=str(UNIT))]
    coils, inputs = {n: n % 3 == 0 for n in range(20)}, {n: n % 5 == 0 for n in range(20)}
    stations = ModbusStations(meters, request.param, {n: 1000 + n for n in range(20)}, coils, inputs)
    bus = Bus(stations, Manners(turnaround_s=0.0))
    carrier: Carrier
    if request.param == "tcp":
        carrier = TcpCarrier(bus, lambda: NOON, "127.0.0.1", 0)
    else:
        carrier = PtyCarrier(bus, lambda: NOON, None)
    await carrier.start()
    try:
        where = carrier.url.rpartition(":")[2] if request.param == "tcp" else carrier.url.partition("://")[2]
        yield stations, [request.param, where, str(UNIT)]
    finally:
        await carrier.close()


Ours = tuple[ModbusStations, list[str]]


async def test_their_client_reads_our_meter(our_meter: Ours, programs: dict[str, str]) -> None:
    stations, where = our_meter
    truth = ReadRegisters(4, 0, 18)
    image = truth.decode_reply(stations.station(UNIT).answer(truth.encode(), NOON))
    orders = ["1 0 20", "2 3 9", "3 2 3", "4 0 18"]
    bits, inputs, holding, values = await conversation(programs["client"], *where, orders=orders)
    assert bits.split() == [str(int(n % 3 == 0)) for n in range(20)]
    assert inputs.split() == [str(int(n % 5 == 0)) for n in range(3, 12)]
    assert holding == "1002 1003 1004"
    assert registers(*map(int, values.split())) == image
    assert any(image)


async def test_their_client_writes_our_meter_and_reads_back(our_meter: Ours, programs: dict[str, str]) -> None:
    stations, where = our_meter
    orders = {
        "5 1 1": "done",
        "5 0 0": "done",
        "15 2 1 1 0 1 0 0 0 0 1": "done",
        "1 0 12": "0 1 1 1 0 1 0 0 0 0 1 0",
        "6 0 65534": "done",
        "16 1 7 8 9": "done",
        "3 0 5": "65534 7 8 9 1004",
        "23 3 3 4 44": "9 44 1005",
    }
    assert await conversation(programs["client"], *where, orders=list(orders)) == list(orders.values())
    written = stations.station(UNIT)
    assert [written.settings[n] for n in range(6)] == [65534, 7, 8, 9, 44, 1005]
    assert [n for n, on in written.coils.items() if on] == [1, 2, 3, 5, 10, 12, 15, 18]


async def test_their_client_understands_our_refusals(our_meter: Ours, programs: dict[str, str]) -> None:
    orders = ["3 19 2", "4 1 2", "1 19 2", "6 20 1", "15 19 1 1", "23 0 1 20 1"]
    answers = await conversation(programs["client"], *our_meter[1], orders=[*orders, "3 19 1"])
    assert answers == ["error: Illegal data address"] * len(orders) + ["1019"]
