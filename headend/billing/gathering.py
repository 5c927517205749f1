"""Fetches what the bills of many points under one tariff stand on: a few statements for all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from analytics.billing.stretches import cuts
from analytics.billing.tariff import Tariff
from headend.billing.cycles import Span
from headend.billing.determinants import DEMAND, IMPORT, OCCURRED, changes, demand_spans, lacks_bands, needs
from headend.billing.intervals import validated_intervals
from headend.billing.known import Known
from protocols.quantities import HOME
from storage.cycle_reads import BilledPoint, CycleReads, Stay
from storage.validated import Validated


async def gather(
    reads: CycleReads,
    validated: Validated,
    points: Sequence[BilledPoint],
    span: Span,
    tariff: Tariff,
    tolerance: timedelta,
) -> Known:
    """Of [start, end], both in. Raises `TariffFault`, storage errors."""
    wanted = needs(tariff, *span)
    layouts = {HOME[quantity.id][0].id for quantity in wanted.quantities}
    known = await registers(
        reads, [point.id for point in points], span, [*span, *cuts(tariff, *span)], layouts, tolerance
    )
    for agreed in await reads.contracts([point.id for point in points]):
        known.contracts.setdefault(agreed.point_id, []).append(agreed)
    if wanted.demand:
        spans = [which for point in points for _, which in demand_spans(point, span, known)]
        known.highest = dict(zip(spans, await reads.highest(DEMAND, OCCURRED, spans), strict=True))
    lacking = [point for point in points if lacks_bands(point, span, wanted, known)]
    if lacking or wanted.demand:
        asked = [point.id for point in (points if wanted.demand else lacking)]
        known.intervals = await validated_intervals(validated, asked, IMPORT, span, tariff)
    if lacking:
        clocked = {meter for p in lacking if p.id not in known.intervals for meter in _meters(known, [p.id], span)}
        moments = {edge for run in changes(tariff, *span) for edge in (run.start, run.end)}
        known.add_captures(await reads.captures(sorted(clocked), sorted(moments), [HOME[IMPORT.id][0].id]))
    return known


async def registers(
    reads: CycleReads,
    points: Collection[int],
    span: Span,
    times: Collection[datetime],
    layouts: Collection[int],
    tolerance: timedelta,
) -> Known:
    """Stays, multipliers, and registers at `times` and wherever within the span a meter comes, goes or changes."""
    known = Known(tolerance)
    for stay in await reads.stays(points):
        known.stays.setdefault(stay.point_id, []).append(stay)
    meters = sorted(_meters(known, points, span))
    for meter_id, start, multiplier in await reads.multipliers(meters):
        known.multipliers.setdefault(meter_id, []).append((start, multiplier))
    known.add_marks(await reads.marks(meters, *span))
    for read in await reads.hand_reads(meters, span[0] - tolerance, span[1] + tolerance):
        known.by_hand.setdefault((read.meter_id, read.quantity), []).append(read)
    known.add_captures(await reads.captures(meters, sorted(set(times)), sorted(layouts)))
    edges = _edges(known, span)
    some = {meter for meter, moments in edges.items() if moments - set(times)}
    if some:
        moments = sorted({moment for meter in some for moment in edges[meter]})
        known.add_captures(await reads.captures(sorted(some), moments, sorted(layouts)))
    return known


def _meters(known: Known, points: Collection[int], span: Span) -> set[int]:
    return {stay.meter_id for point in points for stay in known.stays.get(point, ()) if _touches(stay, span)}


def _touches(stay: Stay, span: Span) -> bool:
    return stay.start < span[1] and (stay.end is None or stay.end > span[0])


def _edges(known: Known, span: Span) -> dict[int, set[datetime]]:
    """By meter, when within the span it came, went, or its multiplier or register changed."""
    found: dict[int, set[datetime]] = defaultdict(set)
    for stay in (stay for stays in known.stays.values() for stay in stays if _touches(stay, span)):
        found[stay.meter_id] |= {m for m in (stay.start, stay.end) if m is not None and span[0] < m < span[1]}
    for meter, changed in known.multipliers.items():
        found[meter] |= {moment for moment, _ in changed if span[0] < moment < span[1]}
    for (meter, _), moments in known.anew.items():
        found[meter] |= {moment for moment in moments if span[0] < moment < span[1]}
    return found
