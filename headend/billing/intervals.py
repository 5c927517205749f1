"""Validated intervals of whole cycles, where the clock has to tell what the meter's rate registers do not."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

from analytics.billing.from_intervals import Interval
from analytics.billing.tariff import Tariff
from headend.billing.cycles import Span
from protocols.model import Quantity
from storage.validated import Validated, Which
from storage.validated_days import ACTUAL, Days

_STEPS_S: Final = (900, 1800, 3600)
"""Lengths of intervals, the finest first."""
Found = dict[int, tuple[timedelta, list[Interval]]]


async def validated_intervals(
    validated: Validated, points: Collection[int], quantity: Quantity, span: Span, tariff: Tariff
) -> Found:
    """By point, of those whose days are all validated and have a value in each interval."""
    first, last = (moment.astimezone(tariff.zone).date() for moment in span)
    found: Found = {}
    for step_s in _STEPS_S:
        left = sorted(set(points) - set(found))
        if not left:
            break
        which = Which(left, (quantity,), step_s, first, last)
        async for days in validated.days(which):
            for point, intervals in _by_point(days, quantity).items():
                found.setdefault(point, (timedelta(seconds=step_s), []))[1].extend(intervals)
    whole = (span[1] - span[0]) // timedelta(seconds=1)
    return {
        point: (step, intervals)
        for point, (step, intervals) in found.items()
        if len(intervals) * step // timedelta(seconds=1) == whole
    }


def _by_point(days: Days, quantity: Quantity) -> dict[int, list[Interval]]:
    found: dict[int, list[Interval]] = {}
    step = timedelta(seconds=days.step_s)
    for row in range(len(days)):
        start = datetime.fromtimestamp(int(days.start[row]), UTC)
        own = found.setdefault(int(days.point[row]), [])
        own += [
            Interval(start + step * at, quantity.value(int(days.steps[row, at])), int(days.source[row, at]) != ACTUAL)
            for at in range(int(days.count[row]))
            if days.present[row, at]
        ]
    return found
