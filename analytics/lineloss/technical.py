"""The loss that lines and transformers take by their nature: constant, linear and quadratic in the load."""

from __future__ import annotations

from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics.lineloss.words import Technical

Doubles = NDArray[np.floating[Any]]

_TUNING: Final = 4.685
_ROUNDS: Final = 12
_LEAST_ROWS: Final = 8
_SETS: Final = tuple(chosen for size in (1, 2, 3) for chosen in combinations(range(3), size))


def fitted(load: Doubles, loss: Doubles, weight: Doubles) -> Technical:
    """Of intervals with a positive weight; what does not follow the load (theft, gaps, meters elsewhere) is left aside.

    Bisquare-weighted least squares, no part of it negative: where nothing fits, there is no technical loss.
    """
    known = (weight > 0) & np.isfinite(load) & np.isfinite(loss)
    mean = float(np.abs(load[known]).mean()) if known.any() else 0.0
    if known.sum() < _LEAST_ROWS or mean <= 0:
        return Technical(0.0, 0.0, 0.0, mean)
    x = np.abs(load[known]) / mean
    sides = np.column_stack([np.ones_like(x), x, x * x])
    aim, trust = loss[known], weight[known]
    factors = _least(sides, aim, trust)
    for _ in range(_ROUNDS):
        rest = aim - sides @ factors
        centre = float(np.median(rest))
        spread = 1.48 * float(np.median(np.abs(rest - centre))) + 1e-9 * mean
        far = (rest - centre) / (_TUNING * spread)
        factors = _least(sides, aim, trust * np.where(np.abs(far) < 1, (1 - far * far) ** 2, 0.0))
    constant, linear, quadratic = (float(f) for f in factors)
    return Technical(constant, linear, quadratic, mean)


def _least(sides: Doubles, aim: Doubles, weight: Doubles) -> Doubles:
    """The non-negative least squares of three columns: the best of all subsets that are solved by positive factors."""
    square = (sides * weight[:, None]).T @ sides
    product = (sides * weight[:, None]).T @ aim
    best, worth = np.zeros(3), 0.0
    for chosen in _SETS:
        at = list(chosen)
        part = square[np.ix_(at, at)]
        if np.linalg.matrix_rank(part) < len(at):
            continue
        factors = np.linalg.solve(part, product[at])
        gain = float(product[at] @ factors)
        if (factors >= 0).all() and gain > worth:
            best = np.zeros(3)
            best[at] = factors
            worth = gain
    return best


def expected(model: Technical, load: Doubles) -> Doubles:
    """The technical loss of each interval of that load; 0 where nothing is known of the load."""
    if model.load <= 0:
        return np.zeros_like(load)
    x = np.abs(np.nan_to_num(load)) / model.load
    return np.asarray(model.constant + model.linear * x + model.quadratic * x * x)


def bounded(model: Technical, share: float) -> Technical:
    """The same, brought down to at most `share` of the mean load."""
    own = (model.constant + model.linear + model.quadratic) / model.load if model.load > 0 else 0.0
    if own <= share:
        return model
    less = share / own
    return Technical(model.constant * less, model.linear * less, model.quadratic * less, model.load)
