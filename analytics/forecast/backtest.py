"""A rolling origin: learn, forecast some days one after the other, take them in, learn anew."""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np

from analytics.errors import FrameUnusable
from analytics.forecast.ahead import ahead
from analytics.forecast.score import Scores, scores
from analytics.forecast.words import Forecast, Known, Level, Panel


def backtest(
    panel: Panel,
    level: Level,
    start: int,
    every: int,
    known: Known | None = None,
    pool: Executor | None = None,
) -> tuple[Forecast, Scores]:
    """Each day from `start` on, from what was known before it; the models learn anew `every` so many days.

    Raises `FrameUnusable` where no day is left to forecast.
    """
    if not 0 < start < panel.days:
        raise FrameUnusable(f"readings: {panel.days} days, of which none is left to forecast after the first {start}")
    parts = [
        ahead(panel, origin, np.arange(origin, min(origin + every, panel.days)), level, known, pool)
        for origin in range(start, panel.days, every)
    ]
    found = Forecast(
        np.concatenate([part.days for part in parts]),
        np.concatenate([part.point for part in parts], axis=1),
        np.concatenate([part.quantiles for part in parts], axis=2),
        np.concatenate([part.naive for part in parts], axis=1),
        parts[-1].method,
        parts[-1].weight,
    )
    return found, scores(panel, found, start)
