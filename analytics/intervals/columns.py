"""Intervals of many meters at once, in whole steps: registers at boundaries, and load profiles as they came.

Rows that need judgement (a register that goes down, an exchange) are left to `cumulative.series`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.intervals.grid import Grid

Steps = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Differences(NamedTuple):
    """`steps` (row, interval) where `present`. `totals` (gap, 4): row, first, last, steps of gaps between readings, in
    order. `left` (row,): the register went down; nothing is told of the row."""

    steps: Steps
    present: Mask
    totals: Steps
    left: Mask


def differences(registers: Steps, present: Mask, multiplier: Steps) -> Differences:
    """Of `registers` (row, boundary), one boundary more than intervals, times `multiplier` (row,).

    The same as `series` says of one mounting. Raises `OverflowError` where an energy does not fit 64 bits.
    """
    boundaries = registers.shape[1]
    places = np.where(present, np.arange(boundaries), -1)
    before = np.maximum.accumulate(places, axis=1)[:, :-1]
    known = present[:, 1:] & (before >= 0)
    counted = np.where(known, registers[:, 1:] - np.take_along_axis(registers, np.maximum(before, 0), axis=1), 0)
    left: Mask = np.asarray((counted < 0).any(axis=1))
    known &= ~left[:, None]
    counted = np.where(known, counted, 0)
    most = int(counted.max(initial=0)) * int(multiplier.max(initial=0))
    if most > np.iinfo(np.int64).max:
        raise OverflowError(f"an energy of up to {most} steps")
    counted *= multiplier[:, None]
    single = known & (before == np.arange(boundaries - 1))
    row, last = np.nonzero(known & ~single)
    totals = np.stack([row, before[row, last], last + 1, counted[row, last]], axis=1).astype(np.int64)
    return Differences(np.where(single, counted, 0), single, totals, left)


class Placed(NamedTuple):
    """`duplicate`: several values that differ came, and none holds. `off`: which of those given begin no interval."""

    steps: Steps
    present: Mask
    duplicate: Mask
    off: Steps


def placed(grid: Grid, rows: int, row: Steps, time: Steps, steps: Steps) -> Placed:
    """A load profile of `rows` meters onto the grid: entry k has energy `steps[k]` from `time[k]` (UTC seconds) on.

    The order of entries means nothing, and equal ones count once.
    """
    at, rest = np.divmod(time - grid.starts[0], grid.step_s)
    fits = (rest == 0) & (at >= 0) & (at < len(grid))
    key, value = (row * len(grid) + at)[fits], steps[fits]
    made = Placed(
        np.zeros((rows, len(grid)), np.int64),
        np.zeros((rows, len(grid)), np.bool_),
        np.zeros((rows, len(grid)), np.bool_),
        np.nonzero(~fits)[0],
    )
    if not len(key):
        return made
    order = np.lexsort((value, key))
    key, value = key[order], value[order]
    firsts = np.nonzero(np.diff(key, prepend=key[0] - 1))[0]
    lasts = np.append(firsts[1:], len(key)) - 1
    agree = value[firsts] == value[lasts]  # sorted: the least and the greatest of each interval
    cells = key[firsts]
    made.steps.reshape(-1)[cells[agree]] = value[firsts][agree]
    made.present.reshape(-1)[cells[agree]] = True
    made.duplicate.reshape(-1)[cells[~agree]] = True
    return made
