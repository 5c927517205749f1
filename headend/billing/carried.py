"""Positions in yearly and monthly steps where a cycle begins: from the last final bill, else from the registers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from analytics.billing.bill import Carried
from analytics.billing.determinants import Read
from analytics.billing.stretches import midnight
from analytics.billing.tariff import Tariff
from analytics.errors import RegisterMissing
from analytics.registers import ReadType, consumption
from headend.billing.cycles import Span
from headend.billing.determinants import IMPORT
from headend.billing.gathering import registers
from headend.billing.known import Known, Stop
from headend.billing.segments import segments
from protocols.quantities import HOME
from storage.bills import Before
from storage.cycle_reads import CycleReads

Positions = dict[str, Carried]


def counted(tariff: Tariff, day: date) -> dict[str, date]:
    """Steps that go on over cycles, by the name under which they are carried, and since when they count on that day."""
    version = tariff.rules_on(day).version
    found = {tiers.id: tiers.accumulates for tiers in version.tiers}
    found |= {f"{e.id}.{band}": e.accumulates for e in version.energy for band in e.prices}
    since = {"year": tariff.year_of(day), "month": day.replace(day=1)}
    return {name: since[accumulates] for name, accumulates in found.items() if accumulates in since}


def of_bill(before: Before) -> tuple[Positions, dict[str, Decimal]]:
    """Positions and credits that a kept bill carries on."""
    positions = {
        name: Carried(
            date.fromisoformat(told["since"]),
            Decimal(told["kwh"]),
            None if told["until"] is None else date.fromisoformat(told["until"]),
        )
        for name, told in before.carried["carried"].items()
    }
    return positions, {band: Decimal(kwh) for band, kwh in before.carried["credits"].items()}


def stops(before: Mapping[int, Before], moment: datetime) -> dict[tuple[int, str, str], Stop]:
    """The registers with which the last final bills ended: a register that is estimated too high is so made up for."""
    found = {}
    for point, bill in before.items():
        for use in bill.registers:
            if datetime.fromisoformat(use["to"]) == moment:
                stop = use["stop"]
                read = Read(datetime.fromisoformat(stop["time"]), Decimal(stop["value"]), ReadType(stop["type"]))
                found[point, use["meter"], use["register"]] = Stop(moment, read)
    return found


async def from_registers(
    reads: CycleReads, points: Collection[int], span: Span, tariff: Tariff, tolerance: timedelta
) -> dict[int, Positions]:
    """Positions of totals by point, where every register since the year began, or the first meter, was read."""
    day = span[0].astimezone(tariff.zone).date()
    totals = {name: since for name, since in counted(tariff, day).items() if _is_of_the_total(tariff, day, name)}
    found: dict[int, Positions] = {point: {} for point in points}
    for since in sorted(set(totals.values())):
        start = midnight(since, tariff.zone)
        if start >= span[0] or not points:
            continue
        times = [start, span[0]]
        known = await registers(reads, points, (start, span[0]), times, [HOME[IMPORT.id][0].id], tolerance)
        for point in points:
            kwh = _used(known, point, start, span[0])
            if kwh is not None:
                found[point] |= {name: Carried(since, kwh) for name, own in totals.items() if own == since}
    return found


def _is_of_the_total(tariff: Tariff, day: date, name: str) -> bool:
    version = tariff.rules_on(day).version
    return name in {tiers.id for tiers in version.tiers} | {f"{energy.id}.total" for energy in version.energy}


def _used(known: Known, point: int, start: datetime, end: datetime) -> Decimal | None:
    """kWh since then, or since the point's first meter; None: not known."""
    stays = known.stays.get(point, [])
    if not stays:
        return None
    first = min(stay.start for stay in stays)
    if first >= end:
        return Decimal(0)
    begins = max(first, start)
    try:
        used = consumption(segments(known, point, IMPORT, begins, end), begins, end)
    except RegisterMissing:
        return None
    return None if used.unmeasured else used.energy


def told(positions: Mapping[str, Decimal], start: datetime, tariff: Tariff) -> Positions:
    """Positions as a person states them."""
    day = start.astimezone(tariff.zone).date()
    since = counted(tariff, day)
    return {name: Carried(since.get(name, tariff.year_of(day)), kwh) for name, kwh in positions.items()}
