"""The registers that intervals are made of, held against others of the same meter: what persons read, and what was read
between boundaries. One that does not lie between its neighbours contradicts the interval in which it was read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

import numpy as np

from analytics.intervals.grid import Grid
from headend.series.board import Board
from headend.validation.intervals import Ints

_WHOLE: Final = 10_000
"""A unit in steps: persons often leave out the digits behind the point."""
_POWERS: Final = (10, 100, 1000, _WHOLE)


@dataclass(frozen=True, slots=True, eq=False)
class Others:
    """Registers as meters show them, in steps, with their times (microseconds since 1970, UTC)."""

    meter_id: Ints
    time_us: Ints
    steps: Ints

    def __add__(self, other: Self) -> Others:
        pairs = (("meter_id", other.meter_id), ("time_us", other.time_us), ("steps", other.steps))
        return Others(**{name: np.concatenate([getattr(self, name), more]) for name, more in pairs})

    def none(self) -> Others:
        return Others(*(np.zeros(0, np.int64) for _ in range(3)))


def off_boundaries(cells: Grid, held: Board, ids: Ints, time_us: Ints, steps: Ints, near: timedelta) -> Others:
    """Of what was read, what is no boundary's."""
    step_us = cells.step_s * 1_000_000
    off = (time_us - int(cells.starts[0]) * 1_000_000 + step_us // 2) % step_us - step_us // 2
    own = np.abs(off) > near // timedelta(microseconds=1)
    return Others(ids[own], time_us[own], steps[own])


def last_digits(held: Board) -> Ints:
    """By meter: the coarsest digit that all of its registers have, in steps."""
    common = np.gcd.reduce(held.steps, axis=1) if held.steps.size else np.zeros(len(held.row), np.int64)
    digit = np.ones(len(common), np.int64)
    for power in _POWERS:
        digit[(common % power == 0) & (common > 0)] = power
    return digit


def apart(cells: Grid, held: Board, digit: Ints, others: Others) -> Ints:
    """(n, 2): meters, and intervals in which another register is less than that before or more than that after.

    They may differ by one last digit; where the register went down nothing is told.
    """
    step_us = cells.step_s * 1_000_000
    place, rest = np.divmod(others.time_us - int(cells.starts[0]) * 1_000_000, step_us)
    inside = (place >= 0) & (place + (rest > 0) <= len(cells))
    ids, before, steps = others.meter_id[inside], place[inside], others.steps[inside]
    after = before + (rest[inside] > 0)
    row = np.array([held.row[meter] for meter in ids.tolist()], np.int64)
    slack = np.maximum(digit[row], np.where(steps % _WHOLE == 0, _WHOLE, 1))
    known = held.present[row, before], held.present[row, after]
    first, last = held.steps[row, before], held.steps[row, after]
    wrong = (known[0] & (steps < first - slack)) | (known[1] & (steps > last + slack))
    wrong &= ~(known[0] & known[1] & (last < first))
    return np.stack([ids[wrong], np.minimum(before[wrong], len(cells) - 1)], axis=1)
