"""Honest changes with known truth: what happens in homes and is no theft, for districts that are scored.

Each takes what was used before the change came, (day, slot), its first day, and a seeded generator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
Change = Callable[[Floats, int, np.random.Generator], Floats]


def away(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """Nobody at home for one to six weeks: what never sleeps goes on."""
    asleep = np.nanquantile(used, 0.1, axis=0)
    end = start + int(rng.integers(7, 43))
    changed = used.copy()
    changed[start:end] = asleep * rng.uniform(0.8, 1.2, changed[start:end].shape)
    return changed


def rooftop(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """Cells on the roof; a day's clouds come and go, and the import register stands still in the sun."""
    days, slots = used.shape
    hour = (np.arange(slots) + 0.5) * 24 / slots
    height = np.clip(np.cos((hour - rng.uniform(11.5, 13.5)) * np.pi / rng.uniform(11, 15)), 0, None) ** 1.3
    clear = rng.beta(2.0, 1.5, (days, 1))
    clouds = np.clip(clear + (1 - clear) * rng.normal(0, 0.4, (days, slots)), 0.03, 1)
    peak = float(np.nanmean(used)) * rng.uniform(2.0, 6.0)
    changed = used.copy()
    changed[start:] = np.clip(used - peak * height * clouds, 0, None)[start:]
    return changed


def renovated(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """Better windows, lamps and a refrigerator: less base load, and less in the evening."""
    slots = used.shape[1]
    hour = np.arange(slots) * 24 / slots
    factor = np.where(hour >= 16, rng.uniform(0.6, 0.9), rng.uniform(0.75, 1.0))
    base = float(np.nanquantile(used, 0.15)) * rng.uniform(0.0, 0.5)
    changed = used.copy()
    changed[start:] = np.maximum(used * factor - base, 0)[start:]
    return changed


def heating(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """A heat pump or a car: hours of an even load that were not there before."""
    days, slots = used.shape
    level = float(np.nanmean(used)) * rng.uniform(1.0, 4.0)
    first: Floats = rng.integers(0, slots, (days,))
    long: Floats = rng.integers(slots // 12, slots // 4 + 1, (days,)) * (rng.random(days) < rng.uniform(0.3, 1.0))
    on = (np.arange(slots)[None, :] - first[:, None]) % slots < long[:, None]
    changed = used.copy()
    changed[start:] = (used + on * level)[start:]
    return changed


CHANGES: Final[Mapping[str, Change]] = {
    "away": away,
    "rooftop": rooftop,
    "renovated": renovated,
    "heating": heating,
}
