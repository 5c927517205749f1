"""How far a clock is off: whatever the moment, the zone and the way there, the truth lies within what is said."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.clock.offset import instant, offset_of, shown_at
from headend.clock.survey import may_be_another_day

ZONES = st.sampled_from(
    [ZoneInfo(name) for name in ("Asia/Shanghai", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "UTC")]
)
BERLIN = ZoneInfo("Europe/Berlin")
CHANGES = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # Berlin: a day of 23 hours
    datetime(2026, 10, 25, 1, tzinfo=UTC),  # and of 25
    datetime(2026, 4, 4, 15, tzinfo=UTC),  # Lord Howe, by half an hour
    datetime(2026, 11, 1, 6, tzinfo=UTC),  # New York
]
MOMENTS = st.one_of(
    st.floats(0, 6 * 365 * 86400, allow_nan=False).map(
        lambda s: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=s)
    ),
    st.builds(
        lambda at, s: at + timedelta(seconds=s), st.sampled_from(CHANGES), st.floats(-7200, 7200, allow_nan=False)
    ),
    st.builds(
        lambda day, s: datetime(2026, 1, 1, 16, tzinfo=UTC) + timedelta(days=day, seconds=s),
        st.integers(0, 364),
        st.floats(-30, 30, allow_nan=False),
    ),
)


@given(
    zone=ZONES,
    moment=MOMENTS,
    off_s=st.floats(-890, 890, allow_nan=False),
    before_s=st.floats(0, 30, allow_nan=False),
    after_s=st.floats(0, 30, allow_nan=False),
)
def test_the_truth_is_within_the_uncertainty(
    zone: ZoneInfo, moment: datetime, off_s: float, before_s: float, after_s: float
) -> None:
    """A clock that knows summer time, off by less than half the shortest change."""
    off = timedelta(seconds=off_s)
    own = shown_at(moment + off, zone).replace(microsecond=0)
    found = offset_of(own, zone, moment - timedelta(seconds=before_s), moment + timedelta(seconds=after_s))
    slack = timedelta(microseconds=2)
    assert abs(found.offset - off) <= found.uncertainty + slack
    assert found.uncertainty <= timedelta(seconds=(before_s + after_s) / 2 + 0.5) + slack
    assert found.most >= abs(off) - slack


@given(moment=MOMENTS, zone=ZONES)
def test_a_right_clock_means_now(moment: datetime, zone: ZoneInfo) -> None:
    assert instant(shown_at(moment, zone), zone, moment) == moment


@pytest.mark.parametrize("minutes", range(0, 240, 5))
def test_a_clock_without_summer_time_is_an_hour_behind_all_through_the_change(minutes: int) -> None:
    """Also in the hour that the zone leaves out, which such a clock shows."""
    moment = CHANGES[0] + timedelta(minutes=minutes)
    own = (moment + timedelta(hours=1)).replace(tzinfo=None)
    assert abs(offset_of(own, BERLIN, moment, moment).offset - timedelta(hours=-1, seconds=0.5)) < timedelta(
        seconds=0.1
    )


def test_of_the_hour_that_comes_twice_the_nearer_is_meant() -> None:
    """Three seconds behind the second 02:00 a clock that is four seconds slow shows 02:59:59 of the first."""
    moment = CHANGES[1] + timedelta(seconds=3)
    found = offset_of(datetime.fromisoformat("2026-10-25T02:59:59"), BERLIN, moment, moment)
    assert found.offset == timedelta(seconds=-3.5)


@given(
    midnight_after_s=st.floats(0, 60, allow_nan=False),
    between_s=st.floats(0, 60, allow_nan=False),
)
def test_midnight_between_date_and_time_is_never_overlooked(midnight_after_s: float, between_s: float) -> None:
    """The date is read, `between_s` later the time, which says whether the date must be read again."""
    date_read = datetime.fromisoformat("2026-11-23T00:00:00") - timedelta(seconds=midnight_after_s)
    time_read = date_read + timedelta(seconds=between_s)
    if date_read.date() != time_read.date():
        shown = time_read.replace(microsecond=0).time()
        assert may_be_another_day(shown, timedelta(seconds=between_s))


def test_by_day_the_date_is_read_once() -> None:
    assert not may_be_another_day(time(12, 0, 0), timedelta(seconds=60))
    assert not may_be_another_day(time(23, 59, 59), timedelta(seconds=60))
