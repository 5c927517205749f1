"""Days of 23, 24 and 25 hours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from analytics.intervals.grid import grid

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(("day", "count"), [(date(2026, 3, 29), 92), (date(2026, 6, 1), 96), (date(2026, 10, 25), 100)])
def test_a_day_has_92_96_or_100_quarter_hours(day: date, count: int) -> None:
    found = grid(day, day + timedelta(days=1), BERLIN)
    assert len(found) == count
    assert found.start(0).astimezone(BERLIN).date() == day
    assert found.start(0).astimezone(BERLIN).time().isoformat() == "00:00:00"
    assert (found.start(count) - found.start(0)) == timedelta(minutes=15) * count
    assert (found.layout >= 0).sum() == count


def test_the_hour_that_comes_twice_has_its_slots_twice_and_the_skipped_one_none() -> None:
    autumn = grid(date(2026, 10, 25), date(2026, 10, 26), BERLIN, 60)
    assert list(autumn.slot[:5]) == [0, 1, 2, 2, 3]
    assert autumn.wall[0, 2] == 2
    spring = grid(date(2026, 3, 29), date(2026, 3, 30), BERLIN, 60)
    assert list(spring.slot[:4]) == [0, 1, 3, 4]
    assert spring.wall[0, 2] == -1


def test_places_are_boundaries_of_intervals() -> None:
    found = grid(date(2026, 1, 1), date(2026, 1, 2), ZoneInfo("Asia/Shanghai"), 30)
    midnight = datetime(2025, 12, 31, 16, tzinfo=UTC)
    assert found.place(midnight) == 0
    assert found.place(midnight + timedelta(days=1)) == 48
    assert found.place(midnight + timedelta(minutes=15)) is None
    assert found.place(midnight - timedelta(minutes=30)) is None
    assert found.place(midnight + timedelta(days=1, minutes=30)) is None


def test_a_step_that_fits_no_day_is_refused() -> None:
    with pytest.raises(ValueError, match="a step of 20 minutes"):
        grid(date(2026, 1, 1), date(2026, 1, 2), BERLIN, 20)
    with pytest.raises(ValueError, match="no whole number of 60 minutes"):  # its clock moves by half an hour
        grid(date(2026, 4, 5), date(2026, 4, 6), ZoneInfo("Australia/Lord_Howe"), 60)
    with pytest.raises(ValueError, match="no days"):
        grid(date(2026, 1, 2), date(2026, 1, 2), BERLIN)
