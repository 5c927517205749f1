"""Forecasts look at nothing that was not known, are the better for it than last week, and bear whatever comes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from analytics.errors import FrameUnusable
from analytics.forecast import Forecast, Known, Level, Method, Panel, ahead, backtest, forward, panel, summed
from analytics.theft.words import Frame
from tests.analytics.forecast.town import FIRST, frame, loads, times, town

DAYS = 56


def last(found: Panel, count: int = 7) -> tuple[int, np.ndarray]:
    return found.days - count, np.arange(found.days - count, found.days)


@pytest.mark.parametrize("level", list(Level))
def test_better_than_last_week_with_intervals_that_hold(level: Level) -> None:
    homes = town(18, DAYS)
    given = homes if level is Level.METER else summed(homes, {f"a{k}": range(k, 18, 3) for k in range(3)})
    found, scored = backtest(given, level, DAYS - 21, 7)
    mean = {name: value.mean() for name, value in scored.values.items()}
    assert set(found.method) == {Method.COMBINED}
    assert mean["relative_mae"] < 0.9
    assert mean["pinball"] < 0.8 * mean["naive_pinball"]
    assert 0.65 < mean["coverage_80"] < 0.92
    assert scored.worse() == 0
    assert (np.diff(found.quantiles, axis=0) >= 0).all()
    assert (found.quantiles >= 0).all()


@pytest.mark.parametrize("known", [Known(), Known(2, 10), Known(3, 0)])
@pytest.mark.parametrize("level", [Level.METER, Level.AREA])
def test_what_is_not_known_yet_changes_nothing(level: Level, known: Known) -> None:
    given = town(6, DAYS)
    origin, days = last(given, 1)
    other = given.cells.copy()
    dark = origin - known.behind + 1
    other[:, dark, known.early :] *= 17
    other[:, dark + 1 :] = 3
    one, two = (ahead(p, origin, days, level, known) for p in (given, replace(given, cells=other)))
    assert np.array_equal(one.point, two.point)
    assert np.array_equal(one.quantiles, two.quantiles)
    if known.early:
        other[:, dark, : known.early] *= 2
        assert not np.array_equal(one.point, ahead(replace(given, cells=other), origin, days, level, known).point)


def test_forward_is_ahead_for_the_first_day_and_goes_on() -> None:
    given = town(5, DAYS, more_days=3)
    found = forward(given, DAYS, 3, Level.METER)
    first = ahead(given, DAYS, np.array([DAYS]), Level.METER)
    assert np.array_equal(found.point[:, 0], first.point[:, 0])
    assert np.isfinite(found.point).all()
    assert list(found.days) == [DAYS, DAYS + 1, DAYS + 2]


def test_order_and_parts_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    given = town(9, DAYS)
    origin, days = last(given, 2)
    whole = ahead(given, origin, days, Level.METER)
    turned = ahead(given.only([8, 7, 6, 5, 4, 3, 2, 1, 0]), origin, days, Level.METER)
    assert np.allclose(whole.point, turned.point[::-1], rtol=1e-4)
    monkeypatch.setitem(ahead.__globals__, "_PART", 2 * DAYS * 24)
    with ThreadPoolExecutor(2) as pool:
        parts = ahead(given, origin, days, Level.METER, pool=pool)
    assert np.allclose(whole.point, parts.point, rtol=1e-5)
    assert whole.method == parts.method


def test_a_pure_week_is_forecast_by_it_exactly() -> None:
    week = np.random.default_rng(1).gamma(1, 100, (7 * 24, 3))
    given = panel(frame(np.tile(week, (6, 1))), None, 0)[0]
    _, scored = backtest(given, Level.METER, 35, 7)
    assert scored.worse() == 0
    assert (scored.values["mape"] < 1e-3).all()


def test_odd_series_crash_nothing() -> None:
    values = loads(9, DAYS)
    values[:, 1] = 0
    values[:, 2] = np.nan
    values[: -2 * 24, 3] = np.nan  # began two days ago
    values[40 * 24 :, 4] = np.nan  # ended
    values[:, 5] *= -1  # taken for gaps
    values[np.random.default_rng(2).random(len(values)) < 0.4, 6] = np.nan
    values[:, 7] = 1e9
    values[30 * 24 : 50 * 24, 8] = 0
    given, notes = panel(frame(values), None, 2)
    assert any("negative" in note for note in notes)
    for level in Level:
        found = forward(given, DAYS, 2, level)
        nothing = {k for k, method in enumerate(found.method) if method is Method.NONE}
        assert nothing == {2, 5}
        assert np.isfinite(np.delete(found.point, [2, 5], axis=0)).all()
        assert not found.point[1].any()
        assert found.point[7] == pytest.approx(1e9, rel=1e-3)
        assert np.isfinite(found.point[6]).all()


@pytest.mark.parametrize("days", [1, 3, 8, 15, 22, 30])
def test_short_histories(days: int) -> None:
    given = panel(frame(loads(3, days)), None, 1)[0]
    for level in Level:
        found = forward(given, days, 1, level)
        assert np.isfinite(found.point).all()
        if days < 20:
            assert set(found.method) == {Method.LAST_WEEK}
            assert np.allclose(found.point, found.naive, rtol=1e-6)


def test_one_series_of_daily_energies() -> None:
    values = loads(1, 120, 1)
    given = panel(frame(values, 1), None, 1)[0]
    assert given.slots == 1
    assert np.isfinite(forward(given, 120, 1, Level.SYSTEM).point).all()


def seasonal_year() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    days, slots = 240, 8
    warm = 15 + 12 * np.sin(2 * np.pi * np.arange(days) / 365)[:, None] + rng.normal(0, 4, (days, 1))
    warm = warm + 4 * np.sin(np.linspace(0, 2 * np.pi, slots))[None]
    habit = 100 + 30 * np.sin(np.linspace(0, 2 * np.pi, slots) - 1)[None] - 15 * (np.arange(days) % 7 > 4)[:, None]
    load = habit + 2.5 * np.maximum(14 - warm, 0) + 3 * np.maximum(warm - 20, 0)
    return (load * rng.normal(1, 0.01, load.shape)).reshape(-1, 1), warm.reshape(-1, 1)


def test_temperature_tells_what_the_calendar_does_not() -> None:
    load, warm = seasonal_year()
    scored = {}
    for name, given in (("blind", None), ("knowing", Frame(["t"], times(240, 8), warm))):
        made, notes = panel(frame(load, 8), None, 0, given)
        assert notes == []
        _, found = backtest(made, Level.SYSTEM, 212, 28)
        scored[name] = {key: float(value[0]) for key, value in found.values.items()}
    assert scored["knowing"]["mape"] < 0.5 * scored["blind"]["mape"]
    assert scored["knowing"]["mape"] < 3
    assert scored["blind"]["relative_mae"] < 1


def test_a_temperature_that_ends_too_early_is_left_out() -> None:
    short = Frame(["t"], times(40), np.full((40 * 24, 1), 20.0))
    made, notes = panel(frame(loads(2, DAYS)), None, 1, short)
    assert made.temperature is None
    assert "temperature" in notes[0]
    holes = Frame(["t"], times(DAYS + 1)[::5], np.linspace(0, 10, (DAYS + 1) * 24)[::5, None])
    made, notes = panel(frame(loads(2, DAYS)), None, 1, holes)
    assert made.temperature is not None
    assert np.isfinite(made.temperature).all()
    assert notes == []


def test_a_holiday_is_like_a_sunday() -> None:
    first = FIRST.astype("datetime64[D]").astype(date)
    kept = frozenset(first + timedelta(days=n) for n in (23, 37, DAYS))
    values = loads(10, DAYS + 1).reshape(DAYS + 1, 24, 10)
    for day in (23, 37, DAYS):
        values[day] = values[day // 7 * 7 - 1] * 1.0  # the Sunday before
    given = panel(frame(values.reshape(-1, 10)), None, 0, None, kept)[0]
    plain = panel(frame(values.reshape(-1, 10)), None, 0)[0]

    def off(found: Forecast) -> float:
        return float(np.abs(found.point[0, 0] - values[DAYS].sum(axis=1)).mean())

    know, blind = (ahead(summed(p, {"s": range(10)}), DAYS, np.array([DAYS]), Level.SYSTEM) for p in (given, plain))
    assert off(know) < off(blind)


def test_nothing_left_to_test_is_told() -> None:
    with pytest.raises(FrameUnusable, match="none is left"):
        backtest(town(2, 10), Level.METER, 10, 7)
