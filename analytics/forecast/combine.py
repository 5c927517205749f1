"""Models against the same hour of last week on days that the models had not seen: their weights, and intervals."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics.forecast.words import QUANTILES, Floats, Level

_SHARES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_NEAR_DAY: Final = 1 / 8
"""Residuals of up to three hours to either side count for a slot's interval."""
_FREE: Final = 3
"""As so many independent ones a day."""


def error(actual: Floats, guess: Floats, level: Level) -> Floats:
    """(series,): the mean absolute error, of areas and the system the relative one; NaN where nothing is known."""
    off = np.abs(actual - guess)
    if level is not Level.METER:
        off = np.where(actual > 0, off / np.where(actual > 0, actual, 1), np.nan)
    held = np.isfinite(off)
    count = held.sum(axis=(1, 2))
    total: Floats = np.where(held, off, 0).sum(axis=(1, 2))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def chosen(actual: Floats, models: list[Floats], naive: Floats, level: Level) -> Floats:
    """(series, model): weights whose rest is the naive forecast's. A series whose models are not better: all 0."""
    best = error(actual, naive, level)
    weights = np.zeros((len(actual), len(models)))
    for mixed in _mixtures(len(models)):
        found = error(actual, blended(np.tile(mixed, (len(actual), 1)), models, naive), level)
        better = np.isfinite(found) & ~(found >= best)
        best = np.where(better, found, best)
        weights[better] = mixed
    return weights


def blended(weights: Floats, models: list[Floats], naive: Floats) -> Floats:
    """Where a model says nothing its share goes to the naive forecast."""
    made: Floats = np.zeros(naive.shape)
    rest = np.ones(naive.shape)
    for k, model in enumerate(models):
        share = np.where(np.isfinite(model), weights[:, k, None, None], 0)
        made = made + share * np.where(np.isfinite(model), model, 0)
        rest = rest - share
    with np.errstate(invalid="ignore"):
        return np.where(rest > 1e-9, made + rest * naive, made)


def _mixtures(models: int) -> list[NDArray[np.float64]]:
    if models == 1:
        return [np.array([share]) for share in _SHARES[1:]]
    return [
        np.array([one, other])
        for one in _SHARES for other in _SHARES
        if 0 < one + other <= 1
    ]  # fmt: skip


def intervals(actual: Floats, past: Floats, spread: Floats, point: Floats, ahead: Floats) -> Floats:
    """(quantile, series, day, slot) about `point`, by the residuals of `past` in units of `spread`.

    `spread` goes with `past`, `ahead` with `point`. Not below 0 where nothing ever was.
    """
    slots = point.shape[2]
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = (actual - past) / spread
    reach = int(slots * _NEAR_DAY)
    made = np.full((len(QUANTILES), *point.shape), np.nan)
    for slot in range(slots):
        near: Any = np.unique(np.arange(slot - reach, slot + reach + 1) % slots)
        values = scaled[:, :, near].reshape(len(scaled), -1)
        free = min(_FREE, len(near)) / len(near)
        made[..., slot] = point[..., slot] + _cuts(values, free)[:, :, None] * ahead[..., slot]
    least = np.where(np.isfinite(actual), actual, np.inf).min(axis=(1, 2), initial=np.inf)
    floor = np.where(least >= 0, 0.0, -np.inf)[None, :, None, None]
    return np.sort(np.maximum(made, floor), axis=0)


def _cuts(values: Floats, free: float) -> Floats:
    """(quantile, row): of what is known of each row, NaN where nothing is. `free`: how many independent errors each
    counts for; the fewer there are, the farther out a quantile is looked for (at Weibull's positions)."""
    ordered = np.sort(np.where(np.isfinite(values), values, np.nan), axis=1)  # NaN goes to the end
    made = np.full((len(QUANTILES), len(ordered)), np.nan)
    if ordered.shape[1] == 0:
        return made
    last = np.maximum(np.isfinite(ordered).sum(axis=1) - 1, 0)
    count = np.maximum((last + 1) * free, 2)
    rows = np.arange(len(ordered))
    for k, share in enumerate(QUANTILES):
        place = np.clip((share * (count + 1) - 1) / (count - 1), 0, 1) * last
        low = place.astype(np.int64)
        high = np.minimum(low + 1, last)
        made[k] = ordered[rows, low] + (place - low) * (ordered[rows, high] - ordered[rows, low])
    return made
