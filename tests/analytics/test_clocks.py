"""Drift of clocks, and what readings of many come to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.clocks import ClockSample, drift_ppm, grouped, percentile

T0 = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@given(ppm=st.integers(-100, 100), start=st.integers(-100_000, 100_000), days=st.integers(2, 60))
def test_a_steady_drift_is_found(ppm: int, start: int, days: int) -> None:
    """Readings are whole milliseconds, and show a second's parts."""
    rows = [(T0 + n * DAY, start + round(86.4 * ppm * n) + (-1) ** n * 400) for n in range(days)]
    found = drift_ppm(rows)
    assert found is not None
    assert abs(found - ppm) <= 10


def test_a_clock_that_was_set_begins_anew() -> None:
    rows = [(T0 + n * DAY, 4320 * n) for n in range(10)]
    rows += [(T0 + n * DAY, 4320 * (n - 10)) for n in range(10, 15)]
    assert drift_ppm(rows) == pytest.approx(50)
    assert drift_ppm(rows[:11]) is None, "one reading since it was set"


@pytest.mark.parametrize("rows", [[], [(T0, 5)], [(T0, 5), (T0 + timedelta(hours=23), 9)]])
def test_too_little_says_nothing(rows: list[tuple[datetime, int]]) -> None:
    assert drift_ppm(rows) is None


def test_groups() -> None:
    samples = [ClockSample("ok", 1000, 2.0), ClockSample("sync", -30_000, -8.0), ClockSample("quarantine", None)]
    found = grouped("a", samples)
    assert (found.meters, found.read, found.median_ms, found.drift) == (3, 2, -14_500, -3.0)
    assert found.p95_ms == pytest.approx(28_550)
    assert found.standings == {"ok": 1, "sync": 1, "quarantine": 1}
    nothing = grouped("b", [ClockSample("unknown", None)])
    assert (nothing.median_ms, nothing.p95_ms, nothing.drift) == (None, None, None)


def test_percentiles() -> None:
    assert percentile([5], 0.95) == 5
    assert percentile([0, 10], 0.5) == 5
    assert percentile(list(range(101)), 0.95) == 95
