"""When a plan wants something: every so many seconds, at a local time every day, on days of the month.

Slots are moments in UTC and a pure function of the schedule, so that every daemon and every restart means the same. A
local time that a day lacks (summer time begins) is the moment at which it would have been; one that comes twice is the
second. PostgreSQL sees it so, too, and computes what is expected (`plan_slots`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from headend.collection.slots import next_slot, slot_of

_DAY: Final = timedelta(days=1)


class Schedule(Protocol):
    """`period` is the longest time from a slot to the next."""

    @property
    def period(self) -> timedelta: ...

    def last(self, now: datetime) -> datetime:
        """The latest slot that has begun at `now`."""

    def next(self, now: datetime) -> datetime:
        """The first slot that begins behind `now`."""


def between(schedule: Schedule, start: datetime, end: datetime) -> Iterator[datetime]:
    """The slots in [start, end)."""
    slot = schedule.last(start)
    if slot < start:
        slot = schedule.next(start)
    while slot < end:
        yield slot
        slot = schedule.next(slot)


@dataclass(frozen=True, slots=True)
class Every:
    """The multiples of `seconds` since 1970-01-01T00:00Z."""

    seconds: int

    @property
    def period(self) -> timedelta:
        return timedelta(seconds=self.seconds)

    def last(self, now: datetime) -> datetime:
        return slot_of(now, self.seconds)

    def next(self, now: datetime) -> datetime:
        return next_slot(slot_of(now, self.seconds) + timedelta(microseconds=1), self.seconds)


@dataclass(frozen=True, slots=True)
class Daily:
    """Every day at `minute` minutes past local midnight."""

    minute: int
    zone: ZoneInfo

    @property
    def period(self) -> timedelta:
        return _DAY + timedelta(hours=1)

    def last(self, now: datetime) -> datetime:
        day = now.astimezone(self.zone).date()
        slot = _moment(day, self.minute, self.zone)
        return slot if slot <= now else _moment(day - _DAY, self.minute, self.zone)

    def next(self, now: datetime) -> datetime:
        day = now.astimezone(self.zone).date()
        slot = _moment(day, self.minute, self.zone)
        return slot if slot > now else _moment(day + _DAY, self.minute, self.zone)


@dataclass(frozen=True, slots=True)
class Monthly:
    """On each of `days` (1 to 28, ascending) at `minute` minutes past local midnight."""

    days: tuple[int, ...]
    minute: int
    zone: ZoneInfo

    @property
    def period(self) -> timedelta:
        return timedelta(days=31, hours=1)

    def last(self, now: datetime) -> datetime:
        return max(slot for slot in self._around(now) if slot <= now)

    def next(self, now: datetime) -> datetime:
        return min(slot for slot in self._around(now) if slot > now)

    def _around(self, now: datetime) -> list[datetime]:
        """The slots of the month, of the one before it and of the one behind it."""
        first = now.astimezone(self.zone).date().replace(day=1)
        months = (first - _DAY).replace(day=1), first, (first + 32 * _DAY).replace(day=1)
        return [_moment(month.replace(day=day), self.minute, self.zone) for month in months for day in self.days]


def _moment(day: date, minute: int, zone: ZoneInfo) -> datetime:
    own = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone)
    return max(own.replace(fold=fold).astimezone(UTC) for fold in (0, 1))


_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_MONTH_DAYS: Final = re.compile(r"(\d{1,2}(?:,\d{1,2})*) (\S+)")


def daily(text: str, zone: ZoneInfo) -> Daily:
    """``00:05``. Raises `ValueError`."""
    return Daily(_minute(text), zone)


def monthly(text: str, zone: ZoneInfo) -> Monthly:
    """``1 00:00`` or ``1,15 00:30``. Raises `ValueError`."""
    found = _MONTH_DAYS.fullmatch(text)
    days = sorted({int(day) for day in found[1].split(",")}) if found else []
    if not found or not days or days[0] < 1 or days[-1] > 28:
        raise ValueError(f"{text!r}, expected days of the month from 1 to 28 and a time, such as 1 00:00 or 1,15 00:30")
    return Monthly(tuple(days), _minute(found[2]), zone)


def _minute(text: str) -> int:
    found = _TIME.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r}, expected a time of the day such as 00:05")
    return 60 * int(found[1]) + int(found[2])
