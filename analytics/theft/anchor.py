"""Technical losses of areas held against each other.

Readings that have been no load since the first day leave an area's technical loss and its unreported energy
undetermined: a constant looks like either. The losses of the other areas say which is likelier.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from analytics.theft.balance import Balance

_LEAST_AREAS: Final = 5
_REACH: Final = 1.5
_LEAST_SPREAD: Final = 0.003


def anchored(balances: Mapping[int, Balance]) -> dict[int, Balance]:
    """The same with technical losses brought within 1.5 standard deviations (robust) of the areas' median share.

    What that frees or takes goes to the meters that explain the balance, by how well they do.
    """
    shares = np.array([b.technical / b.total for b in balances.values() if b.total > 0])
    if len(shares) < _LEAST_AREAS:
        return dict(balances)
    middle = float(np.median(shares))
    reach = _REACH * max(1.48 * float(np.median(np.abs(shares - middle))), _LEAST_SPREAD)
    return {k: _within(b, middle - reach, middle + reach) for k, b in balances.items()}


def _within(found: Balance, low: float, high: float) -> Balance:
    worth = np.maximum(found.bits, 0)
    if found.total <= 0 or not worth.any():
        return found
    technical = float(np.clip(found.technical / found.total, low, high)) * found.total
    moved = (found.technical - technical) * worth / worth.sum()
    return replace(found, technical=technical, energy=found.energy + moved)
