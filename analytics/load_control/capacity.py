"""What switching a customer off would take from the grid, by his load of late: an estimate, on the low side.

Loads are mean watts of intervals, as floats: they rank and add up, they bill nothing.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Loads = NDArray[np.float64]

LEAST_DAYS: Final = 3
_LOW: Final = 25.0
"""The percentile of the like days that is counted on."""


def available(loads: Loads, share: float = 1.0, percentile: float = _LOW) -> Loads:
    """Watts by row that a call would take away, NaN where too little is known.

    `loads` (row, day, interval): of the call's hours on like days before it, NaN for gaps. A day counts where at least
    half of its intervals are known.
    """
    if loads.ndim != 3 or not 0.0 < share <= 1.0:
        raise ValueError("loads by row, day and interval; a share above 0, at most 1")
    known = np.isfinite(loads)
    enough = known.mean(axis=2) >= 0.5 if loads.shape[2] else np.zeros(loads.shape[:2], np.bool_)
    totals = np.where(known, loads, 0.0).sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(enough, totals / known.sum(axis=2), np.nan)
    found = np.full(loads.shape[0], np.nan)
    rows = np.isfinite(means).sum(axis=1) >= LEAST_DAYS
    if rows.any():
        found[rows] = np.nanpercentile(means[rows], percentile, axis=1)
    result: Loads = np.maximum(found, 0.0) * share
    return result
