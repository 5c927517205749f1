"""Collection quality: rates, groups and the worst, and that every number adds up."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.quality import DIMENSIONS, STATES, Quality, Tally, percent, quality, worst

DAY = date(2026, 3, 1)
NAMES = st.sampled_from(["a", "b", "c"])
PLACES = st.sampled_from(["a", "b", None])


def tally(state: str, slots: int, *, meter: str = "m1", reason: str | None = None, day: date = DAY) -> Tally:
    return Tally(day, meter, "line", "model", "maker", "area", None, state, reason, slots)


@st.composite
def tallies(draw: st.DrawFn) -> Tally:
    state = draw(st.sampled_from(STATES))
    reason = draw(st.sampled_from(["no_answer", "late"])) if state in ("unrecoverable", "open") else None
    return Tally(
        DAY + timedelta(days=draw(st.integers(0, 2))), draw(NAMES), draw(NAMES), draw(NAMES), draw(PLACES),
        draw(PLACES), draw(PLACES), state, reason, draw(st.integers(1, 200)),
    )  # fmt: skip


def test_rates_are_of_what_was_expected() -> None:
    (found,) = quality([
        tally("received", 90), tally("recovered", 4), tally("estimated", 1),
        tally("unrecoverable", 2, reason="not_kept"), tally("open", 3, reason="no_answer"),
    ])  # fmt: skip
    assert (found.expected, found.complete, found.missing) == (100, 94, 6)
    assert (found.success, found.completeness) == (Decimal("90.00"), Decimal("94.00"))
    assert found.reason == "no_answer"
    assert (found.meters, found.whole) == (1, 0)


def test_hundred_per_cent_is_said_only_where_nothing_is_missing() -> None:
    assert percent(999_999, 1_000_000) == Decimal("99.99")
    assert percent(1, 1) == Decimal("100.00")
    assert percent(0, 7) == Decimal("0.00")


def test_where_nothing_is_expected_there_is_no_rate() -> None:
    (found,) = quality([])
    assert (found.expected, found.success, found.completeness, found.reason) == (0, None, None, None)
    assert quality([], ["meter"]) == []


def test_a_meter_is_whole_when_nothing_of_it_is_missing() -> None:
    (found,) = quality([
        tally("received", 5), tally("recovered", 1),
        tally("received", 5, meter="m2"), tally("open", 1, meter="m2", reason="late"),
    ])  # fmt: skip
    assert (found.meters, found.whole) == (2, 1)


def test_the_worst_lack_most_and_the_good_are_not_among_them() -> None:
    groups = quality(
        [
            tally("received", 10, meter="good"),
            tally("received", 9, meter="late"), tally("recovered", 1, meter="late"),
            tally("open", 10, meter="dead", reason="no_answer"),
            tally("received", 9, meter="poor"), tally("open", 1, meter="poor", reason="late"),
        ],
        ["meter"],
    )  # fmt: skip
    assert [group.key for group in worst(groups, 9)] == [("dead",), ("poor",), ("late",)]
    assert [group.reason for group in worst(groups, 2)] == ["no_answer", "late"]


def test_a_place_that_is_not_known_is_a_group_of_its_own_and_the_last() -> None:
    rows = [tally("received", 1), Tally(DAY, "m2", "line", "model", None, None, None, "received", None, 2)]
    assert [(group.key, group.expected) for group in quality(rows, ["area"])] == [(("area",), 1), ((None,), 2)]


@pytest.mark.parametrize("by", ["colour", "Day", ""])
def test_what_cannot_be_told_apart_by_is_refused(by: str) -> None:
    with pytest.raises(ValueError, match="expected one of day, area"):
        quality([], [by])


def test_a_state_that_the_ledger_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="no state 'lost'"):
        quality([tally("lost", 1)])


@given(st.lists(tallies(), max_size=40), st.lists(st.sampled_from(list(DIMENSIONS)), max_size=3, unique=True))
def test_numbers_add_up_however_they_are_told_apart(rows: list[Tally], by: list[str]) -> None:
    groups = quality(rows, by)
    (whole,) = quality(rows)
    for state in STATES:
        assert sum(group.states[state] for group in groups) == whole.states[state]
    assert sum(group.expected for group in groups) == sum(row.slots for row in rows)
    assert sum(sum(group.reasons.values()) for group in groups) == sum(whole.reasons.values())
    assert len({group.key for group in groups}) == len(groups)
    for group in groups:
        assert sum(group.reasons.values()) == group.states["unrecoverable"] + group.states["open"]
        assert group.complete + group.missing == group.expected
        assert 0 <= group.whole <= group.meters
        assert (group.whole == group.meters) == (group.missing == 0)
        assert group.success is None or Decimal(0) <= group.success <= (group.completeness or 0) <= Decimal(100)
        assert (group.completeness == Decimal(100)) == (group.missing == 0 < group.expected)


@given(st.lists(tallies(), max_size=40), st.integers(0, 9))
def test_the_worst_are_in_order_and_nothing_worse_is_left_out(rows: list[Tally], most: int) -> None:
    groups = quality(rows, ["meter", "line"])
    found = worst(groups, most)
    rates = [_rate(group) for group in found]
    assert rates == sorted(rates)
    rest = [group for group in groups if group not in found and group.states["received"] < group.expected]
    assert all(_rate(group) >= rates[-1] for group in rest if found)
    assert len(found) == most or not rest


def _rate(group: Quality) -> Decimal:
    return Decimal(group.complete) / group.expected
