"""What somebody has to go and read: registers whose bound of a cycle no source tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from analytics.billing.errors import TariffFault
from analytics.billing.tariff import Tariff
from headend.billing.carried import stops
from headend.billing.cycles import Span, span_of, supplied
from headend.billing.determinants import EXPORT, IMPORT, REACTIVE, Needs, needs
from headend.billing.gathering import registers
from headend.billing.known import Known
from headend.billing.segments import segments
from protocols import models
from protocols.errors import ModelError
from protocols.model import Quantity
from protocols.quantities import BY_NAME, HOME
from storage.bills import Bills
from storage.cycle_reads import BilledPoint, CycleReads
from storage.register_reads import Known as LastKnown
from storage.register_reads import Place, RegisterReads


@dataclass(frozen=True, slots=True)
class NotRead:
    """`boundary`: when the register should have been read. `last`: what was known before."""

    point: str
    meter: str
    quantity: Quantity
    boundary: datetime
    place: Place
    last: LastKnown | None


@dataclass(frozen=True, slots=True)
class _Lack:
    point: BilledPoint
    meter_id: int
    meter: str
    quantity: Quantity
    moment: datetime


async def not_read(
    conninfo: str,
    points: Sequence[BilledPoint],
    tariff: Tariff | None,
    cycle: date,
    zone: ZoneInfo,
    tolerance: timedelta,
    now: datetime,
) -> list[NotRead]:
    """Of points of one tariff (None: not known, only the total is asked for) up to `now`. Raises storage errors."""
    span = span_of(cycle, zone if tariff is None else tariff.zone)
    wanted = _needs(tariff, span)
    quantities = (IMPORT,) if wanted is None else wanted.quantities
    layouts = {HOME[quantity.id][0].id for quantity in quantities}
    ids = [point.id for point in points]
    async with CycleReads(conninfo) as reads, Bills(conninfo) as bills, RegisterReads(conninfo) as by_hand:
        known = await registers(reads, ids, span, span, layouts, tolerance)
        known.stops = stops(await bills.before(ids, span[0]), span[0])
        lacks = [lack for p in points for lack in _lacks(p, span, wanted, known) if lack.moment <= now]
        asked = [(lack.point.id, lack.meter_id, lack.quantity, lack.moment) for lack in lacks]
        places = await by_hand.places(asked, tolerance)
        last = await by_hand.around([(lack.meter_id, lack.quantity, lack.moment) for lack in lacks])
    return [
        NotRead(lack.point.name, lack.meter, lack.quantity, lack.moment, place, before)
        for lack, place, (before, _) in zip(lacks, places, last, strict=True)
    ]


def _needs(tariff: Tariff | None, span: Span) -> Needs | None:
    try:
        return None if tariff is None else needs(tariff, *span)
    except TariffFault:  # no version holds: the bill says so
        return None


def _lacks(point: BilledPoint, span: Span, wanted: Needs | None, known: Known) -> Iterator[_Lack]:
    stays = {stay.meter: stay for stay in known.stays.get(point.id, ())}
    own, _ = supplied(known.stays.get(point.id, ()), span)
    seen = set()
    asked = {quantity: None for stay in stays.values() for quantity in _asked(wanted, stay.model)}
    for quantity in asked:
        for segment in segments(known, point.id, quantity, *own):
            stay = stays[segment.meter]
            for moment, value in ((segment.start, segment.initial), (segment.end, segment.final)):
                key = (stay.meter_id, quantity.id, moment)
                if value is None and key not in seen and quantity in _asked(wanted, stay.model):
                    seen.add(key)
                    yield _Lack(point, stay.meter_id, stay.meter, quantity, moment)


@cache
def _asked(wanted: Needs | None, model: str) -> tuple[Quantity, ...]:
    """What a bill asks of a meter of that model, and the meter has."""
    if wanted is None:
        return (IMPORT,)
    try:
        given = set(models.load(model).quantities)
    except ModelError:  # a model that is not shipped any more: the total is all that can be asked for
        return (IMPORT,)
    rates = [BY_NAME[f"active_energy_import_{rate}"] for rate in wanted.rates]
    found = [IMPORT, *(quantity for quantity in [*rates, *([EXPORT] if wanted.export else [])] if quantity in given)]
    both: Sequence[Quantity] = next((pair for _, *pair in REACTIVE if given >= set(pair)), ())
    return (*found, *both) if wanted.reactive else tuple(found)
