"""Meters whose readings explain what the balance of an area leaves: which, since when, and by how much.

What is left over moves with a meter's readings, from one interval to the next, by a factor: -1 where the meter is not
supplied by this area, a ratio where its multiplier is wrong; or it moves with what shifting the readings in time would
change, where its clock is off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.floating[Any]]

LAGS: Final = (-4, -3, -2, -1, 1, 2, 3, 4)
_MOST: Final = 8
_LEAST_DAYS: Final = 4
_LEAST_GAIN: Final = 60.0
_LEAST_GAIN_OF_LAG: Final = 120.0
"""In variances of what is left: what chance reaches over all meters, lags and days is far below. A theft within the
day looks a little like a shift."""
_LEAST_ROWS: Final = 24
_CLIP: Final = 8.0


@dataclass(frozen=True, slots=True)
class Suspect:
    """`meter` is a position; `lag` intervals by which its readings stand too late (0: the factor is what matters);
    `factor` of its readings that is lacking, from the day `start` on; `error` is the factor's standard error."""

    meter: int
    lag: int
    factor: float
    error: float
    start: int

    @property
    def supplied(self) -> bool:
        """Whether the area supplies what the meter reports, or a part or a multiple of it."""
        return self.lag != 0 or abs(self.factor + 1) >= max(0.06, 4 * self.error)


def suspects(rest: Doubles, meters: Doubles, least_factor: float = 0.08) -> list[Suspect]:
    """Of what is left (day, slot; NaN where it is not known) and readings (meter, day, slot), NaN where not read."""
    aim = _steps(rest)
    known = np.isfinite(aim)
    if known.sum() < _LEAST_ROWS or not len(meters):
        return []
    spread = 1.48 * float(np.median(np.abs(aim[known]))) + 1e-12
    aim = np.clip(np.where(known, aim, 0.0), -_CLIP * 8 * spread, _CLIP * 8 * spread)
    lags = (0, *LAGS) if rest.shape[1] >= 24 else (0,)
    made = np.stack([_moved(meters, lag) for lag in lags])
    made = np.where(known, np.nan_to_num(made), 0.0)
    found: list[Suspect] = []
    for _ in range(_MOST):
        one = _best(aim, made, lags, {s.meter for s in found})
        if one is None or (one.lag == 0 and abs(one.factor) < least_factor):
            break
        found.append(one)
        part = made[lags.index(one.lag), one.meter].copy()
        part[: one.start] = 0
        aim = aim - one.factor * part
    return found


def together(found: list[Suspect], loss: Doubles, load: Doubles, meters: Doubles) -> tuple[list[Suspect], Doubles]:
    """The same with factors that are fitted at once, beside a technical loss, to changes from one interval to the next;
    and what they explain, (day, slot). A meter that is not supplied here explains nothing: what stands behind it is
    not in its readings."""
    columns = [load, load**2]
    for one in found:
        own = meters[one.meter] if one.lag == 0 else shifted(meters[one.meter], -one.lag) - meters[one.meter]
        column = np.nan_to_num(own).astype(np.float64)
        column[: one.start] = 0
        columns.append(column)
    sides = np.stack([_steps(column).ravel() for column in columns], axis=1)
    aim = _steps(loss).ravel()
    known = np.isfinite(aim) & np.isfinite(sides).all(axis=1)
    scale = np.sqrt((sides[known] ** 2).sum(axis=0)) + 1e-12
    factors = np.linalg.lstsq(sides[known] / scale, aim[known], rcond=1e-9)[0] / scale
    fitted = [replace(one, factor=float(f)) for one, f in zip(found, factors[2:], strict=True)]
    parts = [one.factor * column for one, column in zip(fitted, columns[2:], strict=True) if one.supplied]
    return fitted, np.asarray(sum(parts, np.zeros(loss.shape)))


def _best(aim: Doubles, made: Doubles, lags: tuple[int, ...], taken: set[int]) -> Suspect | None:
    product = _suffix(np.einsum("lmdp,dp->lmd", made, aim))
    square = _suffix(np.einsum("lmdp,lmdp->lmd", made, made))
    factor = np.where(square > 1e-9, product / np.maximum(square, 1e-9), 0.0)
    gain = factor * product
    gain[1:] = np.where(np.abs(factor[1:] - 1) < 0.25, gain[1:], 0.0)
    gain[1:, :, 1:] = 0  # a clock is wrong before the period begins, or the days differ too little to tell
    gain[:, :, max(gain.shape[2] - _LEAST_DAYS, 0) + 1 :] = 0
    gain[:, sorted(taken)] = 0
    whole = float((aim * aim).sum()) / max(int((aim != 0).sum()), 1)
    gain[1:] = np.where(gain[1:] > _LEAST_GAIN_OF_LAG * (whole - gain[1:] / max(aim.size, 1)), gain[1:], 0.0)
    at = np.unravel_index(int(np.argmax(gain)), gain.shape)
    lag, meter, start = (int(k) for k in at)
    count = int((aim != 0).sum())
    best = float(gain[lag, meter, start])
    left = max(float((aim * aim).sum()) - best, 1e-12) / max(count, 1)
    if best < _LEAST_GAIN * left:
        return None
    if gain[lag, meter, 0] > 0.9 * best:
        start = 0
    size = float(square[lag, meter, start])
    return Suspect(meter, lags[lag], float(factor[lag, meter, start]), float(np.sqrt(left / size)), start)


def _moved(meters: Doubles, lag: int) -> Doubles:
    """Steps of the readings, or of what reading them `lag` intervals earlier would change."""
    if lag == 0:
        return _steps(meters)
    return _steps(shifted(meters, -lag) - meters)


def shifted(cells: Doubles, by: int) -> Doubles:
    """(..., day, slot) later by so many slots, across midnights; NaN comes in at the edge."""
    line = cells.reshape(*cells.shape[:-2], -1)
    made = np.full_like(line, np.nan)
    if by > 0:
        made[..., by:] = line[..., :-by]
    elif by < 0:
        made[..., :by] = line[..., -by:]
    else:
        made[...] = line
    return made.reshape(cells.shape)


def _steps(cells: Doubles) -> Doubles:
    """The change from one interval to the next; NaN at the first and beside gaps."""
    return np.asarray(cells - shifted(cells, 1))


def _suffix(by_day: Doubles) -> Doubles:
    return np.asarray(np.cumsum(by_day[..., ::-1], axis=-1)[..., ::-1])


def lag_of_total(total: Doubles, metered: Doubles) -> int:
    """By how many intervals a total meter stands later than the meters together; 0 unless that is plain."""
    if total.shape[1] < 24:
        return 0
    worth = {lag: _alike(_steps(shifted(total, -lag)), _steps(metered)) for lag in (0, *LAGS)}
    best = max(worth, key=lambda lag: worth[lag])
    return best if worth[best] > 0.3 and worth[best] - worth[0] > 0.25 * (1 - worth[0]) else 0


def _alike(left: Doubles, right: Doubles) -> float:
    both = np.isfinite(left) & np.isfinite(right)
    if both.sum() < _LEAST_ROWS:
        return 0.0
    a, b = left[both], right[both]
    size = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / size if size > 0 else 0.0
