"""Loads of a town that was made up: habits by day and hour, weather that moves all, noise of each home."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from analytics.forecast import Panel, panel
from analytics.theft.words import Frame

FIRST = np.datetime64("2026-01-05T00:00:00")
"""A Monday."""


def loads(homes: int, days: int, slots: int = 24, seed: int = 1) -> NDArray[np.float64]:
    """(time, home)."""
    rng = np.random.default_rng(seed)
    hour = np.linspace(0, 2 * np.pi, slots, endpoint=False)
    habit = 1.2 - np.cos(hour - 0.6)[None] + 0.5 * np.cos(2 * hour)[None] * (np.arange(days) % 7 < 5)[:, None]
    weather = np.zeros(days)
    for day in range(1, days):
        weather[day] = 0.7 * weather[day - 1] + rng.normal(0, 0.06)
    size = rng.gamma(4, 60, homes)
    mean = habit[..., None] * np.exp(weather)[:, None, None] * size
    noisy = mean * rng.gamma(2.0, 0.5, mean.shape)
    return noisy.reshape(days * slots, homes)


def times(days: int, slots: int = 24) -> NDArray[np.datetime64]:
    return FIRST + np.arange(days * slots) * np.timedelta64(86400 // slots, "s")


def frame(values: NDArray[np.float64], slots: int = 24) -> Frame:
    return Frame([f"m{k}" for k in range(values.shape[1])], times(len(values) // slots, slots), values)


def town(homes: int = 12, days: int = 70, more_days: int = 0, holidays: frozenset[date] = frozenset()) -> Panel:
    return panel(frame(loads(homes, days)), None, more_days, None, holidays)[0]
