"""Forecasts of days from what was known before them: learn, weigh on a hold-out, forecast. Pure; all cores by parts."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Final, NamedTuple

import numpy as np

from analytics.forecast import pooled, seasonal
from analytics.forecast.combine import blended, chosen, intervals
from analytics.forecast.history import filled, naive, week_back
from analytics.forecast.words import QUANTILES, WEEK, Floats, Forecast, Known, Level, Method, Numbers, Panel

_POOLED_DAYS: Final = 200
_SEASONAL_DAYS: Final = 800
_SEASONAL_SERIES: Final = 24
"""Of more areas each would take seconds."""
_TEACHERS: Final = 300
"""Series that the pooled regression learns from."""
_PART: Final = 2_500_000
"""Cells of a part."""
_HOLD: Final = {Level.METER: 2, Level.AREA: 4, Level.SYSTEM: 4}
"""Weeks on which models are held against last week's same hour."""


_LEAST_READ: Final = 0.25
"""Of the hold-out: with less nothing is said of whether a model is better."""


class _Part(NamedTuple):
    """Some series, and all that a process needs to forecast them."""

    panel: Panel
    series: Floats
    shared: Floats
    known: Known
    level: Level
    until: int
    hold: Numbers
    days: Numbers
    seasons: bool
    early: pooled.Weights | None
    late: pooled.Weights | None


