"""When the highest demand was: by the meter's own word, by intervals, and where the two do not agree.

A meter tells when the demand period ended; an interval is told by its start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Final

from analytics.billing.determinants import Demand, utc
from analytics.billing.exact import EXACT, plain
from analytics.billing.from_intervals import Interval

_PERIODS: Final = tuple(timedelta(minutes=minutes) for minutes in (15, 30, 60))
"""Demand periods in use. They may slide, so one touches two intervals or more."""
_CLOCK: Final = timedelta(minutes=5)
"""By so much the meter's clock may be wrong."""
_HOUR: Final = timedelta(hours=1)


def when(demand: Demand, zone: tzinfo) -> str:
    """``45.2 kW at 2026-03-14T10:15:00+08:00 by the meter``; empty where it is not told."""
    if demand.time is None:
        return ""
    source = {"meter": " by the meter", "intervals": " by validated intervals, its start"}.get(demand.source, "")
    return f"{plain(demand.kw)} kW at {demand.time.astimezone(zone).isoformat()}{source}"


def left_out(outside: Demand, zone: tzinfo) -> str:
    """What is said of a demand that is of another time than the one that is billed."""
    return f"the maximum register showed {when(outside, zone)}: of another cycle, was it not reset? It is left out"


def held_against(
    demand: Demand, intervals: Sequence[Interval], step: timedelta, tolerance: Decimal, zone: tzinfo
) -> tuple[Demand, str]:
    """With the time where the meter told none and intervals show the same; and what they contradict, else empty.

    `tolerance`: kWh by which the intervals between two registers may be wrong.
    """
    to_kw = _ratio(_HOUR, step)
    same = [one for one in intervals if EXACT.multiply(one.kwh, to_kw) == demand.kw]
    highest = max((one.kwh for one in intervals), default=Decimal(0))
    same = [one for one in same if one.kwh == highest]
    if demand.time is None:
        return (replace(demand, time=same[0].start, source="intervals") if same else demand), ""
    at = utc(demand.time)
    if same and not any(utc(one.start) - _CLOCK < at <= utc(one.start) + step + _CLOCK for one in same):
        first = Demand(demand.kw, same[0].start, "intervals")
        return demand, f"{when(demand, zone)}, but {when(first, zone)}: the two do not agree"
    allowed = [_most(intervals, step, at, period, tolerance) for period in _PERIODS]
    most = max((kw for kw in allowed if kw is not None), default=demand.kw)
    if None not in allowed and most < demand.kw:
        return demand, f"{when(demand, zone)}, but validated intervals show {plain(most)} kW there at most"
    return demand, ""


def _most(
    intervals: Sequence[Interval], step: timedelta, at: datetime, period: timedelta, tolerance: Decimal
) -> Decimal | None:
    """The highest demand over a `period` that ended `at` that the intervals allow; None where one is estimated."""
    end = at + _CLOCK
    start = end - period - 2 * _CLOCK
    touched = [one for one in intervals if utc(one.start) < end and utc(one.start) + step > start]
    if not touched or any(one.estimated for one in touched):
        return None
    energy = sum((one.kwh for one in touched), tolerance)
    return EXACT.multiply(energy, _ratio(_HOUR, period)).normalize()


def _ratio(one: timedelta, other: timedelta) -> Decimal:
    return EXACT.divide(Decimal(one // timedelta(seconds=1)), Decimal(other // timedelta(seconds=1)))
