"""What a meter's readings show by themselves: daily properties, how they stand in the population, how they changed.

Rows of one number a day (a week, for daily readings) are made of each meter: level against the population, roughness,
silence, flatness, likeness to its own usual day, to the mirrored day, to the day before ... Each gives three features:
how it is since its greatest change, how much that differs from before, and how sure that is.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics.theft.profile import Population

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.floating[Any]]

SERIES: Final = (
    "level", "roughness", "spread", "night", "evening", "silence", "likeness", "mirror", "peak", "memory", "copy",
    "variety", "top", "base", "noise",
)  # fmt: skip
FEATURES: Final = (
    *(f"{series}_{aspect}" for series in SERIES for aspect in ("now", "shift", "surety")),
    "level_last", "level_lowest", "level_trend", "weekend", "gaps", "silent_days", "spell",
)  # fmt: skip
_EDGE: Final = 4
_CHUNK: Final = 400


def features(cells: Floats, people: Population) -> Floats:
    """(meter, len(FEATURES)) of (meter, day, slot); NaN where the readings do not tell."""
    made = [_of_chunk(cells[at : at + _CHUNK], people) for at in range(0, len(cells), _CHUNK)]
    return np.concatenate(made) if made else np.zeros((0, len(FEATURES)), np.float32)


def _of_chunk(cells: Floats, people: Population) -> Floats:
    by_day, by_slot = people.by_day, people.by_slot
    gaps = 1 - np.isfinite(cells).mean(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = cells / by_day[None, :, None]
        if cells.shape[2] == 1:
            weeks = cells.shape[1] // 7
            if weeks >= 2 * _EDGE:
                scaled = scaled[:, cells.shape[1] - 7 * weeks :, 0].reshape(len(cells), weeks, 7)
                by_slot = np.ones(7, np.float32)
        series = _series(scaled, by_slot)
    aspects = [aspect for name in SERIES for aspect in _aspects(series[name])]
    level = series["level"]
    return np.column_stack([*aspects, *_level_path(level), *_days(cells, by_day), gaps]).astype(np.float32)[:, _ORDER]


_MADE: Final = (
    *(f"{series}_{aspect}" for series in SERIES for aspect in ("now", "shift", "surety")),
    "level_last", "level_lowest", "level_trend", "spell", "weekend", "silent_days", "gaps",
)  # fmt: skip
_ORDER: Final = [_MADE.index(name) for name in FEATURES]


def _series(days: Floats, by_slot: Floats) -> dict[str, Floats]:
    """One number a day of each meter; `days` is freed of what moves all meters."""
    slots = days.shape[2]
    present = np.isfinite(days)
    enough = present.sum(axis=2) >= max(0.6 * slots, 1)
    known = np.where(present, days, 0)
    held = np.maximum(present.sum(axis=2), 1)
    mean = known.sum(axis=2) / held
    typical = _middle(np.where(enough, mean, np.nan))
    floor = np.maximum(0.02 * typical, 1e-6)[:, None]
    safe = np.maximum(mean, floor)
    filled = np.where(present, days, mean[:, :, None])
    made: dict[str, Floats] = {"level": np.log(np.maximum(mean, floor) / np.maximum(typical, 1e-6)[:, None])}
    steps = np.abs(np.diff(filled, axis=2))
    made["roughness"] = (steps.mean(axis=2) if slots > 1 else np.abs(np.diff(mean, axis=1, prepend=mean[:, :1]))) / safe
    spread = filled.std(axis=2)
    made["spread"] = spread / safe
    quarter = max(slots // 4, 1)
    made["night"] = filled[:, :, :quarter].mean(axis=2) / safe
    made["evening"] = filled[:, :, -quarter:].mean(axis=2) / safe
    silent = present & (days <= 0.004 * typical[:, None, None])
    made["silence"] = _longest_run(silent) / slots
    usual = filled.mean(axis=1, keepdims=True)
    made["likeness"] = _correlation(filled, usual)
    made["mirror"] = _correlation(filled[:, :, ::-1], by_slot) - _correlation(filled, by_slot)
    high = filled.max(axis=2)
    made["peak"] = high / safe
    made["memory"] = _correlation(filled[:, :, 1:], filled[:, :, :-1]) if slots > 3 else np.zeros_like(mean)
    made["copy"] = np.maximum(_equal(days, 1), _equal(days, 7))
    ordered = np.sort(filled, axis=2)
    made["variety"] = 1 - (np.diff(ordered, axis=2) <= 1e-3 * safe[:, :, None]).sum(axis=2) / max(slots - 1, 1)
    made["top"] = (filled >= 0.99 * high[:, :, None]).mean(axis=2)
    made["base"] = ordered[:, :, max(slots // 10, 0)] / safe
    smooth = np.abs(filled[:, :, 2:] - 2 * filled[:, :, 1:-1] + filled[:, :, :-2]) if slots > 3 else steps
    made["noise"] = np.median(smooth, axis=2) / safe if smooth.shape[2] else np.zeros_like(mean)
    return {name: np.where(enough, row, np.nan).astype(np.float32) for name, row in made.items()}


def _aspects(row: Floats) -> tuple[Doubles, Doubles, Doubles]:
    """Mean since the greatest change, what it is more than before, and that in standard errors."""
    count = row.shape[1]
    mean = _mean(row)
    if count < 2 * _EDGE + 1:
        return mean, np.zeros(len(row)), np.zeros(len(row))
    values = np.where(np.isfinite(row), row, mean[:, None]).astype(np.float64)
    middle = np.median(values, axis=1, keepdims=True)
    reach = 6 * np.median(np.abs(values - middle), axis=1, keepdims=True) + 0.05 * np.abs(middle) + 1e-6
    inside = np.clip(values, middle - reach, middle + reach) if count > 30 else values
    first, last, splits = _best_split(inside if (reach > 1e-5).any() else values)
    del first, last
    after = np.arange(count)[None, :] >= splits[:, None]
    held = after.sum(axis=1)
    now = np.where(after, values, 0).sum(axis=1) / held
    before = np.where(after, 0, values).sum(axis=1) / (count - held)
    left = values - np.where(after, now[:, None], before[:, None])
    error = np.sqrt((left**2).mean(axis=1) * (1 / held + 1 / (count - held))) + 1e-4
    shift = now - before
    return now, shift, np.sign(shift) * np.log1p(np.abs(shift / error))


def _best_split(values: Doubles) -> tuple[Doubles, Doubles, NDArray[np.int64]]:
    count = values.shape[1]
    sums = np.cumsum(values, axis=1)
    splits = np.arange(_EDGE, count - _EDGE + 1)
    before = sums[:, splits - 1] / splits
    after = (sums[:, -1:] - sums[:, splits - 1]) / (count - splits)
    best = np.argmax(np.abs(before - after) * np.sqrt(splits * (count - splits)), axis=1)
    at = np.arange(len(values))
    return before[at, best], after[at, best], splits[best]


def _level_path(level: Floats) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """The last days, the lowest week, the slope, and how long the longest low spell is (shares of the period)."""
    count = level.shape[1]
    values = np.where(np.isfinite(level), level, _mean(level)[:, None]).astype(np.float64)
    week = min(7, count)
    sums = np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1)
    moving = (sums[:, week:] - sums[:, :-week]) / week
    position = np.linspace(-0.5, 0.5, count)
    slope = (values * position).sum(axis=1) / max(float((position**2).sum()), 1e-9)
    low = _longest_run(np.asarray(values < -0.7))
    return moving[:, -1], moving.min(axis=1), slope, low / count


def _days(cells: Floats, by_day: Floats) -> tuple[Doubles, Doubles]:
    """How unlike the population's every seventh day is (by its weekday's mean), and the share of days of nothing."""
    present = np.isfinite(cells)
    total = np.where(present, cells, 0).sum(axis=2) / by_day
    any_value = present.any(axis=2)
    level = np.maximum(total.sum(axis=1) / np.maximum(any_value.sum(axis=1), 1), 1e-9)
    weekday = np.stack(
        [total[:, k::7].sum(axis=1) / np.maximum(any_value[:, k::7].sum(axis=1), 1) for k in range(7)], axis=1
    )
    nothing = (any_value & (total <= 0.01 * level[:, None])).sum(axis=1) / np.maximum(any_value.sum(axis=1), 1)
    return weekday.std(axis=1) / level, nothing


def _longest_run(flags: NDArray[np.bool_]) -> Doubles:
    """Along the last axis."""
    run = np.zeros(flags.shape[:-1])
    best = np.zeros(flags.shape[:-1])
    for k in range(flags.shape[-1]):
        run = (run + 1) * flags[..., k]
        np.maximum(best, run, out=best)
    return best


def _equal(days: Floats, lag: int) -> Doubles:
    """The share of intervals that repeat those of `lag` days before to the digit, other than zeros."""
    same: Doubles = np.zeros(days.shape[:2])
    if days.shape[1] > lag:
        now, then = days[:, lag:], days[:, :-lag]
        same[:, lag:] = ((np.abs(now - then) <= 1e-6 * np.abs(now)) & (now > 0)).mean(axis=2)
    return same


def _correlation(left: NDArray[Any], right: NDArray[Any]) -> Doubles:
    """Along the last axis; 0 where one side does not vary."""
    a = left - left.mean(axis=-1, keepdims=True)
    b = right - right.mean(axis=-1, keepdims=True)
    size = np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))
    return np.where(size > 1e-9, (a * b).sum(axis=-1) / np.where(size > 1e-9, size, 1), 0)


def _mean(row: Floats) -> Doubles:
    known = np.isfinite(row)
    return np.asarray(np.where(known, row, 0).sum(axis=1, dtype=np.float64) / np.maximum(known.sum(axis=1), 1))


def _middle(row: NDArray[Any]) -> Doubles:
    """The median of what is known, 0 where nothing is."""
    ordered = np.sort(row, axis=1)
    known = np.isfinite(row).sum(axis=1)
    at = np.arange(len(row))
    return np.where(known > 0, ordered[at, np.maximum(known - 1, 0) // 2], 0)
