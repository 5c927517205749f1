"""Tables onto the grid of days: calendars, sums that bear gaps, areas that do not fit."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from analytics.day_types import shipped
from analytics.errors import FrameUnusable
from analytics.forecast import grouped, panel, summed
from analytics.theft.words import Frame
from tests.analytics.forecast.town import frame, loads, town


def test_kinds_of_day() -> None:
    made = town(1, 14, 1, frozenset({date(2026, 1, 7)}))
    assert made.days == 15
    assert list(made.kind[:8]) == [0, 0, 2, 0, 0, 1, 2, 0]
    assert list(np.nonzero(made.holiday)[0]) == [2]


def test_a_calendar_moves_days_and_says_which_years_it_lacks() -> None:
    spring = Frame(
        ["a"], np.datetime64("2026-02-13T00:00:00") + np.arange(20 * 24) * np.timedelta64(3600, "s"), np.ones((480, 1))
    )
    made, notes = panel(spring, shipped("cn"), 0)
    assert notes == []
    assert list(made.kind[:4]) == [0, 0, 2, 2], "Saturday the 14th is worked, the 15th is a holiday"
    old = Frame(["a"], np.array(["1999-05-01", "1999-05-02"], "datetime64[s]"), np.ones((2, 1)))
    made, notes = panel(old, shipped("cn"), 0)
    assert "1999" in notes[0]
    assert list(made.kind) == [1, 2]


def test_a_sum_bears_a_small_gap_and_not_a_large_one() -> None:
    values = np.tile([10.0, 10.0, 10.0, 1000.0], (48, 1))
    values[5, 0] = np.nan
    values[6, 3] = np.nan
    values[7] = np.nan
    made = summed(panel(frame(values), None, 0)[0], {"s": range(4), "none": []})
    assert made.cells[0, 0, 5] == pytest.approx(1030)
    assert np.isnan(made.cells[0, 0, 6:8]).all()
    assert made.cells[0, 0, 8] == 1030
    assert np.isnan(made.cells[1]).all()


def test_areas_that_do_not_fit_are_told() -> None:
    told: list[str] = []
    made = grouped(["b", "a", "c"], [("a", "A2"), ("a", "A1"), ("b", "A2"), ("x", "A1"), ("b", "A2")], told.append)
    assert made == {"A1": [1], "A2": [0]}
    assert len(told) == 2
    assert "two areas" in told[0]
    assert "no readings" in told[1]


def test_steps_longer_than_a_day_are_refused() -> None:
    weekly = Frame(["a"], np.datetime64("2026-01-05T00:00:00") + np.arange(9) * np.timedelta64(7, "D"), loads(1, 9, 1))
    with pytest.raises(FrameUnusable, match="a day or less"):
        panel(weekly, None, 0)
