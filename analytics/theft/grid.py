"""Frames of any order, step and holes onto one grid of days and slots."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics.errors import FrameUnusable
from analytics.theft.notes import Notes
from analytics.theft.words import Frame, Times

DAY_S: Final = 86400
_MOST: Final = 1e12
"""Of any unit: no interval of any meter holds more."""
_LEAST_SHARE: Final = 0.02
"""A step that fewer of the rows have is a hole, not a step."""

Cells = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Grid:
    """`cells[k, d, p]`: energy of name k on day d in slot p. Negative energies and what could not be placed are NaN."""

    names: tuple[str, ...]
    first_day: np.datetime64
    step_s: int
    cells: Cells
    noted: Notes = field(default_factory=Notes)

    @property
    def notes(self) -> tuple[str, ...]:
        return self.noted.lines

    def rows(self, wanted: list[int]) -> Cells:
        """The cells of these names as (name, time)."""
        chosen: Cells = self.cells[wanted].reshape(len(wanted), -1)
        return chosen


def gridded(frame: Frame, what: str, like: Grid | None = None) -> Grid:
    """`frame` on a grid, that of `like` if given. Raises `FrameUnusable` where no row or no column can be used.

    Equal times are averaged (the hour that a clock shows twice counts once, the skipped one is a gap). The step is that
    of most rows; energies of finer rows are added up where they fill the cell, those of coarser ones spread evenly.
    """
    notes: list[str] = []
    counted: Counter[tuple[str, str]] = Counter()
    good = ~np.isnat(frame.times)
    if not frame.names or not good.any():
        raise FrameUnusable(f"{what}: no column of values, or no row with a time")
    times, values = _sorted(frame.times[good], np.asarray(frame.values, np.float32)[good], what, notes)
    negative = values < 0
    if negative.any():
        counted[f"{what}: ", " negative values are taken as gaps"] = int(negative.sum())
        values = np.where(negative, np.float32(np.nan), values)
    absurd = np.isfinite(values) & (values > _MOST)
    if absurd.any():
        counted[f"{what}: ", f" values above {_MOST:.0e} are taken as gaps"] = int(absurd.sum())
    values = np.where(np.isfinite(values) & ~absurd, values, np.float32(np.nan))
    lengths = _lengths(times)
    step = like.step_s if like is not None else _step(lengths, what, notes)
    first = like.first_day if like is not None else times[0].astype("datetime64[D]")
    slots = max(DAY_S // step, 1)
    span = max(step // DAY_S, 1)
    if like is not None:
        days = like.cells.shape[1]
    else:
        days = int((times[-1].astype("datetime64[D]") - first).astype(int)) // span + 1
    offset = (times - first.astype("datetime64[s]")).astype("timedelta64[s]").astype(np.int64)
    cells = _placed(offset, lengths, _spread_coarse_columns(values, what, frame, notes), step, days * slots)
    made = cells.T.reshape(len(frame.names), days, slots)
    return Grid(tuple(frame.names), first, step, made, Notes(tuple(notes), counted))


def _sorted(times: Times, values: Cells, what: str, notes: list[str]) -> tuple[Times, Cells]:
    times = times.astype("datetime64[s]")
    if len(times) < 2 or (np.diff(times).astype(np.int64) > 0).all():
        return times, values
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    unique, first = np.unique(times, return_index=True)
    if len(unique) < len(times):
        notes.append(f"{what}: {len(times) - len(unique)} rows repeat a time, their values are averaged")
        present = np.isfinite(values)
        held = np.add.reduceat(present, first, axis=0)
        total = np.add.reduceat(np.where(present, values, 0), first, axis=0)
        values = np.where(held > 0, total / np.maximum(held, 1), np.nan).astype(np.float32)
    return unique, values


def _lengths(times: Times) -> NDArray[np.int64]:
    """How long the interval of each row is: until the next row, if that is a step and no hole."""
    if len(times) < 2:
        return np.full(len(times), DAY_S, np.int64)
    gaps = np.diff(times).astype(np.int64)
    steps, count = np.unique(gaps, return_counts=True)
    regular = steps[(count >= max(_LEAST_SHARE * len(gaps), 1)) & (steps <= 2 * steps[np.argmax(count)])]
    lengths = np.append(gaps, gaps[-1])
    known = np.isin(lengths, regular)
    if not known.any():
        known[:] = True
    last = np.maximum.accumulate(np.where(known, np.arange(len(lengths)), -1))
    return np.asarray(lengths[np.where(last < 0, int(np.argmax(known)), last)])


def _step(lengths: NDArray[np.int64], what: str, notes: list[str]) -> int:
    steps, count = np.unique(lengths, return_counts=True)
    step = int(steps[np.argmax(count)])
    if len(steps) > 1:
        notes.append(f"{what}: steps of {', '.join(str(int(s)) for s in steps[:5])} s are brought to {step} s")
    if step >= DAY_S:
        fitting = DAY_S * max(round(step / DAY_S), 1)
    else:
        fitting = next(s for s in range(max(step, 60), DAY_S + 1) if DAY_S % s == 0)
    if fitting != step:
        notes.append(f"{what}: a step of {step} s does not divide the day, {fitting} s is used")
    return fitting


def _spread_coarse_columns(values: Cells, what: str, frame: Frame, notes: list[str]) -> Cells:
    """Columns that hold a value in every second, third, fourth or sixth row alone are spread over the rows between."""
    if len(values) < 12:
        return values
    present = np.isfinite(values)
    share = present.mean(axis=0)
    for stride in (2, 3, 4, 6):
        (few,) = np.nonzero((share > 0.6 / stride) & (share < 1.05 / stride))
        for k in few:
            (at,) = np.nonzero(present[:, k])
            phase = np.bincount(at % stride, minlength=stride)
            if phase.max() < 0.98 * len(at):
                continue
            if values is frame.values:
                values = values.copy()
            kept = at[at % stride == int(np.argmax(phase))]
            filled = np.full(len(values), np.nan, np.float32)
            for step in range(stride):
                inside = kept[kept + step < len(values)]
                filled[inside + step] = values[inside, k] / stride
            values[:, k] = filled
            notes.append(f"{what}: {frame.names[int(k)]} counts over {stride} rows at a time, spread evenly over them")
    return values


def _placed(offset: NDArray[np.int64], lengths: NDArray[np.int64], values: Cells, step: int, size: int) -> Cells:
    """Rows into cells of `step`, by the share of each row that falls into each cell."""
    cell = offset // step
    if (lengths == step).all() and (offset % step == 0).all():
        placed: NDArray[Any] = np.full((size, values.shape[1]), np.nan, np.float32)
        inside = (cell >= 0) & (cell < size)
        placed[cell[inside]] = values[inside]
        return placed
    total = np.zeros((size, values.shape[1]), np.float32)
    covered = np.zeros((size, values.shape[1]), np.float32)
    present = np.isfinite(values)
    filled = np.where(present, values, np.float32(0))
    for part in range(int(lengths.max()) // step + 2):
        start = np.maximum(offset, (cell + part) * step)
        inside_s = np.minimum(offset + lengths, (cell + part + 1) * step) - start
        (rows,) = np.nonzero((inside_s > 0) & (cell + part >= 0) & (cell + part < size))
        share = (inside_s[rows] / lengths[rows]).astype(np.float32)[:, None]
        np.add.at(total, cell[rows] + part, filled[rows] * share)
        np.add.at(covered, cell[rows] + part, present[rows] * (inside_s[rows] / step).astype(np.float32)[:, None])
    return np.where((covered > 0.98) & (covered < 1.02), total, np.float32(np.nan)).astype(np.float32)
