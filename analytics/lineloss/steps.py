"""Days from which on a line stands higher or lower than before."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.floating[Any]]

_EDGE: Final = 4
_LEAST_SURETY: Final = 7.0


def steps(line: Doubles, least: float, most: int = 3) -> list[tuple[int, float]]:
    """Position and height of each step of at least `least`, by position. NaN is not looked at.

    Binary segmentation; a step stands out by seven standard errors of both means, reckoned from the spread on each
    side: a slow drift is none.
    """
    (known,) = np.nonzero(np.isfinite(line))
    found: list[tuple[int, float]] = []
    open_parts = [(0, len(known))]
    while open_parts and len(found) < most:
        first, last = open_parts.pop(0)
        part = line[known[first:last]]
        at = _split(part)
        if at is None:
            continue
        height = float(np.median(part[at:]) - np.median(part[:at]))
        spread = np.sqrt(_spread(part[:at]) ** 2 / at + _spread(part[at:]) ** 2 / (len(part) - at))
        if abs(height) < least or abs(height) < _LEAST_SURETY * spread:
            continue
        found.append((int(known[first + at]), height))
        open_parts += [(first, first + at), (first + at, last)]
    return sorted(found)


def _split(part: Doubles) -> int | None:
    count = len(part)
    if count < 2 * _EDGE:
        return None
    sums = np.cumsum(part)
    at = np.arange(_EDGE, count - _EDGE + 1)
    before = sums[at - 1] / at
    after = (sums[-1] - sums[at - 1]) / (count - at)
    return int(at[np.argmax(np.abs(before - after) * np.sqrt(at * (count - at)))])


def _spread(part: Doubles) -> float:
    return 1.48 * float(np.median(np.abs(part - np.median(part)))) + 1e-12
