"""Loads as hours of days: what the rules look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Days:
    """`w[k, d, s]`: mean load in W, NaN for a gap. `full[k, d]`: enough of the day was read. `off[d]`: no workday."""

    names: tuple[str, ...]
    w: Floats
    full: Flags
    off: Flags
    step_s: int

    @property
    def hour(self) -> Floats:
        """At which a slot begins."""
        return np.arange(self.w.shape[2]) * (self.step_s / 3600)

    def within(self, hours: tuple[int, int]) -> Flags:
        """Slots that begin in [from, to), over midnight where `to` is less."""
        first, until = hours
        hour = self.hour
        if first < until:
            return np.asarray((hour >= first) & (hour < until))
        return np.asarray((hour >= first) | (hour < until))

    def profile(self, days: Flags) -> Floats:
        """(series, slot): the mean over those days of which enough was read; NaN where none was."""
        return mean(self.w, (self.full & days[None])[:, :, None], axis=1)


def mean(values: Floats, where: Flags, axis: int | tuple[int, ...]) -> Floats:
    """Of what is there; NaN where nothing is."""
    held = np.isfinite(values) & where
    count = held.sum(axis=axis)
    total = np.where(held, values, 0).sum(axis=axis, dtype=np.float64)
    made: Floats = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return made