def ahead(
    panel: Panel, origin: int, days: Numbers, level: Level, known: Known | None = None, pool: Executor | None = None
) -> Forecast:
    """`days` of the panel, each from what is `known` of the days before it; the models learn from what was known when
    `origin` was forecast.

    Several days are forecast as in a back-test: each has the cells before it at hand. Names and order of the series
    mean nothing.
    """
    known = known or Known()
    panel = panel.between(0, int(days.max()) + 1)
    until = max(origin - known.behind + 1, 0)
    weeks = min((until - 15) // 2 // WEEK, _HOLD[level])
    hold = (
        np.arange(until - WEEK * weeks, until) if weeks > 0 else np.arange(min(week_back(known.behind), until), until)
    )
    series = filled(panel.cells, panel.kind)
    scale = _scale(series, until)
    scaled = series / scale[:, None, None]
    shared = pooled.common(scaled)
    learned: list[pooled.Weights | None] = [None, None]
    if weeks > 0:
        teachers = _teachers(panel, until)
        learned = [
            _learned(panel, scaled, shared, known, level, end, teachers) for end in (until - WEEK * weeks, until)
        ]
    few = level is not Level.METER and len(panel.names) <= _SEASONAL_SERIES
    seasons = few and weeks > 0 and int(hold[0]) >= seasonal.LEAST_DAYS
    size = max(_PART // max(panel.days * panel.slots, 1), 1)
    parts = [
        _Part(
            panel.only(slice(at, at + size)),
            scaled[at : at + size],
            shared,
            known,
            level,
            until,
            hold,
            days,
            seasons,
            *learned,
        )
        for at in range(0, len(panel.names), size)
    ]
    made = list((pool.map if pool is not None and len(parts) > 1 else map)(_part, parts))
    return _joined(made, days, scale, naive(series, known.behind, days))


def forward(
    panel: Panel, origin: int, horizon: int, level: Level, known: Known | None = None, pool: Executor | None = None
) -> Forecast:
    """The days from `origin` on, `horizon` of them, from what is `known` of the days before `origin` alone."""
    known = known or Known()
    blank = panel.cells.copy()
    blank[:, max(origin - known.behind + 1, 0) :] = np.nan
    if known.early:
        blank[:, origin - known.behind + 1, : known.early] = panel.cells[:, origin - known.behind + 1, : known.early]
    panel = Panel(
        panel.names, panel.first_day, panel.step_s, blank, panel.kind, panel.weekday, panel.holiday, panel.temperature
    )
    leads = [
        ahead(panel, origin, np.array([origin + lead]), level, Known(known.behind + lead, known.early), pool)
        for lead in range(horizon)
    ]
    return Forecast(
        np.arange(origin, origin + horizon),
        np.concatenate([lead.point for lead in leads], axis=1),
        np.concatenate([lead.quantiles for lead in leads], axis=2),
        np.concatenate([lead.naive for lead in leads], axis=1),
        leads[0].method,
        leads[0].weight,
    )


def _scale(series: Floats, until: int) -> Floats:
    recent = series[:, max(until - 28, 0) : max(until, 1)]
    held = np.isfinite(recent)
    mean = np.where(held, np.abs(recent), 0).sum(axis=(1, 2)) / np.maximum(held.sum(axis=(1, 2)), 1)
    return np.where(mean > 0, mean, 1).astype(np.float32)


def _teachers(panel: Panel, until: int) -> Numbers:
    """Some series that are known well enough, whatever their order."""
    recent = panel.cells[:, max(until - 56, 0) : until]
    share = np.isfinite(recent).mean(axis=(1, 2))
    used = np.nansum(np.abs(recent), axis=(1, 2))
    good = np.nonzero((share > 0.5) & (used > 0))[0]
    if len(good) <= _TEACHERS:
        return good[np.argsort(used[good], kind="stable")]
    ordered = good[np.argsort(used[good], kind="stable")]
    return ordered[np.linspace(0, len(ordered) - 1, _TEACHERS).astype(np.int64)]


def _learned(
    panel: Panel, series: Floats, shared: Floats, known: Known, level: Level, until: int, teachers: Numbers
) -> pooled.Weights | None:
    first = max(until - _POOLED_DAYS, 0)
    days = pooled.training_days(until - first)
    if not len(teachers) or not len(days):
        return None
    seen = panel.only(teachers).between(first, until)
    own = series[teachers, first:until]
    made = pooled.design(seen, own, shared[:, first:until], known, level, days)
    actual = np.where(np.isfinite(seen.cells[:, days]), own[:, days], np.nan)
    return pooled.fit(made, actual, until - first - days, level)


class _Made(NamedTuple):
    """Of one part, scaled."""

    point: Floats
    quantiles: Floats
    method: tuple[Method, ...]
    weight: Floats


def _part(part: _Part) -> _Made:
    actual = np.where(np.isfinite(part.panel.cells), part.series, np.nan)[:, part.hold]
    last_week = naive(part.series, part.known.behind, part.hold)
    models = _models(part)
    weights: Floats = np.zeros((len(part.series), len(models)))
    if models:
        weights = chosen(actual, [past for past, _ in models], last_week, part.level)
        unread = np.asarray(np.isfinite(actual).mean(axis=(1, 2)) < _LEAST_READ)
        weights[unread] = 0
    past = blended(weights, [m for m, _ in models], last_week)
    point = blended(weights, [m for _, m in models], naive(part.series, part.known.behind, part.days))
    seen = np.isfinite(part.panel.cells[:, : part.until])
    least: Floats = np.where(seen, part.series[:, : part.until], np.inf).min(axis=(1, 2), initial=np.inf)
    point = np.where(least[:, None, None] >= 0, np.maximum(point, 0), point)
    floor = 0.2 if part.level is Level.METER else 0.02
    quantiles = intervals(actual, past, np.abs(past) + floor, point, np.abs(point) + floor)
    known = np.asarray(np.isfinite(point).any(axis=(1, 2)))
    method = tuple(
        Method.NONE if not known[k] else Method.COMBINED if weights[k].sum() > 0 else Method.LAST_WEEK
        for k in range(len(part.series))
    )
    return _Made(point, quantiles, method, weights.sum(axis=1))


def _models(part: _Part) -> list[tuple[Floats, Floats]]:
    """Of each model its forecasts of the hold-out, learned before it, and of the days that are asked for."""
    found: list[tuple[Floats, Floats]] = []
    if part.early is not None and part.late is not None:
        first = max(part.until - _POOLED_DAYS, 0)
        seen = part.panel.between(first, part.panel.days)
        both = np.append(part.hold, part.days) - first
        made = pooled.design(seen, part.series[:, first:], part.shared[:, first:], part.known, part.level, both)
        count = len(part.hold)
        found.append((pooled.predict(part.early, made)[:, :count], pooled.predict(part.late, made)[:, count:]))
    if part.seasons:
        first = max(part.until - _SEASONAL_DAYS, 0)
        seen = part.panel.between(first, part.panel.days)
        rows = [
            tuple(
                seasonal.forecast(seen, row[first:], part.known, end - first, days - first)
                for end, days in ((int(part.hold[0]), part.hold), (part.until, part.days))
            )
            for row in part.series
        ]
        found.append((np.stack([past for past, _ in rows]), np.stack([coming for _, coming in rows])))
    return found


def _joined(made: Sequence[_Made], days: Numbers, scale: Floats, last_week: Floats) -> Forecast:
    unit = scale[:, None, None]
    if not made:
        nothing = np.zeros((0, len(days), 0))
        return Forecast(days, nothing, np.zeros((len(QUANTILES), *nothing.shape)), nothing, (), np.zeros(0))
    weight = np.concatenate([one.weight for one in made])
    point = np.concatenate([one.point for one in made]) * unit
    return Forecast(
        days,
        np.where(weight[:, None, None] > 0, point, last_week),
        np.concatenate([one.quantiles for one in made], axis=1) * unit[None],
        last_week,
        tuple(method for one in made for method in one.method),
        weight,
    )
