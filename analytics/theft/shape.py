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
from analytics.theft.splits import EDGE, Means, aspects, common_split, drop

Floats = NDArray[np.floating[Any]]
Places = NDArray[np.int64]

_ASPECTS: Final = ("all", "now", "shift", "surety", "common")
FEATURES: Final = (
    *(f"{name}_{aspect}" for name in SERIES for aspect in _ASPECTS),
    "common_worth", "common_at",
    *(f"{split}_{what}" for split in ("common", "drop") for what in (
        "load_shift", "load_bend", "load_least", "day_likeness", "day_mirror", "day_turned", "day_bend", "day_edge",
        "day_gap", "step_shift", "step_bend")),
    "drop_others", "drop_lead",
    "silent_at_spread", "level_last", "level_lowest", "level_trend", "spell", "weekend", "silent_days", "gaps",
)  # fmt: skip
_CHUNK: Final = 100
WORKERS: Final = os.cpu_count() or 1


def features(cells: Floats, people: Population) -> NDArray[np.float32]:
    """(meter, len(FEATURES)) of (meter, day, slot); NaN where the readings do not tell."""
    with ThreadPoolExecutor(WORKERS) as pool:
        parts = [cells[at : at + _CHUNK] for at in range(0, len(cells), _CHUNK)]
        made = list(pool.map(lambda part: _of_chunk(part, people), parts))
    return np.concatenate(made) if made else np.zeros((0, len(FEATURES)), np.float32)


def _of_chunk(cells: Floats, people: Population) -> NDArray[np.float32]:
    by_slot = people.by_slot
    raw, scaled = cells, cells / people.by_day[None, :, None]
    weeks = cells.shape[1] // 7
    if cells.shape[2] == 1 and weeks >= 2 * EDGE:
        raw, scaled = (of[:, cells.shape[1] - 7 * weeks :, 0].reshape(len(cells), weeks, 7) for of in (raw, scaled))
        by_slot = np.ones(7, np.float32)
    rows, ordered = series(scaled, by_slot, raw)
    values = np.stack([_whole(rows[name]) for name in SERIES], axis=1)
    means = Means.of(values)
    common, worth = common_split(values, means)
    now, then = means.halves(np.repeat(common[:, None], len(SERIES), axis=1))
    each = np.stack([means.sums[..., -1] / values.shape[2], *aspects(values, means), now - then], axis=2)
    columns = [*each.reshape(len(values), -1).T, worth, common / max(values.shape[2], 1)]
    level = values[:, 0]
    usual = np.where(np.isfinite(scaled), scaled, 0)
    steps = np.sort(np.abs(np.diff(usual, axis=2)), axis=2) if usual.shape[2] > 3 else usual
    fallen = drop(level)
    for split in (common, fallen):
        columns += _compared(ordered, usual, steps, split)
    columns += _alone(values, fallen, means)
    columns += [values[:, SERIES.index("silent_at")].std(axis=1), *_level_path(level)]
    columns += [*_days(cells, people.by_day), 1 - np.isfinite(cells).mean(axis=(1, 2))]
    return np.column_stack(columns).astype(np.float32)


def _whole(row: Floats) -> Floats:
    known = np.isfinite(row)
    mean = np.where(known, row, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.asarray(np.where(known, row, mean[:, None]))


def _alone(values: Floats, split: Places, means: Means) -> list[Floats]:
    """How surely all but the level changed at the split (a mean of logarithms), and how much surer the level did."""
    count = values.shape[2]
    now, then = means.halves(np.repeat(split[:, None], values.shape[1], axis=1))
    between = (now - then) ** 2 * (split * (count - split) / count)[:, None]
    worth = np.log1p(count * between / np.maximum(values.var(axis=2) * count - between, 1e-6))
    others = worth[:, 1:].mean(axis=1)
    return [others, worth[:, 0] - others]


def _compared(ordered: Floats, days: Floats, steps: Floats, split: Places) -> list[Floats]:
    """Loads from least to most, and the usual day, since the split against before."""
    count, slots = ordered.shape[1:]
    later = (np.arange(count)[None, :] >= split[:, None]).astype(ordered.dtype)
    held = np.maximum(later.sum(axis=1), 1)[:, None]
    lacked = np.maximum(count - later.sum(axis=1), 1)[:, None]

    def means(of: Floats) -> tuple[Floats, Floats]:
        now = np.einsum("ndp,nd->np", of, later)
        return now / held, np.maximum(of.sum(axis=1) - now, 0) / lacked

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
    least = 0.03 * np.maximum(usual.mean(axis=1, keepdims=True), 1e-6)
    ratio = np.log((day + least) / (usual + least))
    wide = max(slots // 12, 1)
    sums = np.cumsum(np.concatenate([np.zeros_like(ratio[:, :1]), ratio, ratio], axis=1), axis=1)
    moving = (sums[:, wide : wide + slots] - sums[:, :slots]) / wide
    edge = moving - np.roll(moving, wide, axis=1)
    gap = np.sort(moving, axis=1)
    jumps, jumped = means(steps)
    leap = np.log((jumps + floor) / (jumped + floor))[:, slots // 3 :]
    return [
        upper.mean(axis=1),
        upper.std(axis=1),
        change[:, slots // 10],
        straight,
        correlation(day[:, ::-1], usual) - straight,
        turned - straight,
        moving.std(axis=1),
        edge.min(axis=1) + edge.max(axis=1),
        np.maximum(edge.max(axis=1), -edge.min(axis=1)) - (gap[:, -1] - gap[:, 0]) / 2,
        leap.mean(axis=1) - upper.mean(axis=1),
        leap.std(axis=1),
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
