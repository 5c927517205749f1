"""The day of a class is the exact mean, rounded once, and of so many that it tells of nobody."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analytics.vee.class_profiles import Profile, Sums, TooFew


def _profile(days: dict[int, list[list[int]]], least: int) -> Profile | TooFew:
    sums: Sums[str] = Sums(2)
    for point, own in days.items():
        sums.add("home", point, np.array(own, np.int64))
    ((of, found),) = sums.profiles(least)
    assert of == "home"
    return found


def test_the_mean_of_all_days_half_to_even() -> None:
    days = {point: [[2, 4]] for point in range(9)} | {9: [[3, 1], [2, 1]]}
    found = _profile(days, 10)
    assert found == Profile((2, 3), 10, 11)  # 23 / 11 and 38 / 11
    assert _profile({point: [[2 + point % 2, 1 + point % 2]] for point in range(10)}, 10) == Profile((2, 2), 10, 10)


def test_few_points_are_refused() -> None:
    days = {point: [[1, 1], [1, 1]] for point in range(9)}
    assert _profile(days, 10) == TooFew("9 usage points with sound days, at least 10 are needed")
    assert isinstance(_profile(days | {9: [[1, 1]]}, 10), Profile)


def test_one_that_makes_most_of_it_is_refused() -> None:
    days = {point: [[10, 10]] for point in range(9)}
    assert isinstance(_profile(days | {9: [[15, 15]]}, 10), Profile)  # 14.3 %
    assert _profile(days | {9: [[20, 20]]}, 10) == TooFew("one usage point is 18 % of it, at most 15 % may be")
    assert isinstance(_profile({point: [[0, 0]] for point in range(10)}, 10), Profile)


@given(st.lists(st.lists(st.integers(900, 1100), min_size=2, max_size=2), min_size=10, max_size=30))
def test_no_slot_is_off_by_more_than_half_a_step(days: list[list[int]]) -> None:
    found = _profile({point: [day] for point, day in enumerate(days)}, 10)
    assert isinstance(found, Profile)
    for slot, steps in enumerate(found.steps):
        assert abs(steps - Fraction(sum(day[slot] for day in days), len(days))) <= Fraction(1, 2)
