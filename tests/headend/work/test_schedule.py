"""Slots of schedules: the same from wherever one looks, right on days of 23 and 25 hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.work.schedule import Daily, Every, Monthly, Schedule, between, daily, monthly

BERLIN, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")
SCHEDULES: list[Schedule] = [
    Every(900),
    Every(7),
    Daily(0, SHANGHAI),
    Daily(150, BERLIN),
    Daily(1439, ZoneInfo("Australia/Lord_Howe")),
    Monthly((1,), 0, BERLIN),
    Monthly((1, 15, 28), 145, ZoneInfo("America/Santiago")),
]
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(schedule=st.sampled_from(SCHEDULES), now=MOMENTS)
def test_last_and_next_are_neighbours(schedule: Schedule, now: datetime) -> None:
    last, following = schedule.last(now), schedule.next(now)
    assert last <= now < following
    assert following - last <= schedule.period
    assert schedule.last(last) == last
    assert schedule.next(last) == following
    assert schedule.last(following - timedelta(microseconds=1)) == last


@given(schedule=st.sampled_from(SCHEDULES), start=MOMENTS, hours=st.integers(0, 2000))
def test_between_is_every_slot_once(schedule: Schedule, start: datetime, hours: int) -> None:
    end = start + timedelta(hours=min(hours, 20 if schedule.period < timedelta(hours=1) else hours))
    slots = list(between(schedule, start, end))
    assert all(start <= slot < end for slot in slots)
    assert all(schedule.next(one) == other for one, other in pairwise(slots))
    first = start if schedule.last(start) == start else schedule.next(start)
    assert slots == [] if first >= end else slots[0] == first


def test_midnights_around_summer_time() -> None:
    midnights = list(between(Daily(0, BERLIN), datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC)))
    assert [f"{slot:%d %H}" for slot in midnights] == ["28 23", "29 22", "30 22"]
    autumn = list(between(Daily(0, BERLIN), datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 27, tzinfo=UTC)))
    assert [f"{slot:%d %H}" for slot in autumn] == ["24 22", "25 23", "26 23"]


def test_a_time_that_comes_twice_is_its_second_and_one_that_is_lacking_is_there() -> None:
    half_past_two = Daily(150, BERLIN)
    assert half_past_two.next(datetime(2026, 10, 24, 12, tzinfo=UTC)) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert half_past_two.next(datetime(2026, 10, 25, 1, 30, tzinfo=UTC)) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
    assert half_past_two.next(datetime(2026, 3, 28, 12, tzinfo=UTC)) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_written_schedules() -> None:
    assert daily("00:05", SHANGHAI) == Daily(5, SHANGHAI)
    assert monthly("15,1 00:30", SHANGHAI) == Monthly((1, 15), 30, SHANGHAI)


@pytest.mark.parametrize("text", ["", "24:00", "7:00", "00:60", "midnight"])
def test_bad_times(text: str) -> None:
    with pytest.raises(ValueError, match="expected a time of the day"):
        daily(text, SHANGHAI)


@pytest.mark.parametrize("text", ["", "00:00", "0 00:00", "29 00:00", "1;2 00:00", "1"])
def test_bad_days_of_the_month(text: str) -> None:
    with pytest.raises(ValueError, match="expected days of the month"):
        monthly(text, SHANGHAI)
