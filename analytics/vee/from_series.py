"""A frame of intervals that were made from registers: their gaps become totals, so that estimates add up to them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from analytics.intervals.words import Series
from analytics.vee.frame import Frame, Totals, frame


def from_series(series: Mapping[str, Series], decimals: int, **more: Any) -> Frame:
    """By row name; all on one grid. `decimals`: of the quantity's step. `more`: what else `frame` takes.

    Raises `ValueError` for an energy that is no whole number of steps, for several grids, and for no series.
    """
    grids = {id(each.grid): each.grid for each in series.values()}
    if len(grids) != 1:
        raise ValueError(f"{len(grids)} grids, expected one")
    grid = next(iter(grids.values()))
    steps = np.zeros((len(series), len(grid)), np.int64)
    present = np.zeros(steps.shape, np.bool_)
    totals: list[tuple[int, int, int, int]] = []
    first = grid.start(0)
    for row, (name, own) in enumerate(series.items()):
        for interval in own.intervals:
            at = int((interval.start - first).total_seconds()) // grid.step_s
            steps[row, at], present[row, at] = _steps(interval.energy, decimals, name), True
        for gap in own.gaps:
            if gap.whole and gap.energy is not None:
                at = int((gap.start - first).total_seconds()) // grid.step_s
                totals.append((row, at, at + gap.count, _steps(gap.energy, decimals, name)))
    return frame(tuple(series), grid, steps, present, Totals.of(totals), **more)


def _steps(energy: Decimal, decimals: int, name: str) -> int:
    scaled = energy.scaleb(decimals)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{name}: {energy} is finer than {decimals} decimals")
    return int(scaled)
