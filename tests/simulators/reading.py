"""Our own conversations with simulated meters over real links, held against the truth."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from protocols.dlt645.wire import Wire
from protocols.driver import Driver
from protocols.links.listen import close_listeners
from protocols.links.open import open_link
from protocols.meter_model import Read
from protocols.modbus import RtuWire, TcpWire
from protocols.model import Kind, Quantity, Value
from protocols.stored_value import stored
from protocols.timing import Timing
from simulators.fleet import RunningBus
from simulators.meter import VirtualMeter
from simulators.scenario import Scenario, parse
from simulators.truth import Truth

SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
QUICK: Final = Timing(response=1.0, latency=1.0, gap=0.5, pause=0.0, late=2.0)
WIRES: Final[dict[str, type[Any]]] = {"": Wire, "rtu": RtuWire, "tcp": TcpWire}


class Line:
    """A driver on a line, and the wire that its conversations use."""

    def __init__(self, driver: Driver[Any], wire: Any) -> None:
        self.driver = driver
        self.wire = wire

    async def read(self, meter: VirtualMeter, read: Read) -> list[Value]:
        values: list[Value] = await self.driver.run(read.exchange(meter.address, self.wire))
        return values

    async def read_all(self, meter: VirtualMeter, now: datetime) -> dict[Quantity, tuple[Decimal, datetime, datetime]]:
        """Everything that the meter has, with the moments before and after each conversation."""
        found: dict[Quantity, tuple[Decimal, datetime, datetime]] = {}
        for read in plan_of(meter, now):
            before = datetime.now(UTC)
            values = await self.read(meter, read)
            after = datetime.now(UTC)
            for value in values:
                if value.part.quantity is not None and (told := exact(value, now)) is not None:
                    found[value.part.quantity] = (told, before, after)
        return found


def exact(value: Value, now: datetime) -> Decimal | None:
    """As it would be stored; simulated meters stand in Shanghai."""
    quantity = value.part.quantity
    if quantity is None or quantity.kind is not Kind.TIME:
        return value.decimal
    steps, _ = stored(value, quantity, SHANGHAI, now)
    return None if steps is None else quantity.value(steps)


def plan_of(meter: VirtualMeter, now: datetime) -> Iterable[Read]:
    """The reads that give all that the meter has."""
    return meter.plate.model.plan([quantity for quantity, value in meter.values(now).items() if value is not None])


@asynccontextmanager
async def line_to(bus: RunningBus, timing: Timing = QUICK) -> AsyncIterator[Line]:
    """Opened as a reader opens it, by its URL alone."""
    wire = WIRES[bus.plan.framing]()
    link = await open_link(bus.url)
    try:
        yield Line(Driver(link, wire.reader(), timing), wire)
    finally:
        await link.close()
        await close_listeners()


def wrong(truth: Truth, meter: VirtualMeter, found: dict[Quantity, tuple[Decimal, datetime, datetime]]) -> list[str]:
    """What was read and never was so between asking and answering."""
    return [
        f"{meter.name} {quantity.name}: read {value}, had {had}"
        for quantity, (value, before, after) in found.items()
        if value not in (had := truth.between(meter.name, quantity, before, after))
    ]


def scenario(text: str) -> Scenario:
    """A scenario of one-second meters that answer at once."""
    return parse(f"tick_s = 1\n{text}", "lab.toml")


def bus(protocol: str, carrier: str, *more: str) -> str:
    """One bus of three meters as TOML."""
    lines = ["[[bus]]", f'protocol = "{protocol}"', f'carrier = "{carrier}"', "turnaround_s = 0.0", *more]
    if not any(line.startswith(("meters", "addresses")) for line in more):
        lines.append("meters = 3")
    return "\n".join(lines) + "\n"
