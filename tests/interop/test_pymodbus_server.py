"""A server that nobody here wrote: identification, bits and a whole model over pymodbus, and a scan that finds it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from pymodbus import FramerType, ModbusDeviceIdentification
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from headend.collection.line import Line, LinePath
from headend.metering.live import check_live
from headend.metering.scan import scan_modbus
from protocols import models
from protocols.errors import Refused
from protocols.modbus import ModbusModel, raw_read
from protocols.modbus.bits import ReadBits, unpacked
from protocols.modbus.identification import ReadIdentification, decode_objects
from protocols.modbus.pdu import ReadRegisters
from protocols.modbus.wire import transact
from protocols.timing import Timing

pytestmark = pytest.mark.interop

TIMING = Timing(response=1.0, latency=0.5, retries=0)


def words(model: ModbusModel, count: int) -> list[int]:
    """Input registers of a meter with plausible values."""
    image = bytearray(2 * count)
    for register in model.registers:
        value = {"v": "230.2", "f": "49.98"}.get(register.part.name[0], "0.5")
        raw = register.encode(Decimal(value))
        image[2 * register.address : 2 * register.end] = raw
    return [int.from_bytes(image[at : at + 2], "big") for at in range(0, len(image), 2)]


@pytest.fixture(params=["tcp", "rtu"])
async def line(request: pytest.FixtureRequest) -> AsyncIterator[Line]:
    """A line with pymodbus as unit 7, an SDM630 by its registers and a Schneider iEM by its name."""
    kind = models.load("eastron_sdm630")
    assert isinstance(kind, ModbusModel)
    inputs = SimData(0, values=words(kind, 344), datatype=DataType.REGISTERS)
    holding = SimData(0, values=[1, 2, 3, 4], datatype=DataType.REGISTERS)
    coils = [SimData(0, values=[True, False, True, True, False, True, False, False, True], datatype=DataType.BITS)]
    discrete = [SimData(0, values=[True] * 16, datatype=DataType.BITS)]
    device = SimDevice(7, simdata=(coils, discrete, [holding], [inputs]))
    identity = ModbusDeviceIdentification(  # type: ignore[no-untyped-call]
        info_name={"VendorName": "Schneider Electric", "ProductCode": "iEM3155", "MajorMinorRevision": "1.5"}
    )
    framer = FramerType.SOCKET if request.param == "tcp" else FramerType.RTU
    server = ModbusTcpServer(
        [device], framer=framer, identity=identity, address=("127.0.0.1", 0), ignore_missing_devices=True
    )
    await server.listen()
    transport: Any = server.transport
    port = transport.sockets[0].getsockname()[1]
    opened = Line(LinePath("peer", f"tcp://127.0.0.1:{port}", "modbus", request.param), TIMING)
    try:
        yield opened
    finally:
        await opened.close()
        await server.shutdown()  # type: ignore[no-untyped-call]


async def test_its_identification_is_read(line: Line) -> None:
    wire: Any = line.wire
    found = decode_objects(await line.run(transact(7, ReadIdentification(1), wire)))
    assert found.objects == {0: b"Schneider Electric", 1: b"iEM3155", 2: b"1.5"}
    assert found.following is None


async def test_its_bits_are_read(line: Line) -> None:
    wire: Any = line.wire
    data = await line.run(transact(7, ReadBits(1, 0, 9), wire))
    assert unpacked(data, 9) == (True, False, True, True, False, True, False, False, True)
    assert unpacked(await line.run(transact(7, ReadBits(2, 3, 2), wire)), 2) == (True, True)
    (value,) = await line.run(raw_read("coil:1").exchange("7", wire))
    assert value.number == 0


async def test_its_refusals_are_understood(line: Line) -> None:
    wire: Any = line.wire
    with pytest.raises(Refused, match="illegal data address"):
        await line.run(transact(7, ReadRegisters(3, 3, 2), wire))


async def test_a_whole_model_is_held_against_it(line: Line) -> None:
    found = await check_live(line, "7", models.load("eastron_sdm630"))
    assert found.problems == 0
    assert found.order is None
    assert len(found.values) == 28


async def test_a_scan_finds_it_by_its_name(line: Line) -> None:
    (found,) = [found async for found in scan_modbus(line, [7])]
    assert [candidate.model for candidate in found.candidates] == ["schneider_iem3000"]
