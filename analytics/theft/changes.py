"""Honest changes played on a utility's own readings: what the prior learns not to take for theft.

Each takes what was used, (day, slot), the day it begins, and a seeded generator, and returns what would have been used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics.theft.imitation import Play, since

Floats = NDArray[np.floating[Any]]


def vacancy(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """Nobody at home for days or weeks, or from then on: the nights over and over, or most is switched off."""
    count, slots = used.shape
    nights = _nights(used)
    changed = used.copy()
    for _ in range(int(rng.integers(1, 3))):
        long = int(rng.integers(4, max(min(60, count // 3), 6))) if rng.random() < 0.7 else count
        days = min(start + long, count) - start
        parts = -(-slots // nights.shape[1])
        quiet = nights[rng.integers(len(nights), size=days * parts)].reshape(days, -1)[:, :slots]
        inside = changed[start : start + days]
        if rng.random() < 0.5:
            inside[:] = np.where(np.isfinite(inside), quiet * rng.uniform(0.85, 1.0), inside)
        else:
            inside *= rng.uniform(0.05, 0.3)
        start = int(rng.integers(count))
    return changed


def _nights(used: Floats) -> Floats:
    """(night, slot) of the sixth of the day in which least is used; of daily readings the least day."""
    slots = used.shape[1]
    if slots < 4:
        return np.full((1, 1), 0.7 * float(np.nanquantile(used, 0.1)))
    wide = max(slots // 6, 1)
    usual = np.nan_to_num(np.nanquantile(np.nan_to_num(used), 0.5, axis=0))
    around = np.convolve(np.concatenate([usual, usual[: wide - 1]]), np.ones(wide), "valid")
    nights = used[:, (int(np.argmin(around)) + np.arange(wide)) % slots]
    whole = nights[np.isfinite(nights).all(axis=1)]
    return whole if len(whole) else np.zeros((1, wide))


def efficiency(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """New appliances, insulation: a little less of everything, of the upper part more."""
    factor = rng.uniform(0.6, 0.95)
    base = np.nanquantile(used, 0.3)
    return since(
        used, start, used * factor if rng.random() < 0.5 else np.where(used > base, base + (used - base) * factor, used)
    )


def sun(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """A roof with cells; what is left over is not counted as import."""
    slots = used.shape[1]
    day = (
        np.clip(np.sin(np.pi * ((np.arange(slots) + 0.5) / slots * 24 - 6) / 12), 0, None)
        if slots > 3
        else np.ones(slots)
    )
    cloud = rng.beta(1.5, 1.2, (len(used), 1)) * rng.uniform(0.7, 1.0, used.shape)
    size = np.nanmean(used) * rng.uniform(1.0, 4.0) if slots > 3 else np.nanmean(used) * rng.uniform(0.1, 0.4)
    return since(used, start, np.maximum(used - day * cloud * size, 0))


def charging(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """An electric car, or a new heater: some hours of much more on some days."""
    slots = used.shape[1]
    inside = (np.arange(slots) - int(rng.integers(slots))) % slots < max(slots * rng.uniform(0.08, 0.2), 1)
    days = rng.random((len(used), 1)) < rng.uniform(0.2, 0.8)
    return since(used, start, used + days * inside * np.nanmean(used) * rng.uniform(2, 8) / (1 if slots > 3 else 6))


def season(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """Heating that ends, at once or little by little, or begins: hours of one load."""
    count, slots = used.shape
    inside = (np.arange(slots) - int(rng.integers(slots))) % slots < max(slots * rng.uniform(0.08, 0.4), 1)
    cold = np.clip(1 - (np.arange(count) - start) / max(rng.uniform(0, 0.4) * count, 1), 0, 1)
    cold = 1 - cold if rng.random() < 0.25 else cold
    cold = cold * (rng.random(count) < rng.uniform(0.6, 1.0))
    load = np.nanmean(used) * rng.uniform(0.5, 4.0) / (1 if slots > 3 else 6)
    return np.asarray(used + cold[:, None] * inside * load)


def device(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """What never sleeps comes or goes."""
    there = (np.arange(len(used)) >= start) == (rng.random() < 0.4)
    return np.asarray(used + there[:, None] * np.nanmean(used) * rng.uniform(0.1, 0.8))


def household(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """One more at home or one less: what is used above the base load."""
    base = np.nanquantile(used, 0.25)
    factor = np.exp(rng.uniform(-1.2, 0.8))
    return since(used, start, np.where(used > base, base + (used - base) * factor, used))


def habits(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """Work at other hours: the day is a little earlier or later."""
    hours = int(rng.integers(1, max(used.shape[1] // 8, 2))) * int(rng.choice([-1, 1]))
    return since(used, start, np.roll(used, hours, axis=1))


CHANGES: Final[Mapping[str, Play]] = {
    "vacancy": vacancy,
    "efficiency": efficiency,
    "sun": sun,
    "charging": charging,
    "season": season,
    "device": device,
    "household": household,
    "habits": habits,
}


def tenant(used: Floats, start: int, other: Floats) -> Floats:
    """Other people move in: the readings of another home from then on."""
    return since(used, start, np.where(np.isfinite(used), np.where(np.isfinite(other), other, 0), used))
