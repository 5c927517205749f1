"""Hours, days and months that values are rolled up over: those of one time zone, as moments.

A day begins at the local midnight, the first one where the clocks show it twice, the moment of the change where they
skip it; so it has 23, 24 or 25 hours, or a half more. An hour is counted from the local midnight: a day is always a
whole number of buckets, in zones with half hours too (there the last one of a day of a change can be shorter).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)


class Span(IntEnum):
    """What a bucket is; the number is the `level` of its rows."""

    HOUR = 1
    DAY = 2
    MONTH = 3


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """Half-open, in UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Calendar:
    """The buckets of one zone."""

    zone: ZoneInfo

    def midnight(self, day: date) -> datetime:
        """The moment at which a local day begins, in UTC."""
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)

    def day_of(self, moment: datetime) -> date:
        """The local day that `moment` is in."""
        day = moment.astimezone(self.zone).date()
        # Where clocks are put back over midnight the calendar shows the old day again: it has ended already.
        following = day + timedelta(days=1)
        return following if self.midnight(following) <= moment else day

    def day(self, day: date) -> Bucket:
        return Bucket(self.midnight(day), self.midnight(day + timedelta(days=1)))

    def hours(self, day: date) -> tuple[Bucket, ...]:
        """The hours of a local day."""
        return _hours(self, day)

    def month(self, day: date) -> Bucket:
        """The local month that a day is in."""
        first = day.replace(day=1)
        return Bucket(self.midnight(first), self.midnight(_next_month(first)))

    def bucket(self, span: Span, moment: datetime) -> Bucket:
        """The one that `moment` is in."""
        day = self.day_of(moment)
        if span is Span.MONTH:
            return self.month(day)
        if span is Span.DAY:
            return self.day(day)
        hours = self.hours(day)
        return hours[bisect_right([hour.start for hour in hours], moment) - 1]

    def buckets(self, span: Span, start: datetime, end: datetime) -> Iterator[Bucket]:
        """Those that begin in [start, end), in order."""
        bucket = self.bucket(span, start)
        while bucket.start < end:
            if bucket.start >= start:
                yield bucket
            bucket = self.bucket(span, bucket.end)

    def overlapping(self, hour: datetime) -> list[tuple[date, Bucket]]:
        """The local hours, with their days, that have a part in the 60 minutes from `hour` on."""
        found = []
        moment = hour
        while moment < hour + HOUR:
            bucket = self.bucket(Span.HOUR, moment)
            found.append((self.day_of(moment), bucket))
            moment = bucket.end
        return found


@lru_cache(maxsize=1000)
def _hours(calendar: Calendar, day: date) -> tuple[Bucket, ...]:
    whole = calendar.day(day)
    starts = [whole.start]
    while starts[-1] + HOUR < whole.end:
        starts.append(starts[-1] + HOUR)
    return tuple(Bucket(*pair) for pair in zip(starts, [*starts[1:], whole.end], strict=True))


def _next_month(first: date) -> date:
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)
