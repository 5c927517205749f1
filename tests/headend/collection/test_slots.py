"""Durations and slots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.collection.slots import next_slot, slot_of
from headend.duration import seconds

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = st.builds(
    lambda us, zone: (EPOCH + timedelta(microseconds=us)).astimezone(zone),
    st.integers(-(10**15), 10**16),
    st.sampled_from([UTC, timezone(timedelta(hours=8))]),
)
PERIODS = st.integers(1, 7 * 86400)


@given(MOMENTS, PERIODS)
def test_a_moment_lies_in_its_slot(now: datetime, period_s: int) -> None:
    slot = slot_of(now, period_s)
    assert slot <= now < slot + timedelta(seconds=period_s)
    assert (slot - EPOCH) % timedelta(seconds=period_s) == timedelta(0)


@given(MOMENTS, PERIODS)
def test_the_next_slot_begins_now_or_is_the_first_behind(now: datetime, period_s: int) -> None:
    slot = next_slot(now, period_s)
    assert slot - timedelta(seconds=period_s) < now <= slot
    assert (slot - EPOCH) % timedelta(seconds=period_s) == timedelta(0)


def test_quarter_hours() -> None:
    now = datetime(2026, 3, 1, 12, 7, 30, 1, tzinfo=UTC)
    assert slot_of(now, 900) == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert next_slot(now, 900) == datetime(2026, 3, 1, 12, 15, tzinfo=UTC)
    assert next_slot(datetime(2026, 3, 1, 12, 15, tzinfo=UTC), 900) == datetime(2026, 3, 1, 12, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("500ms", 0.5), ("10s", 10), ("15m", 900), ("1h", 3600), ("1d", 86400), ("1.5h", 5400), (" 2 s ", 2), ("0s", 0),
     ("33000ms", 33)],
)  # fmt: skip
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == expected


@given(st.integers(0, 10**9))
def test_milliseconds_are_as_exact_as_a_float_can_be(count: int) -> None:
    assert seconds(f"{count}ms") == count / 1000


@pytest.mark.parametrize(
    "text", ["", "5", "s", "-1s", "1 week", "1e3s", "1:30", "1s2s", ".5s", "36501d", "9" * 400 + "s"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"no duration|longer"):
        seconds(text)


@given(st.text())
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        found = seconds(text)
    except ValueError as error:
        said = str(error)
    else:
        said = "expected" if found >= 0 else "below 0"
    assert "expected" in said
