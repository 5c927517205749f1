"""Disconnected is what the relay showed, and only as long as nothing says otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.vee.relay import Shown, disconnected

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OPEN, CLOSED, UNKNOWN = Shown.OPEN, Shown.CLOSED, Shown.UNKNOWN


@pytest.mark.parametrize(
    ("seen", "spans"),
    [
        ([], []),
        ([(1, OPEN)], [(1, 24)]),
        ([(1, OPEN), (3, OPEN), (5, CLOSED)], [(1, 5)]),
        ([(1, OPEN), (5, UNKNOWN), (6, CLOSED)], [(1, 5)]),
        ([(1, CLOSED), (2, UNKNOWN)], []),
        ([(5, CLOSED), (1, OPEN), (7, OPEN)], [(1, 5), (7, 24)]),
        ([(1, OPEN), (1, CLOSED)], []),
        ([(1, UNKNOWN), (1, OPEN)], []),
        ([(24, OPEN)], []),
    ],
)
def test_from_seen_open_to_anything_else(seen: list[tuple[int, Shown]], spans: list[tuple[int, int]]) -> None:
    found = disconnected([(NOON + at * HOUR, shown) for at, shown in seen], NOON + 24 * HOUR)
    assert list(found) == [(NOON + first * HOUR, NOON + last * HOUR) for first, last in spans]


@given(st.lists(st.tuples(st.integers(0, 23), st.sampled_from(Shown))))
def test_spans_are_apart_and_begin_where_it_was_open(seen: list[tuple[int, Shown]]) -> None:
    moments = [(NOON + at * HOUR, shown) for at, shown in seen]
    found = list(disconnected(moments, NOON + 24 * HOUR))
    edges = [edge for span in found for edge in span]
    assert edges == sorted(set(edges))
    assert all((start, OPEN) in moments for start, _ in found)
