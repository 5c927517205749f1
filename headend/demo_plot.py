"""What befalls the demo's meters while it collects: one is exchanged, one bus's gateway goes away for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from analytics.registers import consumption
from headend.collection.slots import next_slot
from headend.place import Store
from headend.registry.files import one_meter
from protocols.model import Kind
from protocols.quantities import BY_NAME
from simulators.fleet import Fleet, RunningBus
from simulators.meter import VirtualMeter
from storage.entries import Additions
from storage.exchange import ExchangeDone, NewExchange, Removal
from storage.ledger import State
from storage.topology import Topology

MINUTE_S: Final = 60
AWAY_BEFORE_S: Final = 4
AWAY_BEHIND_S: Final = 6
"""How long before and behind a full minute the gateway is away: beyond the time in which that minute's slot is live."""
_LEAD_S: Final = 8
_RECOVERY_S: Final = 20
_LOOK_S: Final = 0.2
_IMPORT: Final = BY_NAME["active_energy_import"]

Tell = Callable[[str], None]


@dataclass(slots=True)
class Outage:
    """`slot` is the full minute that it strikes."""

    line: str
    slot: datetime
    start: datetime | None = None
    end: datetime | None = None
    recovered: int = 0

    @property
    def over_by(self) -> datetime:
        """When its slot may be expected to be whole again."""
        return self.slot + timedelta(seconds=_RECOVERY_S)


@dataclass(frozen=True, slots=True)
class Use:
    """What was used at a point over an exchange; `parts` by meter."""

    done: ExchangeDone
    start: datetime
    end: datetime
    energy: Decimal
    parts: tuple[tuple[str, Decimal], ...]


def planned_outage(line: str, began: datetime) -> Outage:
    """Over the first full minute that leaves time before it."""
    return Outage(line, next_slot(began + timedelta(seconds=_LEAD_S), MINUTE_S))


async def cut_off(fleet: Fleet, outage: Outage, tell: Tell) -> None:
    """The gateway is switched off and on again."""
    (bus,) = (bus for bus in fleet.buses if bus.name == outage.line)
    await _until(outage.slot - timedelta(seconds=AWAY_BEFORE_S))
    outage.start = datetime.now(UTC)
    tell(f"outage: the gateway of line {outage.line} is gone")
    await bus.carrier.close()
    await _until(outage.slot + timedelta(seconds=AWAY_BEHIND_S))
    await bus.carrier.start()
    outage.end = datetime.now(UTC)
    tell(f"outage: the gateway of line {outage.line} is back; what was missed is asked of the meters' memories")


async def all_had(opened: Store, line: str, start: datetime, end: datetime) -> bool:
    """Whether nothing of the line is open still."""
    meters = [meter.id for meter in await opened.registry.meters() if meter.line == line]
    return not (await opened.ledger.balance(start, end, meters)).states[State.OPEN]


async def count_recovered(opened: Store, outage: Outage) -> None:
    meters = [meter.id for meter in await opened.registry.meters() if meter.line == outage.line]
    balance = await opened.ledger.balance(outage.slot, outage.slot + timedelta(seconds=1), meters)
    outage.recovered = balance.states[State.RECOVERED]


async def exchange(fleet: Fleet, opened: Store, old: str, new: str, at: datetime, tell: Tell) -> ExchangeDone:
    """Once the old meter has given the slot `at` or a later one: somebody takes it down, writes both displays down, and
    tells the registry, as `headend meter exchange` does."""
    removed, bus = _simulated(fleet, old)
    hung, _ = _simulated(fleet, new)
    stored = await opened.registry.meter(old)
    await _until(at)
    await _given(opened, stored.id, at)
    fleet.happen(old, "power_down")
    moment = fleet.clock()
    registers = [q for q in removed.plate.digits if q.kind is Kind.CUMULATIVE and q.name in _STATED]
    cells = {"address": hung.address, "model": stored.model, "line": bus.name, "link": None, "multiplier": "1"}
    known = Additions(
        lines=tuple(await opened.registry.lines()),
        meters=tuple(meter for meter in await opened.registry.meters() if meter.name != old),
    )
    (entry,) = one_meter(known, new, cells).meters
    removal = Removal(
        meter=old,
        at=moment,
        final={q: _shown(removed, q.name, moment) for q in registers},
        actor="demo",
        reason="the demo shows an exchange",
    )
    initial = {q: _shown(hung, q.name, moment) for q in registers}
    async with Topology(opened.conninfo) as topology:
        done = await topology.exchange(NewExchange(old=removal, new=entry, initial=initial))
    tell(f"exchange: {new} takes the place of {old} at point {done.point}")
    return done


_STATED: Final = frozenset(
    ["active_energy_import", "active_energy_export", *(f"active_energy_import_t{rate}" for rate in range(1, 5))]
)


async def used(opened: Store, done: ExchangeDone, start: datetime, end: datetime) -> Use | None:
    """From the first to the last slot in [start, end) of which there are readings. Raises `AnalyticsError`; None where
    the new meter was not read yet."""
    spans = []
    for name in (done.old, done.new):
        meter = await opened.registry.meter(name)
        readings = await opened.reader.readings([meter.id], start, end)
        spans.append([r.time for r in readings if r.quantity == _IMPORT and r.value is not None])
    if not all(spans) or done.point is None:
        return None
    first, last = min(spans[0]), max(spans[1])
    async with Topology(opened.conninfo) as topology:
        segments = await topology.segments(done.point, _IMPORT, first, last)
    found = consumption(segments, first, last)
    return Use(done, first, last, found.energy, tuple((part.meter, part.energy) for part in found.parts))


def _simulated(fleet: Fleet, name: str) -> tuple[VirtualMeter, RunningBus]:
    (found,) = ((meter, bus) for bus in fleet.buses for meter in bus.meters if meter.name == name)
    return found


def _shown(meter: VirtualMeter, quantity: str, at: datetime) -> Decimal:
    value = meter.value(BY_NAME[quantity], at)
    assert value is not None
    return value


async def _given(opened: Store, meter_id: int, slot: datetime) -> None:
    """Returns when there are readings of it, or of a later one: a slow start may have cost this one."""
    while True:
        if await opened.reader.readings([meter_id], slot, slot + timedelta(days=1)):
            return
        await asyncio.sleep(_LOOK_S)


async def _until(moment: datetime) -> None:
    await asyncio.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))
