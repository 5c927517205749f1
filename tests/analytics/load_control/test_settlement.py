"""Baselines and what was delivered, exact to the cent; what cannot be known is told and not paid."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from analytics.load_control.baseline import HIGH_5_OF_10, LikeDay, Method, baseline
from analytics.load_control.capacity import available
from analytics.load_control.programme import Kind, Programme, ProgrammeFault
from analytics.load_control.settlement import HEADING, delivery, write

START = datetime(2026, 7, 14, 6, tzinfo=UTC)
SPAN = (START, START + timedelta(hours=1))
PROGRAMME = Programme("peak", Kind.DIRECT, price=Decimal("1.20"))


def day(during: int, before: int = 1000) -> LikeDay:
    return LikeDay([during] * 4, [before] * 4)


def test_the_highest_days_count() -> None:
    days = [day(1000 + 100 * n) for n in range(12)]
    assert baseline(days, [1000] * 4) == [1700] * 4, "the twelfth and eleventh are too old, of ten the highest five"


def test_the_morning_moves_it_within_bounds() -> None:
    days = [day(1000)] * 10
    assert baseline(days, [1100] * 4) == [1100] * 4
    assert baseline(days, [5000] * 4) == [1200] * 4
    assert baseline(days, [0] * 4) == [800] * 4
    assert baseline(days, [None, 1, 1, 1]) == [1000] * 4, "a morning with a gap moves nothing"
    assert baseline(days, [5000] * 4, Method(adjustment=Fraction(0))) == [1000] * 4


def test_days_with_gaps_do_not_count_and_too_few_are_none() -> None:
    days = [LikeDay([None, 1, 1, 1], [1])] * 6 + [day(1000)] * 4
    with pytest.raises(ProgrammeFault, match="4 whole like days, expected at least 5"):
        baseline(days, [1000] * 4)
    assert baseline([*days, day(1000)], [1000] * 4) == [1000] * 4


def test_what_is_delivered_is_paid_to_the_cent() -> None:
    made = delivery("e1", PROGRAMME, ("p1", "m1"), SPAN, [10030] * 4, [1000, 1000, 1000, 1010])
    assert (made.delivered, made.delivered_kw, made.amount) == (Decimal("3.6110"), Decimal("3.611"), Decimal("4.33"))


def test_more_use_is_told_and_costs_nothing() -> None:
    made = delivery("e1", PROGRAMME, ("p1", "m1"), SPAN, [1000] * 4, [2000] * 4)
    assert (made.delivered, made.amount, made.is_settled) == (Decimal("-0.4000"), Decimal("0.00"), True)


def test_a_gap_or_no_baseline_is_open() -> None:
    gap = delivery("e1", PROGRAMME, ("p1", "m1"), SPAN, [1000] * 4, [1, None, 1, 1])
    none = delivery("e1", PROGRAMME, ("p2", "m2"), SPAN, ProgrammeFault("no days"), [1] * 4)
    assert [(one.is_settled, one.amount, one.reason) for one in (gap, none)] == [
        (False, Decimal("0.00"), "1 of 4 intervals were not read"), (False, Decimal("0.00"), "no days"),
    ]  # fmt: skip
    file = io.StringIO()
    write([none, gap], file)
    rows = list(csv.reader(io.StringIO(file.getvalue())))
    assert tuple(rows[0]) == HEADING
    assert [row[2] for row in rows[1:]] == ["p1", "p2"]
    assert rows[1][6:9] == ["0.4000", "", ""]


def test_capacity_is_on_the_low_side_and_unknown_where_little_is_known() -> None:
    loads = np.full((3, 8, 4), 1000.0)
    loads[0, :4] = 3000.0
    loads[1, 2:] = np.nan
    loads[2, 0, :2] = np.nan
    assert available(loads).tolist()[::2] == [1000.0, 1000.0]
    assert np.isnan(available(loads)[1])
    assert available(loads, 0.5)[2] == 500.0
    assert HIGH_5_OF_10.highest == 5


def test_loads_of_another_shape() -> None:
    with pytest.raises(ValueError, match="loads by row"):
        available(np.zeros((2, 2)))
