"""How well forecasts were, beside the same hour of last week: of a back-test, by series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.forecast.words import QUANTILES, WEEK, Flags, Floats, Forecast, Panel

_LOW_80, _HIGH_80 = QUANTILES.index(0.1), QUANTILES.index(0.9)
_LOW_90, _HIGH_90 = QUANTILES.index(0.05), QUANTILES.index(0.95)
NAMES: Final = (
    "intervals", "mape", "naive_mape", "mase", "naive_mase", "relative_mae", "pinball", "naive_pinball", "coverage_80",
    "coverage_90",
)  # fmt: skip
"""mape, naive_mape: %, of the intervals with a load above 0. mase: the mean absolute error against that of the same
hour of last week over the days before the back-test (Hyndman and Koehler 2006). relative_mae: against that over the
same intervals. pinball: the mean over the quantiles, against the mean load; naive_pinball: as if last week's value were
every quantile. coverage_80: the share of the loads within the middle 80 %."""


@dataclass(frozen=True, slots=True)
class Scores:
    """By name of `NAMES`, one value a series; NaN where it cannot be told."""

    names: tuple[str, ...]
    values: dict[str, Floats]

    def mean(self) -> dict[str, float | None]:
        """Over the series of which it can be told."""
        found: dict[str, float | None] = {}
        for name, column in self.values.items():
            known = column[np.isfinite(column)]
            found[name] = float(known.mean()) if len(known) else None
        return found

    def worse(self) -> int:
        """How many series last week's hour would have served better."""
        return int((self.values["relative_mae"] > 1).sum())


def scores(panel: Panel, found: Forecast, start: int) -> Scores:
    """Of the days that were forecast; `start`: the first of them all."""
    actual = panel.cells[:, found.days].astype(np.float64)
    both = np.isfinite(actual) & np.isfinite(found.point) & np.isfinite(found.naive)
    off, off_naive = np.abs(actual - found.point), np.abs(actual - found.naive)
    error, error_naive = _mean(off, both), _mean(off_naive, both)
    before = panel.cells[:, :start].astype(np.float64)
    season = np.abs(before[:, WEEK:] - before[:, :-WEEK]) if start > WEEK else np.full((len(actual), 1, 1), np.nan)
    usual = _mean(season, np.isfinite(season))
    used = both & (actual > 0)
    part = np.where(used, actual, 1)
    load = np.maximum(_mean(np.abs(actual), both), 1e-12)
    banded = both & np.isfinite(found.quantiles).all(axis=0)
    values = {
        "intervals": both.sum(axis=(1, 2)).astype(np.float64),
        "mape": 100 * _mean(off / part, used),
        "naive_mape": 100 * _mean(off_naive / part, used),
        "mase": _ratio(error, usual),
        "naive_mase": _ratio(error_naive, usual),
        "relative_mae": _ratio(error, error_naive),
        "pinball": np.mean([_pinball(actual, q, p, banded) for q, p in zip(found.quantiles, QUANTILES, strict=True)], 0)
        / load,
        "naive_pinball": np.mean([_pinball(actual, found.naive, p, banded) for p in QUANTILES], 0) / load,
        "coverage_80": _inside(actual, found, _LOW_80, _HIGH_80, banded),
        "coverage_90": _inside(actual, found, _LOW_90, _HIGH_90, banded),
    }
    return Scores(panel.names, values)


def _mean(values: Floats, where: Flags) -> Floats:
    count = where.sum(axis=(1, 2))
    total = np.where(where, values, 0).sum(axis=(1, 2))
    made: Floats = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return made


def _ratio(one: Floats, other: Floats) -> Floats:
    """A load that is forecast exactly in both ways is forecast as well in both."""
    made: Floats = np.where(other > 0, one / np.where(other > 0, other, 1), np.where(one == 0, 1.0, np.nan))
    return made


def _pinball(actual: Floats, guess: Floats, share: float, where: Flags) -> Floats:
    off = actual - guess
    return _mean(np.maximum(share * off, (share - 1) * off), where)


def _inside(actual: Floats, found: Forecast, low: int, high: int, where: Flags) -> Floats:
    inside = (actual >= found.quantiles[low]) & (actual <= found.quantiles[high])
    return _mean(inside.astype(np.float64), where)
