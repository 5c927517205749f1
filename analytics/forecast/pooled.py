"""One robust regression for all series of a level: what a day's load is, relative to running means and medians.

Learned at run time from the series themselves, so that it needs a few weeks of history and no model file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics.forecast.history import back, quartiles, running, smooth, week_back
from analytics.forecast.words import Floats, Known, Level, Numbers, Panel

_SETTLE: Final = 15
"""Days until the running means say something."""
_ROWS: Final = 150_000
_HALF_LIFE: Final = 60.0
_PENALTY: Final = 3e-3
_ROUNDS: Final = 8


@dataclass(frozen=True, slots=True)
class Design:
    """`center` (series, day, slot) and what may move it (series, day, slot, feature)."""

    center: Floats
    features: Floats


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the features."""

    beta: NDArray[np.float64]


def common(series: Floats) -> NDArray[np.float32]:
    """(1, day, slot): the course that the series share, each counted by its share of its own mean."""
    held = np.isfinite(series)
    total = np.where(held, series, 0).sum(axis=0, dtype=np.float64)
    mean: NDArray[np.float32] = (total / np.maximum(held.sum(axis=0), 1)).astype(np.float32)
    return mean[None]


def design(panel: Panel, series: Floats, shared: Floats, known: Known, level: Level, days: Numbers) -> Design:
    """Of `days`; `series` is filled and scaled to a mean near 1, `shared` as `common` of all."""
    center, features = _features(panel, series, shared, known, level, days)
    stacked = np.empty((*center.shape, len(features)), np.float32)
    for k, column in enumerate(features.values()):
        stacked[..., k] = column
    return Design(center, stacked)


