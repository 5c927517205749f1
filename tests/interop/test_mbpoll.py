"""mbpoll (libmodbus) reads our simulated Modbus meters: TCP and, over a pseudo-terminal, RTU."""

from __future__ import annotations

import re
import shutil
from decimal import Decimal

import pytest

from protocols.modbus import ModbusModel
from protocols.model import Quantity
from simulators.fleet import RunningBus
from simulators.meter import VirtualMeter
from tests.interop.fleets import printed, running
from tests.servers import missing
from tests.simulators.meters import NOON
from tests.simulators.reading import bus

pytestmark = pytest.mark.interop

MBPOLL = shutil.which("mbpoll")
KINDS = {
    "tcp": bus("modbus", "tcp://127.0.0.1:0", 'framing = "tcp"'),
    "rtu": bus("modbus", "pty"),
}
_ROW = re.compile(r"^\[(\d+)\]:\s+(\S+)", re.MULTILINE)


def command(to: RunningBus, unit: str, first: int, count: int, kind: str = "3:float") -> list[str]:
    if MBPOLL is None:
        missing("no mbpoll on this machine")
    where = to.url.partition("://")[2]
    if to.plan.framing == "tcp":
        host, _, port = where.partition(":")
        line = ["-m", "tcp", "-p", port, host]
    else:
        line = ["-m", "rtu", "-b", "9600", "-P", "none", where]
    values = ["-a", unit, "-t", kind, "-B", "-0", "-r", str(first), "-c", str(count), "-1", "-o", "5"]
    return [MBPOLL, *values, *line]


def expected(meter: VirtualMeter, first: int, count: int) -> dict[int, Decimal]:
    """By register: what the meter has, as its register holds it (power in W); holes are 0."""
    model = meter.plate.model
    assert isinstance(model, ModbusModel)
    found = dict.fromkeys(range(first, first + 2 * count, 2), Decimal(0))
    for register in model.registers:
        quantity = register.part.quantity
        if register.address in found and isinstance(quantity, Quantity):
            mantissa, exponent = register.scale
            value = meter.value(quantity, NOON)
            assert value is not None
            found[register.address] = value / (mantissa * Decimal(10) ** exponent)
    return found


@pytest.mark.parametrize("kind", KINDS)
async def test_it_reads_what_is_so(kind: str) -> None:
    async with running(KINDS[kind]) as line:
        for meter in line.meters:
            for first, count in ((0, 18), (52, 14), (342, 1)):
                output = await printed(*command(line, meter.address, first, count))
                read = {int(register): Decimal(value) for register, value in _ROW.findall(output)}
                assert read == expected(meter, first, count), output


@pytest.mark.parametrize("kind", KINDS)
async def test_it_understands_our_refusals(kind: str) -> None:
    async with running(KINDS[kind]) as line:
        output = await printed(*command(line, "1", 400, 1), expected=1)
        assert "Illegal data address" in output
        output = await printed(*command(line, "1", 0, 1, "1"), expected=1)
        assert "Illegal function" in output
