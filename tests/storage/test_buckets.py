"""Days of 23 to 25 hours, half-hour zones, midnights that come twice or never, months."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.buckets import Calendar, Span

ZONES = ["Asia/Shanghai", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/Havana",
         "America/Sao_Paulo", "Asia/Kathmandu", "UTC", "Pacific/Apia"]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "day", "hours", "begins"),
    [
        ("Asia/Shanghai", date(2026, 3, 29), 24, "2026-03-28T16:00"),
        ("Europe/Berlin", date(2026, 3, 29), 23, "2026-03-28T23:00"),
        ("Europe/Berlin", date(2026, 10, 25), 25, "2026-10-24T22:00"),
        ("Asia/Kolkata", date(2026, 3, 29), 24, "2026-03-28T18:30"),
        ("Australia/Lord_Howe", date(2026, 4, 5), 25, "2026-04-04T13:00"),  # 24 and a half
        ("Australia/Lord_Howe", date(2026, 10, 4), 24, "2026-10-03T13:30"),  # 23 and a half
        ("America/Havana", date(2026, 11, 1), 25, "2026-11-01T04:00"),  # 00:00 comes twice
        ("America/Sao_Paulo", date(2018, 11, 4), 23, "2018-11-04T03:00"),  # 00:00 does not come
    ],
)
def test_hours_of_a_day(zone: str, day: date, hours: int, begins: str) -> None:
    calendar = Calendar(ZoneInfo(zone))
    found = calendar.hours(day)
    assert len(found) == hours
    assert found[0].start == datetime.fromisoformat(begins).replace(tzinfo=UTC)
    assert found[-1].end == calendar.day(day).end
    assert all(hour.end - hour.start == timedelta(hours=1) for hour in found[:-1])


def test_months() -> None:
    calendar = Calendar(ZoneInfo("Asia/Shanghai"))
    december = calendar.month(date(2026, 12, 31))
    assert december.start == datetime(2026, 11, 30, 16, tzinfo=UTC)
    assert december.end == datetime(2026, 12, 31, 16, tzinfo=UTC)
    february = calendar.month(date(2028, 2, 1))
    assert february.end - february.start == timedelta(days=29)


@given(
    st.sampled_from(ZONES),
    st.integers(1_262_400_000, 1_893_456_000).map(lambda second: datetime.fromtimestamp(second, UTC)),
    st.sampled_from(list(Span)),
)
def test_a_moment_is_in_its_bucket_and_buckets_tile(zone: str, moment: datetime, span: Span) -> None:
    calendar = Calendar(ZoneInfo(zone))
    bucket = calendar.bucket(span, moment)
    assert bucket.start <= moment < bucket.end
    following = calendar.bucket(span, bucket.end)
    assert following.start == bucket.end
    assert list(calendar.buckets(span, bucket.start, following.end)) == [bucket, following]
    if span is not Span.HOUR:
        parts = list(calendar.buckets(Span(span - 1), bucket.start, bucket.end))
        assert parts[0].start == bucket.start
        assert parts[-1].end == bucket.end


def test_a_half_hour_zone_has_two_hours_in_one_of_utc() -> None:
    calendar = Calendar(ZoneInfo("Asia/Kolkata"))
    touched = calendar.overlapping(datetime(2026, 3, 28, 18, tzinfo=UTC))
    assert [(day, hour.start.minute) for day, hour in touched] == [(date(2026, 3, 28), 30), (date(2026, 3, 29), 30)]
