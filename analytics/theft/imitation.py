"""Thefts played on a utility's own readings: what the prior is trained on. Honest changes are in `changes`.

Each takes what was used, (day, slot), the day it begins, and a seeded generator, and returns what the meter would
report. None of them is the truth about thieves; they are many and unlike each other, so that what tells all of them
from honest changes is likely to tell others too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Play = Callable[[Floats, int, np.random.Generator], Floats]


def since(used: Floats, start: int, changed: Floats) -> Floats:
    """What was used before the start, and what is changed from then on."""
    return np.concatenate([used[:start], changed[start:]])


def _past(used: Floats, start: int) -> Floats:
    """The days that a meter may have taken for its past: those before the start, or the whole period."""
    past = used[:start] if start >= 7 else used
    known = past[np.isfinite(past).all(axis=1)]
    return known if len(known) else np.nan_to_num(used)


def share(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """A constant share: a shunt, a wrong ratio, one or two phases of three."""
    return since(used, start, used * rng.choice([rng.uniform(0.1, 0.85), 1 / 3, 2 / 3], p=[0.7, 0.15, 0.15]))


def ramp(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """A register that is slowed more and more."""
    days = max(len(used) - start, 1)
    fall = np.clip((np.arange(len(used)) - start) / (days * rng.uniform(0.3, 1.0)), 0, 1)
    return used * (1 - fall * rng.uniform(0.3, 0.9))[:, None]


def noise(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """Another share in every interval."""
    low = rng.uniform(0.05, 0.4)
    return since(used, start, used * rng.uniform(low, rng.uniform(low + 0.3, 1.0), used.shape))


def moods(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """Another share on every day, or none on some."""
    factor = np.where(rng.random(len(used)) < rng.uniform(0.3, 0.9), rng.uniform(0.0, 0.7, len(used)), 1.0)
    return since(used, start, used * factor[:, None])


def window(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """Nothing for some hours, at another time each day or always at the same."""
    slots = used.shape[1]
    changed = used.copy()
    fixed = rng.random() < 0.4
    long, at = max(int(slots * rng.uniform(0.12, 0.5)), 1), int(rng.integers(slots))
    kept = 0.0 if rng.random() < 0.8 else rng.uniform(0.05, 0.3)
    for day in range(start, len(used)):
        if not fixed:
            long, at = max(int(slots * rng.uniform(0.16, 0.5)), 1), int(rng.integers(slots))
        inside = np.arange(at, min(at + long, slots)) if not fixed else np.arange(at, at + long) % slots
        changed[day, inside] *= kept
    return changed


def invented(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """Random shares of a past mean."""
    low = rng.uniform(0.05, 0.5)
    return since(
        used,
        start,
        np.where(np.isfinite(used), rng.uniform(low, low + 0.7, used.shape) * _past(used, start).mean(), used),
    )


def mean(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """Always a past mean, or the mean of the time of day."""
    past = _past(used, start)
    level = np.full(used.shape[1], past.mean()) if rng.random() < 0.6 else past.mean(axis=0)
    return since(used, start, np.where(np.isfinite(used), level * rng.choice([1.0, rng.uniform(0.4, 1.0)]), used))


def mirror(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """The day backwards: peak hours into the cheap ones."""
    del rng
    return since(used, start, used[:, ::-1])


def shifted(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """The day turned by some hours."""
    slots = used.shape[1]
    return since(used, start, np.roll(used, int(rng.integers(slots // 6, slots - slots // 6)), axis=1))


def capped(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """Nothing above a limit is counted."""
    limit = np.nanquantile(_past(used, start), rng.uniform(0.4, 0.9))
    return since(used, start, np.minimum(used, max(float(limit), 1e-9)))


def hours(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """A share in some hours of the day."""
    slots = used.shape[1]
    inside = (np.arange(slots) - int(rng.integers(slots))) % slots < slots * rng.uniform(0.2, 0.5)
    return since(used, start, used * np.where(inside, rng.uniform(0.05, 0.5), 1.0))


def bypass(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """A circuit beside the meter: a constant load, or what exceeds the base load."""
    if rng.random() < 0.5:
        changed = np.maximum(used - rng.uniform(0.3, 1.0) * np.nanmean(_past(used, start)), 0)
    else:
        base = np.nanquantile(_past(used, start), rng.uniform(0.2, 0.6))
        changed = np.minimum(used, base) + np.maximum(used - base, 0) * rng.uniform(0.0, 0.4)
    return since(used, start, changed)


def replay(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """Days of the past over and over."""
    past = _past(used, start)
    first = int(rng.integers(max(len(past) - 7, 1)))
    days = past[first : first + int(rng.choice([1, 7]))] * rng.uniform(0.5, 1.0)
    return since(used, start, np.where(np.isfinite(used), days[np.arange(len(used)) % len(days)], used))


def little(used: Floats, start: int, rng: np.random.Generator) -> Floats:
    """Nearly nothing or nothing: past the meter altogether."""
    return since(used, start, used * rng.choice([0.0, rng.uniform(0.01, 0.1)]))


THEFTS: Final[Mapping[str, Play]] = {
    "share": share,
    "ramp": ramp,
    "noise": noise,
    "moods": moods,
    "window": window,
    "invented": invented,
    "mean": mean,
    "mirror": mirror,
    "shifted": shifted,
    "capped": capped,
    "hours": hours,
    "bypass": bypass,
    "replay": replay,
    "little": little,
}
OF_LEVEL: Final = ("share", "ramp", "moods", "bypass", "little")
"""Those that leave days as they were, but lower; what tells them from honest changes is not what tells the others."""
DAILY_THEFTS: Final = ("share", "ramp", "moods", "invented", "mean", "capped", "bypass", "replay", "little")
"""Those that readings of one a day can show."""
