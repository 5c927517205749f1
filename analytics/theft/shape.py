"""What a meter's readings show by themselves: how its days are, and how they changed.

Of each row of `series`: how it is since its own greatest change and since the day at which most rows change together,
how much that differs from before, and how sure that is. Of that common day: how the values of small, middle and high
load and the usual day changed. A thief's factor moves all loads alike, other people's life does not.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics.theft.profile import Population
from analytics.theft.series import SERIES, correlation, longest_run, series

Floats = NDArray[np.floating[Any]]
Places = NDArray[np.int64]

_ASPECTS: Final = ("all", "now", "shift", "surety", "common")
FEATURES: Final = (
    *(f"{name}_{aspect}" for name in SERIES for aspect in _ASPECTS),
    "common_worth", "common_at",
    *(f"{split}_{what}" for split in ("common", "drop") for what in (
        "load_shift", "load_bend", "load_least", "day_likeness", "day_mirror", "day_turned")),
    "silent_at_spread", "level_last", "level_lowest", "level_trend", "spell", "weekend", "silent_days", "gaps",
)  # fmt: skip
_EDGE: Final = 4
_CHUNK: Final = 200
WORKERS: Final = os.cpu_count() or 1


def features(cells: Floats, people: Population) -> NDArray[np.float32]:
    """(meter, len(FEATURES)) of (meter, day, slot); NaN where the readings do not tell."""
    with ThreadPoolExecutor(WORKERS) as pool:
        parts = [cells[at : at + _CHUNK] for at in range(0, len(cells), _CHUNK)]
        made = list(pool.map(lambda part: _of_chunk(part, people), parts))
    return np.concatenate(made) if made else np.zeros((0, len(FEATURES)), np.float32)


def _of_chunk(cells: Floats, people: Population) -> NDArray[np.float32]:
    by_slot = people.by_slot
    scaled = cells / people.by_day[None, :, None]
    weeks = cells.shape[1] // 7
    if cells.shape[2] == 1 and weeks >= 2 * _EDGE:
        scaled = scaled[:, cells.shape[1] - 7 * weeks :, 0].reshape(len(cells), weeks, 7)
        by_slot = np.ones(7, np.float32)
    rows, ordered = series(scaled, by_slot)
    values = np.stack([_whole(rows[name]) for name in SERIES], axis=1)
    columns = []
    common, worth = _common_split(values)
    for k in range(len(SERIES)):
        row = values[:, k]
        columns += [row.mean(axis=1), *_aspects(row), _against(row, common)]
    columns += [worth, common / max(values.shape[2], 1)]
    level = values[:, 0]
    usual = np.where(np.isfinite(scaled), scaled, 0)
    for split in (common, _drop(level)):
        columns += _compared(ordered, usual, split)
    columns += [values[:, SERIES.index("silent_at")].std(axis=1), *_level_path(level)]
    columns += [*_days(cells, people.by_day), 1 - np.isfinite(cells).mean(axis=(1, 2))]
    return np.column_stack(columns).astype(np.float32)


def _whole(row: Floats) -> Floats:
    known = np.isfinite(row)
    mean = np.where(known, row, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.asarray(np.where(known, row, mean[:, None]))


def _splits(values: Floats) -> tuple[Places, Floats, Floats]:
    """Of (..., day): the splits that are looked at, and the means before and after each."""
    count = values.shape[-1]
    splits = np.arange(_EDGE, count - _EDGE + 1)
    sums = np.cumsum(values, axis=-1, dtype=np.float64)
    before = sums[..., splits - 1] / splits
    after = (sums[..., -1:] - sums[..., splits - 1]) / (count - splits)
    return splits, before, after


def _common_split(values: Floats) -> tuple[Places, Floats]:
    """The day at which most rows change most, and how much (a mean of F statistics' logarithms)."""
    count = values.shape[2]
    if count < 2 * _EDGE + 1:
        return np.zeros(len(values), np.int64), np.zeros(len(values))
    splits, before, after = _splits(values)
    between = (before - after) ** 2 * (splits * (count - splits) / count)
    whole = values.var(axis=2, dtype=np.float64)[:, :, None] * count + 1e-6
    worth = np.log1p(count * between / np.maximum(whole - between, 1e-3 * whole)).mean(axis=1)
    best = np.argmax(worth, axis=1)
    return splits[best], worth[np.arange(len(values)), best]


def _aspects(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean since the greatest change, what it is more than before, and that in standard errors (signed logarithm)."""
    count = values.shape[1]
    if count < 2 * _EDGE + 1:
        return values.mean(axis=1), np.zeros(len(values)), np.zeros(len(values))
    centre = np.median(values, axis=1, keepdims=True)
    reach = 6 * np.median(np.abs(values - centre), axis=1, keepdims=True) + 0.05 * np.abs(centre) + 1e-6
    lively = (np.abs(values - centre) > reach).mean(axis=1, keepdims=True) < 0.1
    splits, before, after = _splits(np.where(lively, np.clip(values, centre - reach, centre + reach), values))
    best = np.argmax(np.abs(before - after) * np.sqrt(splits * (count - splits)), axis=1)
    split = splits[best]
    later = np.arange(count)[None, :] >= split[:, None]
    now, then = _halves(values, split)
    left = values - np.where(later, now[:, None], then[:, None])
    error = np.sqrt((left**2).mean(axis=1) * (1 / split + 1 / (count - split))) + 0.002
    shift = now - then
    return now, shift, np.sign(shift) * np.log1p(np.abs(shift / error))


def _halves(values: Floats, split: Places) -> tuple[Floats, Floats]:
    """Means from `split` on and before it (the whole where there is no before)."""
    later = np.arange(values.shape[1])[None, :] >= split[:, None]
    now = np.where(later, values, 0).sum(axis=1) / np.maximum(later.sum(axis=1), 1)
    then = np.where(later, 0, values).sum(axis=1) / np.maximum((~later).sum(axis=1), 1)
    return now, np.where(split > 0, then, now)


def _against(values: Floats, split: Places) -> Floats:
    now, then = _halves(values, split)
    return now - then


def _drop(level: Floats) -> Places:
    """The day from which on the level is lowest against before."""
    count = level.shape[1]
    if count < 2 * _EDGE + 1:
        return np.zeros(len(level), np.int64)
    splits, before, after = _splits(level)
    return np.asarray(splits[np.argmax((before - after) * np.sqrt(splits * (count - splits)), axis=1)])


def _compared(ordered: Floats, days: Floats, split: Places) -> list[Floats]:
    """Loads from least to most, and the usual day, since the split against before."""
    count, slots = ordered.shape[1:]
    later = (np.arange(count)[None, :] >= split[:, None]).astype(ordered.dtype)
    held = np.maximum(later.sum(axis=1), 1)[:, None]
    lacked = np.maximum(count - later.sum(axis=1), 1)[:, None]

    def means(of: Floats) -> tuple[Floats, Floats]:
        now = np.einsum("ndp,nd->np", of, later)
        return now / held, (of.sum(axis=1) - now) / lacked

    now, then = means(ordered)
    floor = 0.01 * np.maximum(then.mean(axis=1, keepdims=True), 1e-6)
    change = np.log((now + floor) / (then + floor))
    upper = change[:, slots // 5 :]
    day, usual = means(days)
    straight = correlation(day, usual)
    turned = (
        np.max(
            [correlation(np.roll(day, k, axis=1), usual) for k in range(max(slots // 8, 1), slots, max(slots // 8, 1))],
            axis=0,
        )
        if slots > 3
        else straight
    )
    return [
        upper.mean(axis=1),
        upper.std(axis=1),
        change[:, slots // 10],
        straight,
        correlation(day[:, ::-1], usual) - straight,
        turned - straight,
    ]


def _level_path(level: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """The last days, the lowest week, the slope, and how long the longest low spell is (shares of the period)."""
    count = level.shape[1]
    week = min(7, count)
    sums = np.cumsum(np.pad(level, ((0, 0), (1, 0))), axis=1)
    moving = (sums[:, week:] - sums[:, :-week]) / week
    position = np.linspace(-0.5, 0.5, count)
    slope = (level * position).sum(axis=1) / max(float((position**2).sum()), 1e-9)
    low, _ = longest_run(np.asarray(level < -0.7))
    return moving[:, -1], moving.min(axis=1), slope, low / count


def _days(cells: Floats, by_day: Floats) -> tuple[Floats, Floats]:
    """How unlike the weekdays are, and the share of days of nothing."""
    present = np.isfinite(cells)
    total = np.where(present, cells, 0).sum(axis=2) / by_day
    known: NDArray[np.bool_] = np.asarray(present.any(axis=2))
    level = np.maximum(total.sum(axis=1) / np.maximum(known.sum(axis=1), 1), 1e-9)
    weekday = np.stack(
        [total[:, k::7].sum(axis=1) / np.maximum(known[:, k::7].sum(axis=1), 1) for k in range(7)], axis=1
    )
    nothing = (known & (total <= 0.01 * level[:, None])).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return weekday.std(axis=1) / level, nothing
