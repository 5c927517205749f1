"""A point's register in a span, cut where meters, multipliers and registers change, with how each end is known."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from itertools import pairwise

from analytics.registers import ReadType, Segment
from headend.billing.known import Known
from protocols import models
from protocols.errors import ModelError
from protocols.model import Quantity
from protocols.quantities import BY_ID
from storage.cycle_reads import Stay


def segments(known: Known, point_id: int, quantity: Quantity, start: datetime, end: datetime) -> list[Segment]:
    """By time."""
    found = []
    for stay in known.stays.get(point_id, ()):
        first = stay.start if stay.start > start else start
        last = end if stay.end is None or stay.end > end else stay.end
        if first < last:
            for since, until in pairwise([first, *_cuts(known, stay.meter_id, quantity, first, last), last]):
                found.append(_segment(known, stay, quantity, since, until))
    return found


def _segment(known: Known, stay: Stay, quantity: Quantity, since: datetime, until: datetime) -> Segment:
    initial = known.read(stay, quantity, since, "initial")
    final = known.read(stay, quantity, until, "final")
    return Segment(
        meter=stay.meter,
        start=since,
        end=until,
        multiplier=known.multiplier(stay, since),
        initial=None if initial is None else initial.value,
        final=None if final is None else final.value,
        initial_type=ReadType.ACTUAL if initial is None else initial.type,
        final_type=ReadType.ACTUAL if final is None else final.type,
        digits=digits(stay.model, quantity.id),
        initial_time=None if initial is None else initial.time,
        final_time=None if final is None else final.time,
    )


def _cuts(known: Known, meter_id: int, quantity: Quantity, first: datetime, last: datetime) -> list[datetime]:
    """Where the multiplier changes or the register begins anew, between the two."""
    if meter_id not in known.multipliers and not known.anew:
        return []
    moments = {start for start, _ in known.multipliers.get(meter_id, ())}
    moments.update(known.anew.get((meter_id, quantity.id), ()))
    return sorted(moment for moment in moments if first < moment < last)


@cache
def digits(model: str, quantity_id: int) -> int | None:
    """Places of a model's register; None: not known, as of a model that is not shipped any more."""
    try:
        return models.load(model).digits(BY_ID[quantity_id])
    except ModelError:
        return None
