"""Loads: the closed form of the integral is the sum of its parts, and nothing but seed and time goes into it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.load import (
    DEMAND_S,
    EPOCH,
    NOTHING,
    RATE_BY_HOUR,
    SHAPES,
    STEP_S,
    Curve,
    Flow,
    Load,
    draw_load,
    seconds_of,
    settled,
)

KINDS = ("home", "shop", "works", "roof")
seeds = st.integers(0, 2**64 - 1)
steps = st.integers(-400 * 1440, 4000 * 1440)
curves = st.builds(Curve, st.sampled_from(list(SHAPES.values())), st.integers(1, 300), seeds)


def total(curve: Flow, second: int) -> int:
    return sum(curve.energies(second))


@given(curves, steps)
def test_energy_is_the_sum_of_watts_over_seconds(curve: Curve, step: int) -> None:
    second = step * STEP_S
    for number in range(5):
        at = second + number * STEP_S
        assert total(curve, at + STEP_S) - total(curve, at) == curve.watts(at) * STEP_S
        assert total(curve, at + 17) - total(curve, at) == curve.watts(at) * 17


@given(curves, steps, st.integers(0, STEP_S - 1))
def test_watts_stand_still_within_a_step_and_never_fall_below_nothing(curve: Curve, step: int, inside: int) -> None:
    watts = curve.watts(step * STEP_S)
    assert watts >= 0
    assert curve.watts(step * STEP_S + inside) == watts


@given(curves, steps)
def test_only_the_rate_of_the_hour_counts(curve: Curve, step: int) -> None:
    second = step * STEP_S
    rate = RATE_BY_HOUR[second // 3600 % 24]
    for other in {1, 2, 3, 4} - {rate}:
        assert curve.energy(second + STEP_S, other) == curve.energy(second, other)


@given(curves, st.integers(0, 2000))
def test_days_join_without_a_seam(curve: Curve, day: int) -> None:
    midnight = day * 86400
    readings = [total(curve, midnight + offset) for offset in range(-7200, 7201, 30)]
    assert all(later >= earlier for earlier, later in pairwise(readings))
    assert all(later - earlier <= 79_000 * 30 for earlier, later in pairwise(readings)), "a leap at midnight"


@settings(max_examples=25)
@given(curves, st.integers(0, 2000), st.integers(0, 86399))
def test_the_peak_is_the_greatest_of_the_month_so_far(curve: Curve, day: int, second: int) -> None:
    now = day * 86400 + second
    began = settled(now)
    ends = range(began + DEMAND_S, now + 1, DEMAND_S)
    averages = {end: (total(curve, end) - total(curve, end - DEMAND_S)) // DEMAND_S for end in ends}
    peak = curve.peak(now)
    assert peak.watts == max(averages.values(), default=0)
    if peak.watts:
        assert averages[peak.at] == peak.watts
        assert all(averages[end] < peak.watts for end in ends if end < peak.at), "the first of equal ones"
    else:
        assert peak.at == 0


@settings(max_examples=25)
@given(curves, st.integers(0, 500), st.lists(st.integers(0, 40 * 86400), min_size=2, max_size=6))
def test_the_peak_does_not_depend_on_who_asked_before(curve: Curve, day: int, asked: list[int]) -> None:
    fresh = [Curve(curve.shape, curve.scale, curve.seed).peak(day * 86400 + second) for second in asked]
    assert [curve.peak(day * 86400 + second) for second in asked] == fresh


@pytest.mark.parametrize(
    ("now", "since"),
    [
        ("2026-03-01T00:00:01", "2026-03-01"),
        ("2026-03-01T00:00:00", "2026-02-01"),
        ("2026-03-31T23:59:59", "2026-03-01"),
        ("2026-01-01T00:00:00", "2025-12-01"),
        ("2026-01-01T00:15:00", "2026-01-01"),
    ],
)
def test_demand_begins_anew_behind_the_midnight_of_the_first(now: str, since: str) -> None:
    shown, began = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (now, since))
    assert settled(seconds_of(shown, 0)) == seconds_of(began, 0)


def test_the_same_seed_gives_the_same_load_and_another_gives_another() -> None:
    def curve(seed: int) -> list[int]:
        return [draw_load(seed, "home").taken.watts(second) for second in range(0, 86400, 600)]

    assert curve(5) == curve(5)
    assert curve(5) != curve(6)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=seeds, day=st.integers(0, 3000), hour=st.integers(0, 23))
def test_a_load_fits_a_meter(kind: str, seed: int, day: int, hour: int) -> None:
    """DL/T 645 shows 79.9999 kW; and a roof never imports and exports at once."""
    load = draw_load(seed, kind)
    second = day * 86400 + hour * 3600
    taken, given_back = load.taken.watts(second), load.given.watts(second)
    assert taken < 79_000 > given_back
    assert not (taken and given_back)
    assert sum(load.split) == 100 > max(load.split)


def test_days_differ() -> None:
    curve = draw_load(11, "home").taken
    days = {total(curve, (day + 1) * 86400) - total(curve, day * 86400) for day in range(30)}
    assert len(days) == 30
    assert max(days) < 2 * min(days)


def test_nothing_is_nothing() -> None:
    assert Load(NOTHING).taken.watts(12345) == 0
    assert total(NOTHING, 10**9) == 0


def test_a_scale_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="scale is 0"):
        Curve(SHAPES["home"], 0, 1)


def test_seconds_are_local_and_whole() -> None:
    assert seconds_of(EPOCH, 0) == 0
    assert seconds_of(EPOCH + timedelta(seconds=59, microseconds=999_999), 3600) == 3659
    assert seconds_of(datetime(2026, 1, 1, 8, tzinfo=timezone(timedelta(hours=8))), 0) == 0
    assert seconds_of(datetime(2025, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC), 0) == -1
