"""The usual day of meters and of their population, and where a meter departs from its own."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_EDGE_DAYS: Final = 7
_ENOUGH: Final = 3000
_SILENT: Final = 0.002
"""Of the mean: below it an interval counts as nothing."""


@dataclass(frozen=True, slots=True)
class Population:
    """What moves all meters: `by_day` around 1, and `by_slot` with mean 1."""

    by_day: Floats
    by_slot: Floats


@dataclass(frozen=True, slots=True)
class Profiles:
    """All (meter, day, slot) or broadcastable to it."""

    usual: Floats
    expected: Floats
    after_drop: Floats
    silent: Floats
    flat: Floats
    capped: NDArray[np.bool_]


def population(cells: Floats) -> Population:
    """Of (meter, day, slot) with gaps: medians over meters (some thousand tell it), each in units of its own mean."""
    cells = cells[:: -(-len(cells) // _ENOUGH) or 1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a meter or a day without any value is NaN, and passed over
        daily = np.nanmean(cells, axis=2)
        level = np.nanmedian(daily, axis=1)
        active = np.isfinite(level) & (level > 0)
        if not active.any():
            return Population(np.ones(cells.shape[1], np.float32), np.ones(cells.shape[2], np.float32))
        by_day = np.nanmedian(daily[active] / level[active, None], axis=0)
        by_slot = np.nanmean(np.nanmean(cells[active], axis=1) / level[active, None], axis=0)
    by_day = np.where(np.isfinite(by_day) & (by_day > 0.05), by_day, 1)
    by_slot = np.where(np.isfinite(by_slot), by_slot, 1)
    mean = by_slot.mean()
    return Population(
        (by_day / by_day.mean()).astype(np.float32), (by_slot / mean if mean > 0 else by_slot).astype(np.float32)
    )


def filled(cells: Floats, people: Population) -> tuple[Floats, Floats]:
    """Gaps filled with the meter's usual slot, and the variance of what was filled in (0 where nothing was)."""
    present = np.isfinite(cells)
    known = np.where(present, cells, np.float32(0))
    count = present.sum(axis=1, keepdims=True)
    mean = known.sum(axis=1, keepdims=True) / np.maximum(count, 1)
    overall = known.sum(axis=(1, 2), keepdims=True) / np.maximum(present.sum(axis=(1, 2), keepdims=True), 1)
    mean = np.where(count > 0, mean, overall * people.by_slot[None, None, :])
    variance = np.where(present, (known - mean) ** 2, 0).sum(axis=1, keepdims=True) / np.maximum(count, 1)
    whole = np.where(present, known, mean * people.by_day[None, :, None]).astype(np.float32)
    doubt = np.where(present, 0, np.maximum(variance, 0.1 * mean**2)).astype(np.float32)
    return whole, doubt


def drop_day(days: Floats, people: Population) -> tuple[NDArray[np.int64], Floats]:
    """For each meter the day from which on it is lowest against before, and the ratio after / before there."""
    daily = days.sum(axis=2) / people.by_day
    level = np.sqrt(np.maximum(daily, 0))
    count = daily.shape[1]
    if count < 2 * _EDGE_DAYS + 1:
        return np.zeros(len(daily), np.int64), np.ones(len(daily), np.float32)
    sums = np.cumsum(level, axis=1)
    splits = np.arange(_EDGE_DAYS, count - _EDGE_DAYS + 1)
    before = sums[:, splits - 1] / splits
    after = (sums[:, -1:] - sums[:, splits - 1]) / (count - splits)
    gain = (before - after) * np.sqrt(splits * (count - splits) / count)
    best = np.argmax(gain, axis=1)
    at = np.arange(len(daily))
    ratio = (after[at, best] / np.maximum(before[at, best], 1e-9)) ** 2
    return splits[best], ratio.astype(np.float32)


def profiles(days: Floats, people: Population) -> Profiles:
    """Of days without gaps."""
    meters, count, slots = days.shape
    daily = days.mean(axis=2)
    start, _ = drop_day(days, people)
    before = np.arange(count)[None, :] < np.where(start > 0, start, count)[:, None]
    level = np.where(before, daily / people.by_day, 0).sum(axis=1) / np.maximum(before.sum(axis=1), 1)
    silent = _silences(days, daily)
    lively = before[:, :, None] & ~silent
    held = lively.sum(axis=1)
    own = np.where(lively, days / people.by_day[None, :, None], 0).sum(axis=1) / np.maximum(held, 1)
    general = level[:, None] * people.by_slot[None, :]
    trust = held / (held + 5.0)
    shape = (trust * own + (1 - trust) * general).astype(np.float32)
    expected = shape[:, None, :] * people.by_day[None, :, None]
    spread = days.std(axis=2)
    flat = (spread < 0.02 * np.maximum(daily, 1e-9)) & (daily > 0) & (slots > 3)
    top = np.sort(days.reshape(meters, -1), axis=1)[:, int(0.995 * count * slots) - 1] if slots > 3 else daily.max(1)
    at_top = np.abs(days - top[:, None, None]) <= 0.004 * top[:, None, None]
    capped = at_top & (at_top.sum(axis=(1, 2)) > 0.01 * count * slots)[:, None, None] & (top > 0)[:, None, None]
    return Profiles(
        days.mean(axis=1, keepdims=True),
        expected,
        (~before)[:, :, None].astype(np.float32),
        silent.astype(np.float32),
        flat[:, :, None].astype(np.float32),
        capped,
    )


def _silences(days: Floats, daily: Floats) -> NDArray[np.bool_]:
    """Intervals of nothing, where they last at least an eighth of a day (any length if an interval is a day)."""
    level = np.median(daily, axis=1)
    nothing = days <= _SILENT * np.maximum(level, 1e-9)[:, None, None]
    run = max(days.shape[2] // 8, 1)
    if run == 1:
        return nothing
    line = nothing.reshape(len(days), -1).astype(np.int16)
    sums = np.cumsum(np.pad(line, ((0, 0), (1, 0))), axis=1, dtype=np.int32)
    full = sums[:, run:] - sums[:, :-run] == run
    wide: NDArray[Any] = np.zeros(line.shape, np.bool_)
    for shift in range(run):
        wide[:, shift : shift + full.shape[1]] |= full
    return wide.reshape(days.shape)
