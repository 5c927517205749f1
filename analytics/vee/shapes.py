"""What a day of one meter usually looks like: the last valid days of the same type, or its class's day."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.day_types import Calendar
from analytics.vee.frame import Fact, Frame, History, Mask, Profiles, Steps
from analytics.vee.parameters import LikeDay


class Shape(NamedTuple):
    """A day by slots: `sums` of `days` days, so that averages stay exact."""

    sums: Steps
    days: int


class Days(NamedTuple):
    """Days of the history and then of the frame. `steps` (row, day, slot) by the wall clock; `valid` (row, day)."""

    dates: tuple[date, ...]
    types: tuple[str, ...]
    steps: Steps
    valid: Mask
    first: int
    """Which of `dates` the frame begins with."""


def days(frame: Frame, good: Mask, history: History | None, calendar: Calendar) -> Days:
    """Of the frame's days only actual and good values count; a day with an outage is no reference.

    Raises `YearUnknown` where the calendar does not know a day, `ValueError` for a history of another step.
    """
    grid = frame.grid
    out = np.zeros((len(frame.names), len(grid.days)), np.bool_)
    hit = np.nonzero((frame.facts & np.uint8(Fact.OUTAGE)) > 0)
    out[hit[0], grid.day[hit[1]]] = True
    steps = [frame.steps[:, grid.wall]]
    valid = [_complete(good, grid.wall) & ~out]
    dates = grid.days
    if history is not None:
        if history.grid.step_s != grid.step_s or history.grid.days[-1] >= grid.days[0]:
            raise ValueError("a history has the step of its frame and ends before it")
        steps.insert(0, history.steps[:, history.grid.wall])
        valid.insert(0, _complete(history.actual, history.grid.wall) & ~history.outage)
        dates = (*history.grid.days, *dates)
    types = tuple(calendar.day_type(day).value for day in dates)
    return Days(dates, types, np.concatenate(steps, axis=1), np.concatenate(valid, axis=1), len(dates) - len(grid.days))


def _complete(good: Mask, wall: Steps) -> Mask:
    """Days all of whose slots are good; a day whose clock skips an hour is not like others."""
    return np.asarray(good[:, wall].all(axis=2) & (wall >= 0).all(axis=1))


def like_day(known: Days, row: int, day: int, rule: LikeDay) -> Shape | None:
    """The last valid days of the same type before day `day` of the frame; None: too few."""
    at = known.first + day
    found: list[int] = []
    for before in range(at - 1, -1, -1):
        if (known.dates[at] - known.dates[before]).days > rule.horizon_days or len(found) == rule.days:
            break
        if known.types[before] == known.types[at] and known.valid[row, before]:
            found.append(before)
    if len(found) < rule.least_days:
        return None
    return Shape(known.steps[row, found].sum(axis=0), len(found))


def class_day(profiles: Profiles, klass: str, day_type: str) -> Shape | None:
    """Raises `ValueError` for a profile that is no day of this step (by the caller's slots)."""
    found: NDArray[np.int64] | None = profiles.get(klass, {}).get(day_type)
    return None if found is None else Shape(found, 1)
