"""Energy stays in its interval; what cannot be told apart is a total over a gap; nothing is lost or invented."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.intervals.cumulative import series
from analytics.intervals.grid import grid
from analytics.intervals.reconciliation import reconciled
from analytics.intervals.words import Doubt, Mounting, Reading, Series, Why

ZONE = ZoneInfo("Asia/Shanghai")
GRID = grid(date(2026, 5, 1), date(2026, 5, 2), ZONE, 60)
MINUTE = timedelta(minutes=1)


def at(hours: float) -> timedelta:
    return timedelta(hours=hours)


def reading(hour: float, value: str, meter: str = "m1") -> Reading:
    return Reading(meter, GRID.start(0) + at(hour), Decimal(value))


def mounting(start: float = 0, end: float = 24, meter: str = "m1", **more: object) -> Mounting:
    return Mounting(meter, GRID.start(0) + at(start), GRID.start(0) + at(end), **more)  # type: ignore[arg-type]


def told(found: Series) -> dict[int, Decimal]:
    return {(interval.start - GRID.start(0)) // at(1): interval.energy for interval in found.intervals}


def gaps(found: Series) -> list[tuple[int, int, Decimal | None, Why]]:
    return [((gap.start - GRID.start(0)) // at(1), gap.count, gap.energy, gap.why) for gap in found.gaps]


def test_differences_times_multiplier_and_a_gap_as_a_total() -> None:
    found = series(
        [reading(0, "100"), reading(1, "100.5"), reading(2, "101"), reading(6, "105"), reading(24, "123")],
        [mounting(multiplier=Decimal(80))],
        GRID,
    )
    assert told(found) == {0: 40, 1: 40}
    assert gaps(found) == [(2, 4, Decimal(320), Why.MISSING), (6, 18, Decimal(1440), Why.MISSING)]
    assert found.energy == 23 * 80


def test_before_the_first_and_after_the_last_reading_nothing_is_known() -> None:
    found = series([reading(3, "5"), reading(4, "6")], [mounting()], GRID)
    assert told(found) == {3: 1}
    assert gaps(found) == [(0, 3, None, Why.MISSING), (4, 20, None, Why.MISSING)]
    assert [gap.whole for gap in found.gaps] == [False, False]


def test_without_readings_or_meter_all_is_gap() -> None:
    assert gaps(series([], [mounting()], GRID)) == [(0, 24, None, Why.MISSING)]
    empty = series([], [], GRID)
    assert gaps(empty) == [(0, 24, Decimal(0), Why.NO_METER)]
    assert not empty.gaps[0].whole


def test_a_rollover_needs_known_digits_and_a_plausible_amount() -> None:
    readings = [reading(0, "999999.5"), reading(1, "1.25"), reading(2, "2")]
    rolled = series(readings, [mounting(digits=6)], GRID)
    assert told(rolled) == {0: Decimal("1.75"), 1: Decimal("0.75")}
    assert rolled.rollovers == (GRID.start(1),)
    unknown = series(readings, [mounting()], GRID)
    assert told(unknown) == {1: Decimal("0.75")}
    assert gaps(unknown)[0] == (0, 1, None, Why.BACKWARDS)
    implausible = series([reading(0, "600000"), reading(1, "5")], [mounting(digits=6)], GRID)
    assert told(implausible) == {}


def test_a_limit_decides_what_a_rollover_may_have_counted() -> None:
    readings = [reading(0, "999999.5"), reading(1, "1.25"), reading(2, "2")]
    turned = [mounting(digits=6, multiplier=Decimal(2))]
    assert 0 in told(series(readings, turned, GRID, limit_kw=Decimal("3.5")))
    assert 0 not in told(series(readings, turned, GRID, limit_kw=Decimal("3.4")))


def test_a_reset_that_nobody_recorded_makes_no_peak() -> None:
    found = series([reading(0, "500"), reading(1, "501"), reading(2, "0.5"), reading(3, "1.5")], [mounting()], GRID)
    assert told(found) == {0: 1, 2: 1}
    assert gaps(found)[0] == (1, 1, None, Why.BACKWARDS)


@pytest.mark.parametrize("wrong", ["5", "900"])
def test_one_wrong_reading_makes_no_peak(wrong: str) -> None:
    found = series(
        [reading(h, v) for h, v in enumerate(["100", "101", wrong, "103", "104"])], [mounting(digits=6)], GRID
    )
    assert told(found) == {0: 1, 3: 1}
    assert gaps(found)[0] == (1, 2, Decimal(2), Why.MISSING)
    assert [(each.reading.value, each.doubt) for each in found.unused] == [(Decimal(wrong), Doubt.OUTLIER)]


def test_where_either_of_two_may_be_wrong_both_go() -> None:
    found = series([reading(h, v) for h, v in enumerate(["100", "104", "103", "105"])], [mounting()], GRID)
    assert told(found) == {}
    assert gaps(found)[0] == (0, 3, Decimal(5), Why.MISSING)


def test_an_exchange_within_an_interval_adds_both_meters_up() -> None:
    found = series(
        [reading(0, "100"), reading(1, "101"), reading(2, "0.75", "m2"), reading(3, "1", "m2")],
        [
            mounting(0, 1.5, final=Decimal("101.5"), multiplier=Decimal(10)),
            mounting(1.5, 24, "m2", initial=Decimal("0.25"), multiplier=Decimal(20)),
        ],
        GRID,
    )
    assert told(found) == {0: 10, 1: 15, 2: 5}


def test_an_exchange_without_its_registers_is_a_gap() -> None:
    found = series(
        [reading(1, "101"), reading(2, "0.75", "m2"), reading(3, "1", "m2")],
        [mounting(0, 1.5), mounting(1.5, 24, "m2")],
        GRID,
    )
    assert told(found) == {2: Decimal("0.25")}
    assert gaps(found)[1] == (1, 1, None, Why.MISSING)


def test_while_no_meter_stands_there_what_was_counted_is_not_the_whole() -> None:
    found = series(
        [reading(1, "101"), reading(2, "0.75", "m2")],
        [
            mounting(0, 1.25, initial=Decimal(100), final=Decimal("101.5")),
            mounting(1.75, 24, "m2", initial=Decimal(0)),
        ],
        GRID,
    )
    assert told(found) == {0: 1}
    assert gaps(found)[0] == (1, 1, Decimal("1.25"), Why.NO_METER)
    assert not found.gaps[0].whole


def test_a_change_of_the_transformer_counts_each_side_with_its_own() -> None:
    found = series(
        [reading(1, "10"), reading(2, "12")],
        [
            mounting(0, 1.5, multiplier=Decimal(80), final=Decimal(11)),
            mounting(1.5, 24, multiplier=Decimal(120), initial=Decimal(11)),
        ],
        GRID,
    )
    assert told(found) == {1: 200}


def test_readings_near_a_boundary_count_only_within_the_tolerance() -> None:
    readings = [reading(0, "1"), Reading("m1", GRID.start(1) + 2 * MINUTE, Decimal(2)), reading(2, "3")]
    assert told(series(readings, [mounting()], GRID)) == {}
    assert told(series(readings, [mounting()], GRID, tolerance=2 * MINUTE)) == {0: 1, 1: 1}
    for nearer in (-MINUTE, MINUTE):
        more = [*readings, Reading("m1", GRID.start(1) + nearer, Decimal("1.5"))]
        more.append(Reading("m1", GRID.start(1) - 2 * MINUTE, Decimal("1.25")))
        assert told(series(more, [mounting()], GRID, tolerance=2 * MINUTE))[0] == Decimal("0.5")


def test_what_was_counted_before_the_days_asked_for_is_not_theirs() -> None:
    found = series(
        [reading(2, "50"), reading(3, "51")], [mounting(-100, 200, initial=Decimal(0), final=Decimal(900))], GRID
    )
    assert told(found) == {2: 1}
    assert gaps(found) == [(0, 2, None, Why.MISSING), (3, 21, None, Why.MISSING)]


def test_equal_duplicates_count_once_and_contradicting_ones_not_at_all() -> None:
    same = [reading(0, "1"), reading(1, "2"), reading(1, "2.0"), reading(2, "3")]
    assert told(series(same, [mounting()], GRID)) == {0: 1, 1: 1}
    contradicting = series([*same, reading(1, "2.5")], [mounting()], GRID)
    assert told(contradicting) == {}
    assert gaps(contradicting)[0] == (0, 2, Decimal(2), Why.MISSING)
    assert {each.doubt for each in contradicting.unused} == {Doubt.CONFLICT}


def test_meters_of_other_points_and_mountings_side_by_side_are_told() -> None:
    assert series([reading(0, "1", "stranger")], [mounting()], GRID).unused[0].doubt is Doubt.NOT_MOUNTED
    with pytest.raises(ValueError, match="beside"):
        series([], [mounting(0, 12), mounting(11, 24, "m2")], GRID)
    with pytest.raises(ValueError, match="no zone"):
        series([Reading("m1", GRID.start(0).replace(tzinfo=None), Decimal(1))], [mounting()], GRID)


@st.composite
def registers(draw: st.DrawFn) -> list[tuple[int, Decimal]]:
    hours = draw(st.lists(st.integers(1, 23), unique=True))
    used = draw(st.lists(st.integers(0, 10**6), min_size=len(hours) + 2, max_size=len(hours) + 2))
    value, found = Decimal("990000"), []
    for hour, more in zip([0, *sorted(hours), 24], used, strict=True):
        value += Decimal(more).scaleb(-4)
        found.append((hour, value))
    return found


@given(registers(), st.integers(1, 5000), st.randoms(use_true_random=False))
def test_energy_is_conserved_and_the_order_means_nothing(
    points: list[tuple[int, Decimal]], x: int, random: object
) -> None:
    readings = [reading(hour, str(value)) for hour, value in points]
    stands = [mounting(multiplier=Decimal(x))]
    found = series(readings, stands, GRID)
    assert found.energy == (points[-1][1] - points[0][1]) * x
    assert len(found.intervals) + sum(gap.count for gap in found.gaps) == len(GRID)
    assert all(gap.whole for gap in found.gaps)
    shuffled = [*readings, *readings]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    again = series(shuffled, stands, GRID)
    assert (again.intervals, again.gaps) == (found.intervals, found.gaps)


@given(st.lists(st.tuples(st.integers(0, 24), st.integers(0, 10**6)), max_size=12), st.permutations(range(12)))
def test_whatever_is_read_the_grid_is_covered_once_and_nothing_is_negative(
    values: list[tuple[int, int]], order: list[int]
) -> None:
    readings = [reading(hour, str(value)) for hour, value in values]
    found = series(readings, [mounting(digits=6)], GRID)
    covered = [(each.start, 1) for each in found.intervals] + [(gap.start, gap.count) for gap in found.gaps]
    covered.sort()
    assert [start for start, _ in covered] == [
        GRID.start(sum(count for _, count in covered[:place])) for place in range(len(covered))
    ]
    assert sum(count for _, count in covered) == 24
    assert all(interval.energy >= 0 for interval in found.intervals)
    shuffled = [readings[place] for place in order if place < len(readings)]
    again = series(shuffled, [mounting(digits=6)], GRID)
    assert (again.intervals, again.gaps, again.unused) == (found.intervals, found.gaps, found.unused)


@pytest.mark.parametrize(
    ("profile", "register", "percent", "agrees"),
    [("100", "100.8", "0", True), ("100", "100.81", "0", False), ("100", "102", "2", True), ("103", "100", "2", False)],
)
def test_a_profile_agrees_within_one_unit_or_the_share(profile: str, register: str, percent: str, agrees: bool) -> None:
    found = reconciled(Decimal(profile), Decimal(register), unit=Decimal("0.8"), percent=Decimal(percent))
    assert found.agrees is agrees
    assert found.difference == Decimal(profile) - Decimal(register)
