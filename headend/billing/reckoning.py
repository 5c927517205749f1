"""The bills of many points of one tariff and cycle: reads to determinants, these to lines. Nothing is kept here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from analytics.billing.bill import Bill
from analytics.billing.context import Context
from analytics.billing.determinants import Determinants
from analytics.billing.errors import TariffFault
from analytics.billing.rating import rate
from analytics.billing.tariff import Tariff
from analytics.errors import AnalyticsError
from headend.billing import carried
from headend.billing.contract import contract
from headend.billing.cycles import Span, span_of, supplied
from headend.billing.determinants import BY_INTERVALS, determinants
from headend.billing.gathering import gather
from headend.billing.known import Known
from headend.errors import UsageFault
from storage.bills import Before, Bills, Current
from storage.cycle_reads import BilledPoint, CycleReads
from storage.validated import Validated


@dataclass(frozen=True, slots=True)
class Sources:
    """Where everything comes from: three connections, and how near to a bound a person's read counts."""

    reads: CycleReads
    bills: Bills
    validated: Validated
    tolerance: timedelta


@dataclass(frozen=True, slots=True)
class Told:
    """What a person states of all points: positions in steps, and amounts of the account or indices."""

    carried: Mapping[str, Decimal] = field(default_factory=dict)
    amounts: Mapping[str, Decimal] = field(default_factory=dict)

    def after(self, kept: Mapping[str, Mapping[str, str]] | None) -> Told:
        """This, and what was stated for a kept bill and is not stated anew."""
        if not kept or not (kept["carried"] or kept["amounts"]):
            return self
        carried, amounts = ({n: Decimal(v) for n, v in kept[key].items()} for key in ("carried", "amounts"))
        return Told({**carried, **self.carried}, {**amounts, **self.amounts})


NOTHING: Final = Told()


@dataclass(frozen=True, slots=True)
class Reckoned:
    """A bill with what it rests on. `as_of`: the run of validated values that it stands on; None: on none."""

    point: BilledPoint
    given: Determinants
    context: Context
    bill: Bill
    told: Told
    before: Before | None
    as_of: int | None


@dataclass(frozen=True, slots=True)
class Refused:
    """No bill can be told, and why."""

    point: BilledPoint
    reason: str


async def reckon(
    sources: Sources,
    points: Sequence[BilledPoint],
    tariff: Tariff,
    cycle: date,
    told: Told,
    kept: Mapping[int, Current],
) -> list[Reckoned | Refused]:
    """In the order of `points`; what was stated of `kept` bills holds on.

    Raises `TariffFault` where no version holds the cycle, storage errors.
    """
    span = span_of(cycle, tariff.zone)
    as_of = await sources.validated.last_run()
    try:
        known = await gather(sources.reads, sources.validated, points, span, tariff, sources.tolerance)
    except TariffFault:
        raise
    except AnalyticsError as error:  # such as a year whose holidays nobody knows
        return [Refused(point, str(error)) for point in points]
    before = await sources.bills.before([point.id for point in points], span[0])
    known.stops = carried.stops(before, span[0])
    counted = carried.counted(tariff, span[0].astimezone(tariff.zone).date())
    stated = {p.id: told.after(kept[p.id].told if p.id in kept else None) for p in points}
    unknown = [
        p.id
        for p in points
        if not counted.keys() <= {*stated[p.id].carried, *(before[p.id].carried["carried"] if p.id in before else ())}
    ]
    read = await carried.from_registers(sources.reads, unknown, span, tariff, sources.tolerance)
    found: list[Reckoned | Refused] = []
    for point in points:
        try:
            known_so_far = before.get(point.id), read.get(point.id, {}), stated[point.id]
            found.append(_one(point, span, tariff, known, *known_so_far, as_of))
        except TariffFault:
            raise
        except (AnalyticsError, UsageFault) as error:
            found.append(Refused(point, str(error)))
    return found


def _one(
    point: BilledPoint,
    span: Span,
    tariff: Tariff,
    known: Known,
    before: Before | None,
    read: carried.Positions,
    told: Told,
    as_of: int | None,
) -> Reckoned:
    """Raises `AnalyticsError`, `UsageFault`."""
    own, notes = supplied(known.stays.get(point.id, ()), span)
    agreed = contract(point, known.agreed(point.id, *own), *own)
    given = determinants(point, own, tariff, agreed, known, notes)
    positions, credited = carried.of_bill(before) if before is not None else ({}, {})
    stated = carried.told(told.carried, own[0], tariff) if told.carried else {}
    context = Context(
        carried={**read, **positions, **stated}, credits=credited, choice=agreed.choice, amounts=told.amounts,
        indices=told.amounts,
    )  # fmt: skip
    stands_on = as_of if BY_INTERVALS in given.notes else None
    return Reckoned(point, given, context, rate(given, tariff, context), told, before, stands_on)
