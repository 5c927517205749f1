"""Day-ahead forecasts of meters, areas and the system, with intervals: pure functions of series and calendar."""

from __future__ import annotations

from analytics.forecast.ahead import ahead, forward
from analytics.forecast.backtest import backtest
from analytics.forecast.panel import grouped, panel, summed
from analytics.forecast.score import Scores
from analytics.forecast.words import QUANTILES, Forecast, Known, Level, Method, Panel

__all__ = [
    "QUANTILES", "Forecast", "Known", "Level", "Method", "Panel", "Scores", "ahead", "backtest", "forward", "grouped",
    "panel", "summed",
]  # fmt: skip
