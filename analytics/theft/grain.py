"""The step in which a meter counts. What is played must be counted in it too, or the played and the real would differ
in nothing so surely as in their last digits."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_FITTING: Final = 0.98
"""Of the values: as many must be multiples (means of a doubled hour are none)."""
_NEAR: Final = 0.05


def grain(values: Floats) -> float:
    """The greatest step of which the values are multiples: the least or the commonest gap between them; else 0.

    Two values show no step.
    """
    known = np.unique(values[np.isfinite(values)]).astype(np.float64)
    if len(known) < 3:
        return 0.0
    gaps = np.diff(known)
    kinds, count = np.unique(_rounded(gaps), return_counts=True)
    for step in sorted({float(kinds[0]), float(kinds[np.argmax(count)])}, reverse=True):
        times = known / step
        if (np.abs(times - np.round(times)) < _NEAR).mean() >= _FITTING:
            return step
    return 0.0


def _rounded(gaps: Floats) -> Floats:
    """To three digits: energies are kept in single precision."""
    scale = 10.0 ** (np.floor(np.log10(gaps)) - 2)
    return np.asarray(np.round(gaps / scale) * scale)


def counted(used: Floats, step: float) -> Floats:
    """In whole steps."""
    return np.asarray(np.round(used / step) * step) if step > 0 else used