def _features(
    panel: Panel, series: Floats, shared: Floats, known: Known, level: Level, days: Numbers
) -> tuple[Floats, dict[str, Any]]:
    behind, early = known.behind, known.early
    everyday = np.zeros(panel.days, np.int64)
    base = running(series, panel.kind, 10, behind)
    week = back(series, week_back(behind))
    base = np.where(np.isnan(base), week, base)
    fast, slow = running(series, everyday, 3, behind), running(series, everyday, 14, behind)
    residual = series - base
    floor = np.float32(0.02)
    mean_base = np.maximum(base.mean(axis=2, keepdims=True), floor)

    def level_of(number: int) -> Floats:
        return np.clip(back(residual.mean(axis=2, keepdims=True) / mean_base, number), -1, 1)[:, days]

    tail = max(series.shape[2] // 6, 1)
    last = residual[..., -tail:].mean(axis=2, keepdims=True) / np.maximum(
        base[..., -tail:].mean(axis=2, keepdims=True), floor
    )
    late = np.clip(back(last, behind), -1, 1)[:, days]
    middle = sum(level_of(behind + k) for k in (2, 3, 4, 5)) / 4
    at = base[:, days]
    if level is Level.METER:
        recent = quartiles(series, everyday, 14, 1, behind, days)
        alike = quartiles(series, (panel.kind > 0).astype(np.int64), 10, 1, behind, days)
        same = quartiles(series, panel.weekday, 5, 2, behind, days)
        center = np.where(np.isnan(recent[1]), at, recent[1])
        found = {
            "alike": alike[1] - center, "weekday_median": same[1] - center, "low": recent[0] - center,
            "high": recent[2] - center, "alike_low": alike[0] - center, "alike_high": alike[2] - center,
            "base": at - center, "center": center,
        }  # fmt: skip
    else:
        center = at
        found = _of_areas(panel, series, shared, behind, days, base, center)
    found |= {
        "fast": smooth(fast, 1)[:, days] - center, "slow": smooth(slow, 1)[:, days] - center,
        "before": smooth(back(series, behind), 1)[:, days] - center, "week": smooth(week, 1)[:, days] - center,
        "level1": level_of(behind) * center, "level2": level_of(behind + 1) * center, "level3": middle * center,
        "level7": level_of(week_back(behind)) * center, "late": late * center,
    }  # fmt: skip
    if early:
        morning = residual[..., :early].mean(axis=2, keepdims=True) / mean_base
        so_far = np.where(np.arange(panel.slots) < early, back(series, behind - 1)[:, days] - center, 0)
        found |= {"morning": np.clip(back(morning, behind - 1), -1, 1)[:, days] * center, "so_far": so_far}
    if panel.temperature is not None:
        found |= _of_temperature(panel.temperature, days, behind, center)
    return center, {name: np.nan_to_num(column) for name, column in found.items()}


def _of_areas(
    panel: Panel, series: Floats, shared: Floats, behind: int, days: Numbers, base: Floats, center: Floats
) -> dict[str, Any]:
    """Of noisy sums: smoother views, and how all of them move together."""
    everyday = np.zeros(panel.days, np.int64)
    weekday = running(series, panel.weekday, 21, behind)
    common_base = running(shared, panel.kind, 10, behind)
    common_base = np.where(np.isnan(common_base), back(shared, week_back(behind)), common_base)
    mean = np.maximum(common_base.mean(axis=2, keepdims=True), np.float32(0.02))
    residual = shared - common_base
    relative = residual.mean(axis=2, keepdims=True) / mean
    tail = max(series.shape[2] // 6, 1)
    last = residual[..., -tail:].mean(axis=2, keepdims=True) / mean

    def moved(column: Floats, number: int) -> Floats:
        return np.clip(back(column, number), -1, 1)[:, days] * center

    profile = common_base * (base.mean(axis=2, keepdims=True) / mean)
    angle = np.linspace(0, 2 * np.pi, series.shape[2], endpoint=False, dtype=np.float32)
    found = {
        "smooth1": smooth(base, 1)[:, days] - center, "smooth2": smooth(base, 2)[:, days] - center,
        "smooth4": smooth(base, 4)[:, days] - center,
        "weekday": np.where(np.isnan(weekday[:, days]), 0, weekday[:, days] - center),
        "profile": profile[:, days] - center, "shared1": moved(relative, behind),
        "shared2": moved(relative, behind + 1), "shared7": moved(relative, week_back(behind)),
        "shared_late": moved(last, behind),
        "shared_day": moved(residual / np.maximum(common_base, np.float32(0.02)), behind),
        "slow_smooth": smooth(running(series, everyday, 25, behind), 2)[:, days] - center,
        "kind_smooth": smooth(running(series, panel.kind, 25, behind), 1)[:, days] - center,
        "kind_fast": smooth(running(series, panel.kind, 4, behind), 2)[:, days] - center,
        "saturday": (panel.kind[days] == 1)[None, :, None] * center,
        "sunday": (panel.kind[days] == 2)[None, :, None] * center, "one": center,
    }  # fmt: skip
    for k in (1, 2, 3):
        found[f"cos{k}"], found[f"sin{k}"] = np.cos(k * angle) * center, np.sin(k * angle) * center
    return found


def _of_temperature(temperature: Floats, days: Numbers, behind: int, center: Floats) -> dict[str, Any]:
    """How far from what it was, apart for cold and heat."""
    mean = temperature.mean(axis=1, keepdims=True)
    found: dict[str, Any] = {}
    everyday = np.zeros(len(temperature), np.int64)
    for name, curve in (("cold", np.maximum(16 - mean, 0)), ("hot", np.maximum(mean - 20, 0))):
        usual = running(curve[None].astype(np.float32), everyday, 6, behind)
        found[name] = ((curve[None] - usual)[:, days] / 10) * center
        found[f"{name}_before"] = (back((curve[None] - usual).astype(np.float32), behind)[:, days] / 10) * center
    return found


def fit(made: Design, actual: Floats, age: Numbers, level: Level, seed: int = 0) -> Weights | None:
    """Least absolute errors by reweighting, relative ones where `level` asks; None where there is too little.

    `actual` (series, day, slot), scaled as the design; NaN is left out. `age` (day,) in days.
    """
    target = (actual - made.center).ravel()
    rows = np.nonzero(np.isfinite(target) & np.isfinite(made.center.ravel()))[0]
    count = made.features.shape[-1]
    if len(rows) < 10 * count:
        return None
    if len(rows) > _ROWS:
        rows = np.random.default_rng(seed).choice(rows, _ROWS, replace=False)
    features = made.features.reshape(-1, count)[rows].astype(np.float64)
    y = target[rows].astype(np.float64)
    weight = np.broadcast_to((0.5 ** (age / _HALF_LIFE))[None, :, None], actual.shape).ravel()[rows]
    if level is not Level.METER:
        weight = weight / np.maximum(actual.ravel()[rows], 0.05)
    size = features.std(axis=0) + 1e-6
    scaled = features / size
    beta = np.zeros(count)
    for turn in range(_ROUNDS):
        now = weight if turn == 0 else weight / np.maximum(np.abs(y - scaled @ beta), 0.01)
        now = now / now.mean()
        normal = scaled.T @ (scaled * now[:, None]) + _PENALTY * len(y) * np.eye(count)
        beta = np.linalg.solve(normal, scaled.T @ (now * y))
    return Weights(beta / size)


def predict(weights: Weights, made: Design) -> Floats:
    """(series, day, slot), scaled as the design."""
    found: Floats = made.center + made.features @ weights.beta.astype(np.float32)
    return found


def training_days(until: int) -> Numbers:
    """Those before `until` of which enough is known."""
    return np.arange(min(_SETTLE, until), until)
