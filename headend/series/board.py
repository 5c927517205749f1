"""Registers of many meters at the boundaries of a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from analytics.intervals.grid import Grid

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """Registers (meter, boundary) in steps where `present`, else 0. `row`: of each meter by its id."""

    row: dict[int, int]
    steps: Ints
    present: Mask


def board(
    cells: Grid, meters: Sequence[int], ids: Ints, time_us: Ints, steps: Ints, near: timedelta | None = None
) -> Board:
    """The nearest register of each boundary; of equally near ones the earlier, none that is farther away than `near`.

    `meters` in order.
    """
    step_us, begins = cells.step_s * 1_000_000, int(cells.starts[0]) * 1_000_000
    boundary = (time_us - begins + step_us // 2) // step_us
    off = time_us - begins - boundary * step_us
    inside = (boundary >= 0) & (boundary <= len(cells))
    if near is not None:
        inside &= np.abs(off) <= near // timedelta(microseconds=1)
    exact = np.flatnonzero(inside & (off == 0))
    beside = np.flatnonzero(inside & (off != 0))
    beside = beside[np.lexsort((-off[beside], -np.abs(off[beside])))]  # the farthest first
    made = np.zeros((len(meters), len(cells) + 1), np.int64)
    present = np.zeros(made.shape, np.bool_)
    rows = np.searchsorted(np.array(meters, np.int64), ids)
    for order in (beside, exact):  # of those that fall together the last holds
        made[rows[order], boundary[order]] = steps[order]
        present[rows[order], boundary[order]] = True
    return Board({meter: at for at, meter in enumerate(meters)}, made, present)
