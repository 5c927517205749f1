"""The intervals of whole local days: 92, 96 or 100 quarter-hours, each in its place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]

STEPS_MINUTES: Final = (15, 30, 60)
_DAY_S: Final = 86400


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Intervals of `days`, local days of `zone`; `starts` in seconds since 1970, UTC.

    `day` and `slot` say for each interval on which day it is and which slot of the wall clock it has; an hour that
    comes twice has its slots twice. `wall` (day, slot) is the way back: the first interval of that slot, -1 where the
    clock skips it. `layout` (day, n-th interval of the day) is padded with -1.
    """

    zone: ZoneInfo
    step_s: int
    days: tuple[date, ...]
    starts: Places
    day: Places
    slot: Places
    wall: Places
    layout: Places

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def slots(self) -> int:
        """Of a day of 24 hours."""
        return _DAY_S // self.step_s

    def start(self, at: int) -> datetime:
        """When interval `at` begins, UTC; the end of the last one for `len(grid)`."""
        if at == len(self.starts):
            return datetime.fromtimestamp(int(self.starts[-1]) + self.step_s, UTC)
        return datetime.fromtimestamp(int(self.starts[at]), UTC)

    def place(self, time: datetime) -> int | None:
        """Which boundary `time` is, `len(grid)` for the end of the last interval; None: it is none."""
        if time.tzinfo is None:
            raise ValueError(f"{time.isoformat()} carries no zone")
        seconds = (time.astimezone(UTC) - datetime.fromtimestamp(int(self.starts[0]), UTC)) / timedelta(seconds=1)
        at, off = divmod(seconds, self.step_s)
        return None if off or not 0 <= at <= len(self.starts) else int(at)


@lru_cache(maxsize=64)
def grid(first: date, until: date, zone: ZoneInfo, step_minutes: int = 15) -> Grid:
    """The local days [first, until). Raises `ValueError` where a day has no whole number of steps."""
    if step_minutes not in STEPS_MINUTES:
        raise ValueError(f"a step of {step_minutes} minutes, expected one of {STEPS_MINUTES}")
    if not first < until:
        raise ValueError(f"no days: {first} is not before {until}")
    step = step_minutes * 60
    days = tuple(first + timedelta(days=count) for count in range((until - first).days))
    edges = [_midnight(day, zone) for day in (*days, until)]
    counts = []
    for named, begins, ends in zip(days, edges[:-1], edges[1:], strict=True):
        if (ends - begins) % step:
            raise ValueError(f"{named} of {zone} has no whole number of {step_minutes} minutes")
        counts.append((ends - begins) // step)
    starts = np.arange(edges[0], edges[-1], step, dtype=np.int64)
    day = np.repeat(np.arange(len(days)), counts)
    slot = np.concatenate([_slots(edges[at], counts[at], step, zone) for at in range(len(days))])
    wall = np.full((len(days), _DAY_S // step), -1, np.int64)
    places, firsts = np.unique(day * wall.shape[1] + slot, return_index=True)
    wall.reshape(-1)[places] = firsts
    layout = np.full((len(days), max(counts)), -1, np.int64)
    nth = np.arange(len(starts)) - np.repeat(np.cumsum([0, *counts[:-1]]), counts)
    layout[day, nth] = np.arange(len(starts))
    return Grid(zone, step, days, starts, day, slot, wall, layout)


def _midnight(day: date, zone: ZoneInfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def _slots(begins: int, count: int, step: int, zone: ZoneInfo) -> Places:
    if count * step == _DAY_S:
        return np.arange(count, dtype=np.int64)
    local = (datetime.fromtimestamp(begins + at * step, zone) for at in range(count))
    return np.array([(time.hour * 60 + time.minute) * 60 // step for time in local], np.int64)
