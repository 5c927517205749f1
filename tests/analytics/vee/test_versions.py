"""When a day is another version, when a bill differs, and what a version of the parameters says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from analytics.vee.checks import PROLONGED, TABLE
from analytics.vee.errors import ParametersFault
from analytics.vee.parameters import parse, shipped
from analytics.vee.run import holding, run
from analytics.vee.validated import NAMES, Source
from analytics.vee.versions import bills_differ, differs
from tests.analytics.vee.frames import PLAIN, SHIPPED, days, full, holed

GRID = days(date(2026, 6, 1), 2)
WHOLE = full(GRID)
LATE = holed(WHOLE, (30, 31))


@dataclass(frozen=True)
class Two:
    """Two days of four intervals."""

    steps: Any
    present: Any
    raw: Any
    raw_present: Any
    source: Any
    method: Any
    reason: Any
    failed: Any


def two() -> Two:
    steps = np.arange(1, 9).reshape(2, 4)
    there = np.ones((2, 4), np.bool_)
    marks = np.ones((2, 4), np.uint8)
    return Two(steps, there, steps.copy(), there.copy(), marks, marks.copy(), marks * 0, np.zeros((2, 4), np.uint32))


def with_cell(name: str, value: int) -> Two:
    table = getattr(two(), name).copy()
    table[1, 2] = value
    return replace(two(), **{name: table})


@pytest.mark.parametrize(
    ("name", "value", "amount"),
    [
        ("steps", 99, True), ("present", 0, True), ("raw", 99, False), ("raw_present", 0, False),
        ("source", 2, False), ("method", 4, False), ("reason", 5, False), ("failed", 16, False),
    ],
)  # fmt: skip
def test_a_day_differs_by_its_values_and_by_what_is_told_of_them(name: str, value: int, amount: bool) -> None:
    after = with_cell(name, value)
    assert differs(two(), after).tolist() == [False, True]
    assert bills_differ(two(), after).tolist() == [False, amount]
    assert not differs(two(), two()).any()


def test_numbers_of_checks_are_stored() -> None:
    assert {check.name for check in TABLE} | {PROLONGED} == set(NAMES)
    assert (NAMES.index("missing"), NAMES.index("sum"), NAMES.index("prolonged")) == (4, 16, 17)


def test_what_holds_is_told_before() -> None:
    assert holding(WHOLE, SHIPPED).all()
    made = run(LATE, SHIPPED, PLAIN)
    assert np.array_equal(holding(LATE, SHIPPED), made.source == Source.ACTUAL)
    assert np.argwhere(~holding(LATE, SHIPPED)).tolist() == [[0, 30]]


def test_parameters_are_laid_over_the_shipped_ones() -> None:
    own = parse('version = "own-1"\n[checks.spike]\nexcess_percent = 200\n', "vee.toml")
    assert own.version == "own-1"
    assert own.checks.spike.excess_percent == 200
    assert own.checks.spike.action == shipped().checks.spike.action
    assert own.estimations == shipped().estimations
    assert run(LATE, own, PLAIN).value(0, 30).version == "own-1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[checks]", "version: missing"),
        ('version = ""', "version"),
        ('version = "a"\n[checks.spike]\nexces = 1', r"exces.*checks.spike"),
        ('version = "a"\n[checks.spike]\naction = "guess"', r"guess.*checks.spike.action"),
        ('version = "a"\n[checks.zero]\ndays = 0', r"checks.zero.days"),
        ("version = ", "vee.toml"),
    ],
)
def test_wrong_parameters_name_file_and_key(text: str, says: str) -> None:
    with pytest.raises(ParametersFault, match=says):
        parse(text, "vee.toml")
