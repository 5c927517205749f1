"""Estimations: which rule, from what, and that sums hold to the last unit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.day_types import Calendar, DayType, YearUnknown
from analytics.day_types import shipped as calendar_of
from analytics.intervals.cumulative import series
from analytics.intervals.words import Mounting, Reading
from analytics.vee.frame import Fact, Frame, Totals, frame
from analytics.vee.from_series import from_series
from analytics.vee.run import run
from analytics.vee.share import nearest, shared
from analytics.vee.validated import NAMES, Method, Source, ValidatedFrame
from tests.analytics.vee.frames import BERLIN, PLAIN, SHIPPED, days, full, history, holed

MONDAY = date(2026, 6, 1)
GRID = days(MONDAY, 14)
DAY = 24


def told(made: ValidatedFrame, at: int, row: int = 0) -> tuple[int, Source, Method]:
    return int(made.steps[row, at]), Source(int(made.source[row, at])), Method(int(made.method[row, at]))


def out(of: Frame, first: int, last: int) -> Frame:
    facts = of.facts.copy()
    facts[0, first:last] |= np.uint8(Fact.OUTAGE)
    return replace(of, facts=facts)


def test_actual_values_stay_as_they_are() -> None:
    given_ = full(GRID)
    made = run(given_, SHIPPED, PLAIN)
    assert (made.steps == given_.steps).all()
    assert (made.source == Source.ACTUAL).all()
    assert made.value(0, 5).rule == "raw"
    assert made.value(0, 5).version == SHIPPED.version
    assert made.value(0, 5).reason == ""


def test_up_to_two_hours_are_linear_between_actual_ends() -> None:
    base = full(GRID)
    base.steps[0, [29, 32]] = 1000, 1100
    made = run(holed(base, (30, 32)), SHIPPED, PLAIN)
    assert told(made, 30) == (1033, Source.ESTIMATED, Method.LINEAR)
    assert told(made, 31) == (1067, Source.ESTIMATED, Method.LINEAR)
    assert made.value(0, 30).raw is None
    assert made.value(0, 30).energy == Decimal("0.1033")
    assert made.value(0, 30).reason == "missing"


@pytest.mark.parametrize("hole", [(30, 33), (0, 2)])
def test_no_line_is_drawn_over_more_or_without_two_ends(hole: tuple[int, int]) -> None:
    made = run(holed(full(GRID), hole), SHIPPED, PLAIN)
    assert told(made, hole[0]) == (0, Source.NONE, Method.NONE)
    assert made.value(0, hole[0]).energy is None


def test_the_end_of_the_frame_is_no_end_of_a_line() -> None:
    made = run(holed(full(GRID), (len(GRID) - 2, len(GRID))), SHIPPED, PLAIN)
    assert told(made, len(GRID) - 2)[2] is Method.LIKE_DAY


def test_an_outage_is_nothing_used_and_no_end_of_a_line() -> None:
    made = run(out(holed(full(GRID), (30, 32)), 30, 31), SHIPPED, PLAIN)
    assert told(made, 30) == (0, Source.ESTIMATED, Method.OUTAGE)
    assert told(made, 31)[1] is Source.NONE
    made = run(out(holed(full(GRID), (30, 31)), 29, 30), SHIPPED, PLAIN)
    assert told(made, 30)[1] is Source.NONE


def test_the_registers_come_first_and_hold_to_the_last_unit() -> None:
    base = holed(full(GRID), (30, 33), totals=[(0, 29, 40, 20_000)])
    made = run(base, SHIPPED, PLAIN)
    assert int(made.steps[0, 29:40].sum()) == 20_000
    assert [told(made, at)[2] for at in (29, 30, 32, 33)] == [Method.RAW, Method.REGISTER, Method.REGISTER, Method.RAW]
    left = 20_000 - int(base.steps[0, 29:40].sum())
    assert [int(value) for value in made.steps[0, 30:33]] == shared(left, [1, 1, 1])


def test_registers_are_shared_out_by_the_shape_of_like_days() -> None:
    past = history(days(date(2026, 5, 18), 14))
    past.steps[:, :] = np.where(past.grid.slot == 12, 3000, 1000)
    made = run(holed(full(GRID), (11, 14), totals=[(0, 11, 14, 10_000)]), SHIPPED, PLAIN, past)
    assert made.steps[0, 11:14].tolist() == [2000, 6000, 2000]


def test_an_outage_in_a_gap_gets_nothing_unless_the_register_says_so() -> None:
    base = out(holed(full(GRID), (30, 33), totals=[(0, 30, 33, 500)]), 31, 32)
    made = run(base, SHIPPED, PLAIN)
    assert made.steps[0, 30:33].tolist() == [250, 0, 250]
    assert told(made, 31)[2] is Method.OUTAGE
    made = run(out(base, 30, 33), SHIPPED, PLAIN)
    assert int(made.steps[0, 30:33].sum()) == 500


def test_a_register_below_its_intervals_is_told_and_not_used() -> None:
    made = run(holed(full(GRID), (30, 31), totals=[(0, 29, 32, 1)]), SHIPPED, PLAIN)
    assert told(made, 30)[2] is Method.LINEAR
    assert [(each.check, each.first, each.last) for each in made.findings if each.check == "sum"] == [("sum", 29, 31)]


def test_a_register_coarser_than_its_intervals_contradicts_nothing() -> None:
    base = holed(full(GRID), (30, 31), totals=[(0, 29, 32, 2_000)])  # the others have 2,012
    made = run(replace(base, unit=np.array([100])), SHIPPED, PLAIN)
    assert told(made, 30) == (0, Source.ESTIMATED, Method.REGISTER)
    assert "sum" not in {each.check for each in made.findings}
    exact = run(replace(base, unit=np.array([11])), SHIPPED, PLAIN)
    assert told(exact, 30)[2] is Method.LINEAR
    assert "sum" in {each.check for each in exact.findings}


def test_an_estimate_above_the_limit_is_told() -> None:
    base = replace(holed(full(GRID), (30, 31), totals=[(0, 30, 31, 9_000)]), limit=np.array([5_000]))
    made = run(base, SHIPPED, PLAIN)
    assert told(made, 30) == (9_000, Source.ESTIMATED, Method.REGISTER)
    assert [(each.action, each.first) for each in made.findings if each.check == "limit"] == [("review", 30)]
    assert made.failed[0, 30] >> NAMES.index("limit") & 1
    assert made.value(0, 30).reason == "missing"


def test_channels_that_count_both_ways_share_out_what_is_below_nothing() -> None:
    base = replace(holed(full(GRID), (30, 33), totals=[(0, 30, 33, -10)]), signed=np.array([True]))
    assert run(base, SHIPPED, PLAIN).steps[0, 30:33].tolist() == [-4, -3, -3]


def test_shorter_totals_are_filled_before_those_around_them() -> None:
    base = holed(full(GRID), (30, 32), (40, 41), totals=[(0, 24, 48, 40_000), (0, 29, 33, 5_000)])
    made = run(base, SHIPPED, PLAIN)
    assert int(made.steps[0, 29:33].sum()) == 5_000
    assert int(made.steps[0, 24:48].sum()) == 40_000


def test_like_days_are_the_last_four_valid_ones_of_the_type() -> None:
    past = history(days(date(2026, 5, 11), 21))
    for day in range(21):  # workdays at 0-4, 7-11, 14-18
        past.steps[0, day * DAY : (day + 1) * DAY] = 100 * (day + 1)
    past.outage[0, 18] = True
    past.actual[0, 17 * DAY + 3] = False
    made = run(holed(full(GRID), (3, 9)), SHIPPED, PLAIN, past)
    assert told(made, 3) == (1500, Source.ESTIMATED, Method.LIKE_DAY)  # 17, 16, 15, 12 -> days 16, 15, 14, 11
    saturday = run(holed(full(GRID), (5 * DAY, 5 * DAY + 6)), SHIPPED, PLAIN, past)
    assert told(saturday, 5 * DAY) == (nearest(2100 + 2000 + 1400 + 1300, 4), Source.ESTIMATED, Method.LIKE_DAY)


def idle(of: Frame, what: Fact, first: int, last: int) -> Frame:
    facts = of.facts.copy()
    facts[0, first:last] |= np.uint8(what)
    return replace(of, facts=facts)


def test_a_vacant_days_like_days_are_vacant_ones() -> None:
    past = history(days(date(2026, 5, 11), 21))
    for day in range(21):
        past.steps[0, day * DAY : (day + 1) * DAY] = 100 * (day + 1)
    past.vacant[0, [1, 2, 3]] = True
    base = holed(full(GRID), (3, 9), (DAY + 3, DAY + 9))
    made = run(idle(base, Fact.VACANT, DAY, 2 * DAY), SHIPPED, PLAIN, past)
    assert told(made, 3) == (1750, Source.ESTIMATED, Method.LIKE_DAY)  # of 16 to 19
    assert told(made, DAY + 3) == (300, Source.ESTIMATED, Method.LIKE_DAY)  # of 2 to 4
    partly = run(idle(base, Fact.VACANT, 2, DAY), SHIPPED, PLAIN, past)
    assert told(partly, 3)[0] == 1750, "who comes on that day uses as he does"


@pytest.mark.parametrize("what", [Fact.DISCONNECTED, Fact.VACANT])
def test_days_on_which_nobody_lives_there_are_no_references(what: Fact) -> None:
    base = holed(full(GRID), (9 * DAY + 3, 9 * DAY + 9))
    base.steps[0, 3 * DAY : 4 * DAY] = 9000
    assert told(run(base, SHIPPED, PLAIN), 9 * DAY + 3)[0] == nearest(3 * 1003 + 9000, 4)
    for first, last in ((3 * DAY, 4 * DAY), (3 * DAY, 3 * DAY + 1)):
        made = run(idle(base, what, first, last), SHIPPED, PLAIN)
        assert told(made, 9 * DAY + 3) == (1003, Source.ESTIMATED, Method.LIKE_DAY)


def test_nothing_flows_through_an_open_relay_unless_the_register_says_so() -> None:
    base = idle(holed(full(GRID), (3, 9)), Fact.DISCONNECTED, 0, DAY)
    assert told(run(base, SHIPPED, PLAIN), 4) == (0, Source.ESTIMATED, Method.OUTAGE)
    counted = idle(holed(full(GRID), (3, 9), totals=[(0, 3, 9, 600)]), Fact.DISCONNECTED, 0, DAY)
    assert told(run(counted, SHIPPED, PLAIN), 4) == (100, Source.ESTIMATED, Method.REGISTER)


def test_a_class_tells_nothing_of_vacant_days_and_gives_registers_their_shape() -> None:
    profiles = {"home": {"workday": np.arange(24) * 10}}
    base = replace(holed(full(GRID), (2, 8), (DAY + 2, DAY + 4), totals=[(0, DAY + 2, DAY + 4, 50)]), klass=("home",))
    made = run(idle(base, Fact.VACANT, 0, DAY), SHIPPED, PLAIN, None, profiles)
    assert told(made, 3)[1] is Source.NONE
    assert made.steps[0, DAY + 2 : DAY + 4].tolist() == [20, 30]
    assert np.argwhere(made.classed[0]).ravel().tolist() == [DAY + 2, DAY + 3]


def test_with_less_than_three_like_days_the_class_is_asked() -> None:
    past = history(days(date(2026, 5, 30), 2))
    profiles = {"home": {"workday": np.arange(24) * 10}}
    base = replace(holed(full(GRID), (3, 9), (5 * DAY, 5 * DAY + 6)), klass=("home",))
    made = run(base, SHIPPED, PLAIN, past, profiles)
    assert told(made, 4) == (40, Source.ESTIMATED, Method.CLASS)
    assert told(made, 5 * DAY)[1] is Source.NONE  # the class has no weekend
    assert np.argwhere(made.classed[0]).ravel().tolist() == list(range(3, 9))
    with pytest.raises(ValueError, match="profile home, workday: expected 24 steps"):
        run(base, SHIPPED, PLAIN, past, {"home": {"workday": np.arange(96)}})


def test_a_day_of_the_frame_with_an_outage_is_no_reference_nor_is_an_old_day() -> None:
    base = out(full(GRID), 5, 6)  # with a value, as a meter gives 0
    assert told(run(holed(base, (3 * DAY, 3 * DAY + 6)), SHIPPED, PLAIN), 3 * DAY)[1] is Source.NONE
    past = history(days(date(2026, 4, 1), 20))  # until 20 April: 42 days before 1 June
    made = run(holed(full(GRID), (0, 6)), SHIPPED, PLAIN, past)
    assert told(made, 0)[1] is Source.NONE  # 17 and 20 April are within 45 days, two are too few


def test_days_of_the_frame_itself_are_references_too() -> None:
    base = full(GRID)
    base.steps[0, : 3 * DAY] = 500
    made = run(holed(base, (3 * DAY, 3 * DAY + 6)), SHIPPED, PLAIN)
    assert told(made, 3 * DAY) == (500, Source.ESTIMATED, Method.LIKE_DAY)


def test_make_up_workdays_are_workdays_and_holidays_stand_apart() -> None:
    """2026-05-09 is a Saturday that is worked; 1 to 5 May is a holiday."""
    china: Calendar = calendar_of("cn")
    assert china.day_type(date(2026, 5, 9)) is DayType.WORKDAY
    grid_ = days(date(2026, 4, 27), 14)
    base = full(grid_)
    for day in range(14):
        base.steps[0, day * DAY : (day + 1) * DAY] = 100 + day
    at = 12 * DAY  # 9 May
    made = run(holed(base, (at, at + 6)), SHIPPED, china)
    assert told(made, at) == (nearest(111 + 110 + 109 + 103, 4), Source.ESTIMATED, Method.LIKE_DAY)
    saturday = run(holed(base, (at, at + 6)), SHIPPED, PLAIN)
    assert told(saturday, at)[1] is Source.NONE
    holiday = run(holed(base, (8 * DAY, 8 * DAY + 6)), SHIPPED, china)  # 5 May, the fifth of its kind
    assert told(holiday, 8 * DAY) == (nearest(107 + 106 + 105 + 104, 4), Source.ESTIMATED, Method.LIKE_DAY)


def test_a_year_without_holidays_in_the_calendar_is_an_error_where_it_matters() -> None:
    with pytest.raises(YearUnknown):
        run(holed(full(days(date(2031, 1, 1), 2)), (3, 4)), SHIPPED, calendar_of("cn"))


def test_the_hour_that_comes_twice_is_estimated_twice() -> None:
    grid_ = days(date(2026, 10, 25), 1, BERLIN)
    past = history(days(date(2026, 9, 28), 27, BERLIN))
    made = run(holed(full(grid_), (0, 25)), SHIPPED, PLAIN, past)
    assert made.steps[0].tolist() == [1000, 1001, 1002, 1002, *range(1003, 1024)]
    spring = days(date(2026, 3, 29), 1, BERLIN)
    earlier = history(days(date(2026, 3, 1), 28, BERLIN))
    made = run(holed(full(spring), (0, 23)), SHIPPED, PLAIN, earlier)
    assert made.steps[0].tolist() == [1000, 1001, *range(1003, 1024)]


@pytest.mark.parametrize(("own", "other"), [(10, 590), (590, 10)])
def test_siblings_stay_together_however_many_rows_there_are(own: int, other: int) -> None:
    rows = 600
    steps = np.full((rows, len(GRID)), 5)
    steps[[own, other]] = 500 + GRID.slot
    export = np.full(rows, -1)
    export[own] = other
    made = run(
        frame(tuple(f"m{row:03}" for row in range(rows)), GRID, steps, np.ones(steps.shape, np.bool_), export=export),
        SHIPPED, PLAIN,
    )  # fmt: skip
    assert [each.name for each in made.findings if each.check == "both_ways"] == [f"m{own:03}"]


def test_rows_do_not_know_of_each_other() -> None:
    base = full(GRID, rows=520)
    base.present[[3, 300, 519], 30:35] = False
    base = replace(base, totals=Totals.of([(row, 30, 35, row + 7) for row in (519, 3, 300)]))
    made = run(base, SHIPPED, PLAIN)
    for row in (3, 300, 519):
        assert int(made.steps[row, 30:35].sum()) == row + 7
    assert (made.source != Source.ACTUAL).sum() == 15


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**9), min_size=1, max_size=50))
def test_shares_add_up_and_are_within_one_of_their_due(total: int, weights: list[int]) -> None:
    parts = shared(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        if whole:
            assert abs(part * whole - total * weight) < whole


def test_what_cannot_be_shared_is_refused() -> None:
    for total, weights in ((1, []), (-1, [1]), (1, [1, -1])):
        with pytest.raises(ValueError, match="cannot be shared"):
            shared(total, weights)
    assert [nearest(n, 2) for n in (-3, -1, 1, 3, 5)] == [-2, 0, 0, 2, 2]


@given(
    st.sampled_from([date(2026, 3, 29), date(2026, 6, 1), date(2026, 10, 25)]),
    st.lists(st.integers(0, 10**5), min_size=101, max_size=101),
    st.sets(st.integers(1, 91)),
    st.integers(1, 400),
    st.randoms(use_true_random=False),
)
def test_from_registers_to_values_nothing_is_lost(
    day: date, used: list[int], lost: set[int], multiplier: int, random: object
) -> None:
    """Whatever readings are missing on a day of 92, 96 or 100 quarter-hours."""
    on = days(day, 1, BERLIN, 15)
    counts = np.cumsum(used)[: len(on) + 1]
    readings = [
        Reading("m", on.start(at), Decimal(int(count)).scaleb(-4)) for at, count in enumerate(counts) if at not in lost
    ]
    random.shuffle(readings)  # type: ignore[attr-defined]
    stood = Mounting("m", on.start(0), on.start(len(on)), Decimal(multiplier))
    made = run(from_series({"m": series(readings, [stood], on)}, 4), SHIPPED, PLAIN)
    assert int(made.steps.sum()) == int(counts[-1] - counts[0]) * multiplier
    assert (made.source != Source.NONE).all()
    assert ((made.source == Source.ACTUAL) == made.raw.present).all()
    assert (made.reason[made.source != Source.ACTUAL] > 0).all()
    assert (made.steps >= 0).all()


@given(st.lists(st.tuples(st.integers(0, 13 * 24), st.integers(1, 60)), max_size=6), st.booleans())
def test_a_value_has_a_source_and_none_has_no_value(holes: list[tuple[int, int]], with_history: bool) -> None:
    past = history(days(date(2026, 5, 11), 21)) if with_history else None
    made = run(holed(full(GRID), *((first, first + count) for first, count in holes)), SHIPPED, PLAIN, past)
    none = made.source == Source.NONE
    assert (none == (made.method == Method.NONE)).all()
    assert (made.steps[none] == 0).all()
    assert (made.reason[made.source == Source.ACTUAL] == 0).all()
    assert (made.reason[made.source != Source.ACTUAL] > 0).all()
    again = run(holed(full(GRID), *((first, first + count) for first, count in reversed(holes))), SHIPPED, PLAIN, past)
    assert (again.steps == made.steps).all()


def test_a_gap_of_which_a_part_was_not_measured_is_no_total() -> None:
    on = days(MONDAY, 1)
    start = on.start(0)
    found = series(
        [Reading("b", start + timedelta(hours=24), Decimal(9))],
        [
            Mounting("a", start, start + timedelta(hours=6), Decimal(1), Decimal(0), Decimal(3)),
            Mounting("b", start + timedelta(hours=7), start + timedelta(hours=24), Decimal(1), Decimal(0)),
        ],
        on,
    )
    given_ = from_series({"m": found}, 4)
    assert given_.totals.steps.tolist() == [30_000, 90_000]
    assert (run(given_, SHIPPED, PLAIN).source[0] == Source.NONE).nonzero()[0].tolist() == [6]


def test_an_energy_finer_than_the_step_is_refused() -> None:
    on = days(MONDAY, 1)
    readings = [Reading("m", on.start(0), Decimal(0)), Reading("m", on.start(1), Decimal("0.0001"))]
    found = series(readings, [Mounting("m", on.start(0), on.start(24), Decimal("1.5"))], on)
    with pytest.raises(ValueError, match="finer than 4 decimals"):
        from_series({"m": found}, 4)
    assert on.start(0) == datetime(2026, 5, 31, 16, tzinfo=UTC)
