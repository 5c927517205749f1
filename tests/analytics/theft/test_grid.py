"""Tables as they come: each oddity is handled as documented, none raises but what cannot be used at all."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.errors import FrameUnusable
from analytics.theft.grid import gridded
from analytics.theft.words import Frame, Times

DAY = np.datetime64("2026-03-01T00:00:00")


def times(count: int, step_s: int, start: np.datetime64 = DAY) -> Times:
    return np.asarray(start + np.arange(count) * np.timedelta64(step_s, "s"))


def test_a_regular_frame_is_reshaped_alone() -> None:
    values = np.arange(96.0)[:, None]
    grid = gridded(Frame(["a"], times(96, 1800), values), "readings")
    assert (grid.step_s, grid.cells.shape, grid.notes) == (1800, (1, 2, 48), ())
    assert grid.cells[0].ravel().tolist() == values.ravel().tolist()


def test_the_order_of_rows_does_not_matter() -> None:
    values = np.random.default_rng(1).random((96, 3))
    order = np.random.default_rng(2).permutation(96)
    straight = gridded(Frame("abc", times(96, 1800), values), "readings")
    mixed = gridded(Frame("abc", times(96, 1800)[order], values[order]), "readings")
    assert np.array_equal(straight.cells, mixed.cells)


def test_a_day_of_25_hours_counts_the_hour_once_and_one_of_23_has_a_gap() -> None:
    hours = list(range(24)) + [24 + h for h in (0, 1, 2, 2, *range(3, 24))] + [48 + h for h in range(24) if h != 2]
    at = DAY + np.array(hours) * np.timedelta64(3600, "s")
    values = np.array([10.0] * 27 + [30.0] + [10.0] * (len(hours) - 28))[:, None]
    grid = gridded(Frame(["a"], at, values), "readings")
    assert grid.cells.shape == (1, 3, 24)
    assert grid.cells[0, 1, 2] == 20
    assert np.isnan(grid.cells[0, 2, 2])
    assert np.isfinite(grid.cells).sum() == 71
    assert any("repeat a time" in note for note in grid.notes)


def test_negative_and_infinite_values_are_gaps() -> None:
    values = np.ones((48, 1))
    values[3], values[4] = -5, np.inf
    grid = gridded(Frame(["a"], times(48, 1800), values), "readings")
    assert np.isnan(grid.cells.ravel()[[3, 4]]).all()
    assert "1 negative values" in grid.notes[0]


def test_mixed_steps_keep_the_energy() -> None:
    """Half-hours, then quarters: the cells are those of most rows, and what was counted stays counted."""
    at = np.concatenate([times(480, 1800), times(96, 900, DAY + np.timedelta64(10, "D"))])
    values = np.concatenate([np.full(480, 2.0), np.full(96, 1.0)])[:, None]
    grid = gridded(Frame(["a"], at, values), "readings")
    assert grid.step_s == 1800
    assert np.nansum(grid.cells[:, :10]) == 960
    assert np.nansum(grid.cells[:, 10]) == pytest.approx(96)
    assert any("steps of" in note for note in grid.notes)


def test_a_column_of_a_coarser_step_is_spread() -> None:
    values = np.ones((96, 2))
    values[:, 1] = np.where(np.arange(96) % 2 == 0, 6.0, np.nan)
    grid = gridded(Frame(["a", "hourly"], times(96, 1800), values), "readings")
    assert (grid.cells[1] == 3).all()
    assert any("hourly" in note for note in grid.notes)


def test_daily_rows_and_a_step_that_does_not_divide_the_day() -> None:
    assert gridded(Frame(["a"], times(30, 86400), np.ones((30, 1))), "readings").cells.shape == (1, 30, 1)
    odd = gridded(Frame(["a"], times(500, 2520), np.full((500, 1), 7.0)), "readings")
    assert 86400 % odd.step_s == 0
    assert np.nanmean(odd.cells) == pytest.approx(7 * odd.step_s / 2520)


def test_total_meters_come_onto_the_grid_of_the_readings() -> None:
    grid = gridded(Frame(["a"], times(96, 1800), np.ones((96, 1))), "readings")
    quarters = Frame(["t"], times(400, 900), np.ones((400, 1)))
    totals = gridded(quarters, "area meters", like=grid)
    assert totals.cells.shape == (1, 2, 48)
    assert np.nanmax(totals.cells) == pytest.approx(2)


def test_nothing_to_use_is_told() -> None:
    with pytest.raises(FrameUnusable, match="readings"):
        gridded(Frame([], times(3, 60), np.zeros((3, 0))), "readings")
    with pytest.raises(FrameUnusable):
        gridded(Frame(["a"], np.array(["NaT"] * 3, "datetime64[s]"), np.zeros((3, 1))), "readings")
