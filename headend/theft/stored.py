"""What a theft scan needs, out of the database: energies of meters and totals, who stood where, events, findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from analytics.theft import Evidence, Frame, Outcome
from headend.series.stored import EXPORT, Energies, energies, step_of
from protocols.events import MeterEvent
from storage.events import EventFilter, EventStore
from storage.registers import Of
from storage.theft import Cases
from storage.topology import Topology

KINDS: Final = {
    "meter_cover_open": "cover_opened",
    "terminal_cover_open": "terminal_cover_opened",
    "meter_clear": "cleared",
    "event_clear": "cleared",
    "event_counter_reset": "cleared",
    "active_power_reversal": "phase_reversal",
    "flow_reversal": "phase_reversal",
    "voltage_loss": "voltage_lost",
    "current_loss": "current_lost",
    "current_break": "current_lost",
    "current_imbalance": "current_imbalance",
}
"""Kind of event, without its phase, to what a scan calls it."""
_REVERSED: Final = "phase_reversal"
_OTHERS: Final = 400


@dataclass(frozen=True, slots=True)
class Stored:
    """Frames in Wh by local time; `told` are the meters that were asked for, the others are there to compare with."""

    reported: Frame
    totals: Frame | None
    membership: tuple[tuple[str, str], ...]
    events: tuple[Evidence, ...]
    outcomes: tuple[Outcome, ...]
    told: frozenset[str]


async def given(conninfo: str, days: tuple[date, date], zone: ZoneInfo, areas: Sequence[str] | None = None) -> Stored:
    """Of the local days [first, until). With `areas` their meters, and some hundred others that are spread over the
    rest: what is usual cannot be told from one area. Raises `NotFound`, storage errors."""
    first, until = (datetime(d.year, d.month, d.day, tzinfo=zone) for d in days)
    async with Topology(conninfo) as topology:
        at_end = await topology.areas_at(until, areas)
        everywhere = at_end if areas is None else await topology.areas_at(until)
        of_totals = {total.meter for total in await topology.totals()}
        exchanged = {x.new: x.old for x in await topology.exchanges() if first <= x.at < until}
    membership = [(s.name, a.area.name) for a in at_end for m in a.members for s in m.meters]
    area_of = dict(membership)
    membership += [(old, area_of[new]) for new, old in exchanged.items() if new in area_of]
    mine = [name for name, _ in membership]
    others = sorted({s.name for a in everywhere for m in a.members for s in m.meters} - set(mine))
    spread = others[:: max(len(others) // _OTHERS, 1)] if areas is not None else []
    step = await step_of(conninfo)
    wanted = None if areas is None else [*mine, *spread]
    names = [a.area.name for a in at_end]
    read = await energies(conninfo, Of.METER, wanted, days, zone, step_minutes=step)
    totals = await energies(conninfo, Of.AREA, names, days, zone, step_minutes=step)
    fed = await energies(conninfo, Of.METER, wanted, days, zone, step_minutes=step, quantity=EXPORT)
    returned = await energies(conninfo, Of.AREA, names, days, zone, step_minutes=step, quantity=EXPORT)
    members = [k for k, name in enumerate(read.names) if name not in of_totals]
    reported = Frame([read.names[k] for k in members], read.wall, read.wh[:, members])
    feeding = {name for k, name in enumerate(fed.names) if np.nansum(fed.wh[:, k]) > 0}
    return Stored(
        reported,
        _supplied(totals, returned, fed, dict(membership)) if totals.names else None,
        tuple(membership),
        await _events(conninfo, first, until, zone, feeding),
        await _outcomes(conninfo),
        frozenset(mine) if areas is not None else frozenset(reported.names),
    )


def _supplied(totals: Energies, returned: Energies, fed: Energies, area_of: dict[str, str]) -> Frame:
    """What areas were supplied with: the total's import less its export, and what members fed in."""
    cells = totals.wh.copy()
    place = {name: k for k, name in enumerate(totals.names)}
    for k, name in enumerate(returned.names):
        cells[:, place[name]] -= np.nan_to_num(returned.wh[:, k])
    for k, name in enumerate(fed.names):
        if area_of.get(name) in place:
            cells[:, place[area_of[name]]] += np.nan_to_num(fed.wh[:, k])
    return Frame(totals.names, totals.wall, cells)


async def _events(
    conninfo: str, first: datetime, until: datetime, zone: ZoneInfo, feeding: set[str]
) -> tuple[Evidence, ...]:
    """Those that hint at tampering. Who feeds in has currents that flow backwards by right."""
    async with EventStore(conninfo) as store:
        found = await store.events(EventFilter(since=first, until=until))
    made = []
    for one in found:
        kind = _kind(one.event)
        if kind is None or (kind == _REVERSED and one.meter in feeding):
            continue
        local = one.event.start.astimezone(zone).replace(tzinfo=None)
        made.append(Evidence(one.meter, np.datetime64(local, "s"), kind))
    return tuple(made)


def _kind(event: MeterEvent) -> str | None:
    code = event.kind.code
    return KINDS.get(code) or KINDS.get(code.rpartition("_l")[0])


async def _outcomes(conninfo: str) -> tuple[Outcome, ...]:
    async with Cases(conninfo) as cases:
        found = await cases.findings()
    return tuple(Outcome(one.meter, one.found, np.datetime64(one.inspected)) for one in found)
