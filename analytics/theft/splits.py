"""Days at which rows of one number a day change: the means before and after each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Places = NDArray[np.int64]

EDGE: Final = 4
_MOST: Final = 92
"""Days that are tried, about; of long periods not every one."""


@dataclass(frozen=True, slots=True)
class Means:
    """Of rows (..., day): sums up to each day, and the splits of the period that are looked at."""

    sums: Floats
    splits: Places

    @classmethod
    def of(cls, values: Floats) -> Means:
        count = values.shape[-1]
        stride = max(count // _MOST, 1)
        splits = np.arange(EDGE, count - EDGE + 1, stride)
        return cls(np.cumsum(values, axis=-1, dtype=np.float64), splits)

    def between(self) -> Floats:
        """What each split takes out of the sum of squares."""
        count = self.sums.shape[-1]
        before = self.sums[..., self.splits - 1]
        gap = before * (count / self.splits) - self.sums[..., -1:]
        return np.asarray(gap * gap * (self.splits / ((count - self.splits) * count)))

    def halves(self, split: Places) -> tuple[Floats, Floats]:
        """Means from `split` on and before it (the whole where there is no before)."""
        count, whole = self.sums.shape[-1], self.sums[..., -1]
        held = np.take_along_axis(self.sums, np.maximum(split - 1, 0)[..., None], axis=-1)[..., 0]
        before = np.where(split > 0, held, 0)
        now = (whole - before) / np.maximum(count - split, 1)
        return now, np.where(split > 0, before / np.maximum(split, 1), now)


def common_split(values: Floats, means: Means) -> tuple[Places, Floats]:
    """The day at which most rows change most, and how much (a mean of F statistics' logarithms)."""
    count = values.shape[2]
    if count < 2 * EDGE + 1:
        return np.zeros(len(values), np.int64), np.zeros(len(values))
    between = means.between().astype(np.float32)
    whole = values.var(axis=2)[:, :, None] * count + 1e-6
    worth = np.log1p(count * between / np.maximum(whole - between, 1e-3 * whole)).mean(axis=1)
    best = np.argmax(worth, axis=1)
    return means.splits[best], worth[np.arange(len(values)), best]


def aspects(values: Floats, means: Means) -> tuple[Floats, Floats, Floats]:
    """Mean since the greatest change, what it is more than before, and that in standard errors (signed logarithm)."""
    count = values.shape[-1]
    whole = means.sums[..., -1] / count
    if count < 2 * EDGE + 1:
        return whole, np.zeros_like(whole), np.zeros_like(whole)
    ordered = np.sort(values, axis=-1)
    centre = ordered[..., count // 2, None]
    wide = (ordered[..., 3 * count // 4, None] - ordered[..., count // 4, None]) / 2
    reach = 6 * wide + 0.05 * np.abs(centre) + 1e-6
    within = np.clip(values, centre - reach, centre + reach)
    lively = (within != values).mean(axis=-1, keepdims=True) < 0.1
    between = Means.of(np.where(lively, within, values)).between()
    split = means.splits[np.argmax(between, axis=-1)]
    now, then = means.halves(split)
    square = np.einsum("...d,...d->...", values, values, dtype=np.float64)
    left = np.maximum(square - split * then**2 - (count - split) * now**2, 0) / count
    error = np.sqrt(left * (1 / split + 1 / (count - split))) + 0.002
    shift = now - then
    return now, shift, np.sign(shift) * np.log1p(np.abs(shift / error))


def drop(level: Floats) -> Places:
    """The day from which on the level is lowest against before."""
    count = level.shape[1]
    if count < 2 * EDGE + 1:
        return np.zeros(len(level), np.int64)
    means = Means.of(level)
    fall = means.sums[:, means.splits - 1] * (count / means.splits) - means.sums[:, -1:]
    return np.asarray(means.splits[np.argmax(fall * np.sqrt(means.splits / (count - means.splits)), axis=1)])
