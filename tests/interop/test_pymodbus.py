"""pymodbus' client reads our simulated Modbus meters, over TCP and over RTU."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient

from protocols.modbus import ModbusModel
from simulators.fleet import RunningBus
from tests.interop.fleets import running
from tests.simulators.meters import NOON
from tests.simulators.reading import bus

pytestmark = pytest.mark.interop

KINDS = {
    "tcp": bus("modbus", "tcp://127.0.0.1:0", 'framing = "tcp"'),
    "rtu over tcp": bus("modbus", "tcp://127.0.0.1:0"),
    "rtu": bus("modbus", "pty"),
}


def client(line: RunningBus) -> AsyncModbusSerialClient | AsyncModbusTcpClient:
    scheme, _, where = line.url.partition("://")
    if scheme == "serial":
        return AsyncModbusSerialClient(where, framer=FramerType.RTU, baudrate=9600, parity="N", timeout=5)
    host, _, port = where.partition(":")
    framer = FramerType.SOCKET if line.plan.framing == "tcp" else FramerType.RTU
    return AsyncModbusTcpClient(host, port=int(port), framer=framer, timeout=5)


@pytest.mark.parametrize("kind", KINDS)
async def test_it_reads_what_is_so(kind: str) -> None:
    async with running(KINDS[kind]) as line:
        peer = client(line)
        assert await peer.connect()
        try:
            for meter in line.meters:
                model = meter.plate.model
                assert isinstance(model, ModbusModel)
                truth = meter.values(NOON)
                for register in model.registers:
                    reply = await peer.read_input_registers(
                        register.address, count=register.form.words, device_id=int(meter.address)
                    )
                    assert not reply.isError()
                    number = peer.convert_from_registers(reply.registers, peer.DATATYPE.FLOAT32)
                    assert isinstance(number, float)
                    mantissa, exponent = register.scale
                    assert register.part.quantity is not None
                    value = Decimal(f"{number:.6g}") * mantissa * Decimal(10) ** exponent
                    assert value == truth[register.part.quantity], register.part.name
        finally:
            peer.close()


async def test_it_understands_our_refusals() -> None:
    async with running(KINDS["tcp"]) as line:
        peer = client(line)
        assert await peer.connect()
        try:
            for reply, code in (
                (await peer.read_input_registers(400, count=2, device_id=1), 2),
                (await peer.read_coils(0, count=1, device_id=1), 1),
                (await peer.write_register(0, 1, device_id=1), 2),
            ):
                assert reply.isError()
                assert reply.exception_code == code
        finally:
            peer.close()
