"""Each check with values that it must refuse and values that it must let pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest

from analytics.vee.checks import TABLE, Scope
from analytics.vee.frame import Channel, Fact, Frame, History, Totals
from analytics.vee.parameters import Checks
from analytics.vee.run import run
from analytics.vee.validated import NAMES, ValidatedFrame
from tests.analytics.vee.frames import BERLIN, PLAIN, SHIPPED, days, full, history, holed, only

GRID = days(date(2026, 6, 1), 10)
DAY = len(GRID) // 10
BY_NAME = {check.name: check.function for check in TABLE}


def failed(name: str, frame: Frame, known: History | None = None, checks: Checks = SHIPPED.checks) -> list[list[int]]:
    return np.argwhere(BY_NAME[name](frame, checks, known)).tolist()


def put(frame: Frame, *cells: tuple[int, int], row: int = 0) -> Frame:
    steps = frame.steps.copy()
    for at, value in cells:
        steps[row, at] = value
    return replace(frame, steps=steps)


def fact(frame: Frame, what: Fact, first: int, last: int) -> Frame:
    facts = frame.facts.copy()
    facts[0, first:last] |= np.uint8(what)
    return replace(frame, facts=facts)


def rule(name: str, **changed: Any) -> Checks:
    found = msgspec.structs.replace(getattr(SHIPPED.checks, name), **changed)
    return msgspec.structs.replace(SHIPPED.checks, **{name: found})


def test_good_values_fail_nothing() -> None:
    frame = full(GRID)
    for check in TABLE:
        assert not check.function(frame, SHIPPED.checks, None).any(), check.name


@pytest.mark.parametrize(
    ("ms", "sync", "quarantine"),
    [(10_000, 0, 0), (10_001, 1, 0), (-300_000, 1, 0), (-300_001, 0, 1), (300_001, 0, 1)],
)
def test_clocks_have_classes(ms: int, sync: int, quarantine: int) -> None:
    frame = full(GRID)
    frame.clock_ms[0, 3] = ms
    assert failed("clock_sync", frame) == [[0, 3]] * sync
    assert failed("clock_quarantine", frame) == [[0, 3]] * quarantine


def test_a_channel_has_to_be_as_configured() -> None:
    own = Channel("kWh", 900, "80")
    frame = full(GRID, rows=4, expected=(own,) * 4, told=(own, own._replace(unit="kvarh"), own._replace(step_s=3600),
                                                          own._replace(multiplier="1")))  # fmt: skip
    assert failed("channel", frame) == [[1], [2], [3]]


def test_duplicates_and_gaps() -> None:
    assert failed("duplicate", fact(full(GRID), Fact.DUPLICATE, 5, 6)) == [[0, 5]]
    frame = holed(full(GRID), (3, 5), (20, 32))
    assert failed("missing", frame) == [[0, at] for at in [3, 4, *range(20, 32)]]
    assert failed("long_gap", frame) == [[0, at] for at in range(20, 32)]
    assert failed("long_gap", holed(full(GRID), (20, 31))) == []


def test_negative_values_where_the_register_counts_one_way() -> None:
    frame = put(full(GRID), (7, -1))
    assert failed("negative", frame) == [[0, 7]]
    assert failed("negative", replace(frame, signed=np.array([True]))) == []


def test_the_limit_of_the_connection() -> None:
    frame = replace(put(full(GRID), (7, 5001), (8, 5000), (9, -5001)), limit=np.array([5000]))
    assert failed("limit", frame) == [[0, 7], [0, 9]]


def test_a_spike_stands_above_the_third_highest_peak_of_its_day() -> None:
    base = full(GRID, 0)
    flat = replace(base, steps=np.full_like(base.steps, 100))
    peaks = put(flat, (30, 20_000), (34, 20_000), (38, 56_000))
    assert failed("spike", peaks) == []
    assert failed("spike", put(peaks, (38, 56_001))) == [[0, 38]]
    assert failed("spike", put(peaks, (38, 56_001), (39, 56_001))) == [[0, 38], [0, 39]][:2]
    assert failed("spike", put(flat, (30, 300), (34, 300), (38, 10_000))) == []
    assert failed("spike", put(flat, (30, 90_000), (34, 300))) == []  # two peaks only


def test_the_same_value_many_times() -> None:
    base = full(GRID)
    steps = base.steps.copy()
    steps[0, 10:34] = 777
    assert failed("static", replace(base, steps=steps)) == [[0, at] for at in range(10, 34)]
    steps[0, 20] = 778
    assert failed("static", replace(base, steps=steps)) == []
    steps[0, 10:40] = 0
    assert failed("static", replace(base, steps=steps)) == []


def test_days_of_nothing_though_there_was_voltage() -> None:
    base = full(GRID)
    steps = base.steps.copy()
    steps[0, DAY : 8 * DAY] = 0
    frame = replace(base, steps=steps)
    assert failed("zero", frame) == []
    frame.voltage[0, :] = 1
    assert failed("zero", frame) == [[0, day] for day in range(1, 8)]
    frame.voltage[0, 4] = 0
    assert failed("zero", frame) == []


@pytest.mark.parametrize(
    ("last", "year", "high", "low"),
    [(24_000, 24_000, 0, 0), (8_000, 8_000, 1, 0), (8_000, 24_000, 0, 0), (130_000, 130_000, 0, 1),
      (130_000, 24_000, 0, 0)],
)  # fmt: skip
def test_usage_against_last_period_and_last_year(last: int, year: int, high: int, low: int) -> None:
    frame = full(GRID)  # 24,276 steps a day
    checks = msgspec.structs.replace(
        SHIPPED.checks,
        high_usage=msgspec.structs.replace(SHIPPED.checks.high_usage, least_steps=20_000),
        low_usage=msgspec.structs.replace(SHIPPED.checks.low_usage, least_steps=20_000),
    )
    known = history(days(date(2026, 5, 1), 3), last=last, year=year)
    assert failed("high_usage", frame, known, checks) == [[0]] * high
    assert failed("low_usage", frame, known, checks) == [[0]] * low


def test_little_usage_is_never_high_and_nothing_known_tells_nothing() -> None:
    known = history(days(date(2026, 5, 1), 3), last=8_000)
    assert failed("high_usage", full(GRID), known) == []
    assert failed("high_usage", full(GRID), known, rule("high_usage", least_steps=20_000)) == [[0]]
    assert failed("high_usage", full(GRID), history(days(date(2026, 5, 1), 3)), rule("high_usage", least_steps=0)) == []


@pytest.mark.parametrize("idle", [Fact.DISCONNECTED, Fact.VACANT])
def test_use_where_nobody_should(idle: Fact) -> None:
    assert failed("inactive", fact(full(GRID), idle, DAY, 2 * DAY)) == [[0, 1]]
    assert failed("inactive", fact(full(GRID, 0), idle, DAY, 2 * DAY)) == []  # 276 steps
    assert failed("inactive", fact(full(GRID), idle, DAY + 1, 3 * DAY - 1)) == []  # two days, neither throughout
    both = fact(fact(full(GRID), Fact.VACANT, DAY, DAY + 9), Fact.DISCONNECTED, DAY + 9, 2 * DAY)
    assert failed("inactive", both) == [[0, 1]]


@pytest.mark.parametrize("first", [date(2026, 3, 27), date(2026, 10, 23)])
def test_a_vacant_day_may_have_23_or_25_hours(first: date) -> None:
    cells = days(first, 4, BERLIN)
    begins, ends = (int(cells.layout[day, 0]) for day in (2, 3))
    assert ends - begins in (23, 25)
    assert failed("inactive", fact(full(cells), Fact.VACANT, begins, ends)) == [[0, 2]]
    assert failed("inactive", fact(full(cells), Fact.VACANT, begins, ends - 1)) == []


@pytest.mark.parametrize(("idle", "fails"), [(Fact.DISCONNECTED, [[0, 1]]), (Fact.VACANT, [])])
def test_a_roof_exports_though_nobody_lives_there(idle: Fact, fails: list[list[int]]) -> None:
    roof = full(GRID, rows=2, export=np.array([-1, 0]))
    assert failed("inactive", fact(roof, idle, DAY, 2 * DAY)) == fails


@pytest.mark.parametrize("idle", [Fact.DISCONNECTED, Fact.VACANT])
def test_nothing_used_where_nobody_should_is_no_zero(idle: Fact) -> None:
    still = replace(full(GRID), steps=np.zeros((1, len(GRID)), np.int64), voltage=np.ones((1, 10), np.int8))
    assert len(failed("zero", still)) == 10
    assert len(failed("zero", fact(still, idle, 7 * DAY + 3, 8 * DAY))) == 7
    assert failed("zero", fact(still, idle, 5 * DAY, 5 * DAY + 1)) == []


@pytest.mark.parametrize("idle", [Fact.DISCONNECTED, Fact.VACANT])
def test_days_on_which_nobody_lives_there_are_no_low_usage(idle: Fact) -> None:
    steps = full(GRID, 5000).steps
    steps[:, 2 * DAY :] = 0
    usual = history(days(date(2026, 5, 30), 2), last=DAY * 5000)
    still = replace(full(GRID), steps=steps)
    low = rule("low_usage", percent=50)
    assert failed("low_usage", still, usual, low) == [[0]]
    assert failed("low_usage", fact(still, idle, 2 * DAY, 10 * DAY), usual, low) == []


def test_active_energy_without_its_reactive_channel() -> None:
    base = full(GRID, 5000, rows=2, reactive=np.array([1, -1]))
    assert failed("no_reactive", base) == []
    present = base.present.copy()
    present[1, 2 * DAY : 3 * DAY] = False
    assert failed("no_reactive", replace(base, present=present)) == [[0, 2]]


def test_import_and_export_exclude_each_other() -> None:
    base = full(GRID, rows=2, export=np.array([1, -1]))
    nothing = replace(base, steps=base.steps * np.array([[1], [0]]))
    assert failed("both_ways", nothing) == []
    assert failed("both_ways", put(nothing, (9, 100), row=1)) == [[0, 9]]


@pytest.mark.parametrize(("off", "fails"), [(0, 0), (100, 0), (-100, 0), (101, DAY), (-101, DAY)])
def test_intervals_add_up_to_the_registers_within_a_unit(off: int, fails: int) -> None:
    base = full(GRID, unit=np.array([100]))
    total = int(base.steps[0, :DAY].sum())
    assert len(failed("sum", replace(base, totals=Totals.of([(0, 0, DAY, total + off)])))) == fails


def test_sums_may_be_off_by_a_share() -> None:
    base = full(GRID)
    total = int(base.steps[0].sum())
    frame = replace(base, totals=Totals.of([(0, 0, len(GRID), total * 100 // 99)]))
    assert len(failed("sum", frame)) == len(GRID)
    assert failed("sum", frame, checks=rule("sum", percent=1)) == []
    holes = holed(base, (5, 6), totals=[(0, 0, len(GRID), total * 2)])
    assert failed("sum", holes) == []  # the gap takes the difference


def findings(made: ValidatedFrame, name: str) -> list[tuple[str, int, int, int]]:
    return [(each.action, each.first, each.last, each.fails) for each in made.findings if each.check == name]


def test_long_estimation_asks_for_somebody_to_go_there() -> None:
    gap = holed(full(GRID), (0, 6 * DAY), totals=[(0, 0, 6 * DAY, 100_000)])
    assert findings(run(gap, SHIPPED, PLAIN), "prolonged") == []
    known = history(days(date(2026, 5, 20), 12))
    known.estimated_days[0] = 1
    made = run(gap, SHIPPED, PLAIN, known)
    assert findings(made, "prolonged") == [("order", 0, 6 * DAY - 1, 6 * DAY)]
    assert (made.failed[0, : 6 * DAY] >> NAMES.index("prolonged") & 1).all()
    longer = holed(full(GRID), (0, 7 * DAY), totals=[(0, 0, 7 * DAY, 100_000)])
    assert findings(run(longer, SHIPPED, PLAIN), "prolonged") == [("order", 0, 7 * DAY - 1, 7 * DAY)]


def test_days_without_supply_are_not_estimated_ones() -> None:
    gap = fact(holed(full(GRID), (0, 8 * DAY)), Fact.OUTAGE, 0, 8 * DAY)
    assert findings(run(gap, SHIPPED, PLAIN), "prolonged") == []


def test_an_action_decides_what_becomes_of_the_value() -> None:
    frame = replace(put(full(GRID), (30, 5001)), limit=np.array([5000]))
    made = run(frame, only("limit"), PLAIN)
    assert made.value(0, 30).reason == "limit"
    assert made.value(0, 30).raw == Decimal("0.5001")
    assert made.steps[0, 30] == round((1005 + 1007) / 2)
    told = run(frame, only("limit", limit=msgspec.structs.replace(SHIPPED.checks.limit, action="review")), PLAIN)
    assert told.steps[0, 30] == 5001
    assert findings(told, "limit") == [("review", 30, 30, 1)]
    silent = run(frame, only(), PLAIN)
    assert not silent.findings
    assert not silent.failed.any()


def test_every_check_has_its_parameters_and_a_scope() -> None:
    assert set(NAMES) == set(Checks.__struct_fields__)
    assert len(set(NAMES)) == len(NAMES) <= 32
    assert {check.scope for check in TABLE} == set(Scope)
