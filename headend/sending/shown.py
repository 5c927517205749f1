"""What a meter shows before and after a command, as the core is told it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from headend.collection.line import Line
from headend.collection.survey import MeterPath
from headend.safety.function import Function
from headend.safety.order import Order
from headend.safety.verification import Seen
from headend.safety.world import World
from headend.sending.look import look
from headend.sending.telling import Telling, Timekeeper


@dataclass(frozen=True, slots=True)
class Shown:
    """`telling`: where it is to be told the time."""

    meter: str
    seen: Seen
    telling: Telling | None = None

    def onto(self, world: World) -> World:
        """`world` with that; the rules of clocks are asked at this moment."""
        limits = {} if self.seen.limit_kw is None else {self.meter: self.seen.limit_kw}
        rules = {} if self.telling is None else {self.meter: self.telling.against()}
        return replace(world, load_limits=limits, time_rules=rules)


async def shown(line: Line, meter: MeterPath, order: Order, clocks: Timekeeper | None) -> Shown:
    """Raises `CommunicationError` where it says nothing, and `StorageError`."""
    if clocks is None or order.function is not Function.SET_TIME:
        return Shown(meter.name, await look(line, meter, order))
    telling = await clocks.read(line, meter, order)
    return Shown(meter.name, telling.seen, telling)
