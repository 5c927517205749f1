"""How far a clock is off, from what it showed and when it can have shown it. Pure.

A meter shows local time of its zone, cut to whole seconds. The offset is its clock less ours: positive is fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

RESOLUTION: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Offset:
    """At `at` the clock was ahead by `offset`, give or take `uncertainty`."""

    at: datetime
    offset: timedelta
    uncertainty: timedelta

    @property
    def most(self) -> timedelta:
        """How far off it can be at most."""
        return abs(self.offset) + self.uncertainty


def offset_of(own: datetime, zone: ZoneInfo, earliest: datetime, latest: datetime) -> Offset:
    """The clock showed `own`, which has no zone, at some moment in [earliest, latest]."""
    middle = earliest + (latest - earliest) / 2
    shown = instant(own, zone, middle) + RESOLUTION / 2
    return Offset(middle, shown - middle, (latest - earliest) / 2 + RESOLUTION / 2)


def shown_at(moment: datetime, zone: ZoneInfo) -> datetime:
    """What a right clock shows, without its zone."""
    return moment.astimezone(zone).replace(tzinfo=None)


def instant(own: datetime, zone: ZoneInfo, near: datetime) -> datetime:
    """The moment that a clock means which shows `own`: of two, the one closer to `near`.

    An hour that summer time leaves out is shown by clocks alone that know no summer time: they are an hour behind.
    """
    found = [own.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    real = [moment for moment in found if shown_at(moment, zone) == own]
    return min(real, key=lambda moment: abs(moment - near)) if real else found[1]
