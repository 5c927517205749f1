"""How much a balance is to be believed at each interval, by how well it was explained on that day and at that hour.

Readings that are made up, and thefts that no template knows, leave noise on their days and at their hours. There the
readings of honest meters would fit it by chance.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

_TRUST: Final = 0.1
"""Of a variance: the part that is the usual one's, so that no interval is believed more than ten times the usual."""


def by_noise(weight: Doubles, rest: Doubles, shape: tuple[int, ...]) -> Doubles:
    """`weight` of intervals, changed by what is left of them (times the weight's root), both (day * slot)."""
    held = (weight > 0).reshape(shape)
    square = np.where(held, (rest**2).reshape(shape), 0)
    by_day = _trust(square.sum(axis=1), held.sum(axis=1))
    by_slot = (square * by_day[:, None]).sum(axis=0)
    near = (by_slot + np.roll(by_slot, 1) + np.roll(by_slot, -1)) / 3
    both = by_day[:, None] * _trust(near, held.sum(axis=0))[None, :]
    return np.asarray(weight * both.ravel())


def _trust(square: NDArray[Any], count: NDArray[Any]) -> Doubles:
    noise = square / np.maximum(count, 1)
    usual = float(np.median(noise[noise > 0])) if (noise > 0).any() else 0.0
    if usual <= 0:
        return np.ones(len(noise))
    return np.asarray(usual / (_TRUST * usual + (1 - _TRUST) * noise))
