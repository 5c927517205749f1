"""What a day of one meter usually looks like: the last valid days of the same type, or its class's day."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.day_types import Calendar
from analytics.intervals.grid import Grid
from analytics.vee.frame import NO_SUPPLY, Fact, Frame, History, Mask, Profiles, Steps
from analytics.vee.parameters import LikeDay


class Shape(NamedTuple):
    """A day by slots: `sums` of `days` days, so that averages stay exact."""

    sums: Steps
    days: int


class Days(NamedTuple):
    """Days of the history and then of the frame. `steps` (row, day, slot) by the wall clock; `valid`, `vacant` (row,
    day)."""

    dates: tuple[date, ...]
    types: tuple[str, ...]
    steps: Steps
    valid: Mask
    vacant: Mask
    first: int
    """Which of `dates` the frame begins with."""


def days(frame: Frame, good: Mask, history: History | None, calendar: Calendar) -> Days:
    """Of the frame's days only actual and good values count; a day with an outage is no reference, nor is one on which
    the point was disconnected or vacant for a part.

    Raises `YearUnknown` where the calendar does not know a day, `ValueError` for a history of another step.
    """
    grid = frame.grid
    out, empty = unlike(frame.facts, grid)
    steps, vacant = [frame.steps[:, grid.wall]], [empty]
    valid = [_complete(good, grid.wall) & ~out]
    dates = grid.days
    if history is not None:
        if history.grid.step_s != grid.step_s or history.grid.days[-1] >= grid.days[0]:
            raise ValueError("a history has the step of its frame and ends before it")
        steps.insert(0, history.steps[:, history.grid.wall])
        valid.insert(0, _complete(history.actual, history.grid.wall) & ~history.outage)
        vacant.insert(0, history.vacant)
        dates = (*history.grid.days, *dates)
    types = tuple(calendar.day_type(day).value for day in dates)
    return Days(
        dates, types, np.concatenate(steps, axis=1), np.concatenate(valid, axis=1), np.concatenate(vacant, axis=1),
        len(dates) - len(grid.days),
    )  # fmt: skip


def unlike(facts: NDArray[np.uint8], grid: Grid) -> tuple[Mask, Mask]:
    """Days that are like no other: without supply, or vacant, for a part; and those that are vacant throughout."""
    empty = by_day(facts, np.uint8(Fact.VACANT), grid)
    vacant = empty == (grid.layout >= 0).sum(axis=1)
    return (by_day(facts, NO_SUPPLY, grid) > 0) | ((empty > 0) & ~vacant), vacant


def by_day(facts: NDArray[np.uint8], which: np.uint8, grid: Grid) -> Steps:
    """How many intervals of each day are so."""
    return np.asarray(np.add.reduceat((facts & which) > 0, grid.layout[:, 0], axis=1, dtype=np.int64))


def _complete(good: Mask, wall: Steps) -> Mask:
    """Days all of whose slots are good; a day whose clock skips an hour is not like others."""
    return np.asarray(good[:, wall].all(axis=2) & (wall >= 0).all(axis=1))


def like_day(known: Days, row: int, day: int, rule: LikeDay) -> Shape | None:
    """The last valid days of the same type before day `day` of the frame, vacant as it is or not; None: too few."""
    at = known.first + day
    found: list[int] = []
    for before in range(at - 1, -1, -1):
        if (known.dates[at] - known.dates[before]).days > rule.horizon_days or len(found) == rule.days:
            break
        same = known.types[before] == known.types[at] and known.vacant[row, before] == known.vacant[row, at]
        if same and known.valid[row, before]:
            found.append(before)
    if len(found) < rule.least_days:
        return None
    return Shape(known.steps[row, found].sum(axis=0), len(found))


def class_day(profiles: Profiles, klass: str, day_type: str) -> Shape | None:
    """None: there is no profile."""
    found: NDArray[np.int64] | None = profiles.get(klass, {}).get(day_type)
    return None if found is None else Shape(found, 1)
