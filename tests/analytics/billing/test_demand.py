"""When the highest demand was: the meter's word, the intervals', and where they do not agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from analytics.billing.demand import held_against, left_out, when
from analytics.billing.determinants import Demand
from analytics.billing.from_intervals import Interval
from tests.analytics.billing.made import D

START = datetime(2026, 6, 1, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)


def day(peak: int, estimated: int | None = None) -> list[Interval]:
    """Quarters of 1 kWh, one of 5 kWh (20 kW)."""
    return [Interval(START + QUARTER * n, D(5) if n == peak else D(1), n == estimated) for n in range(96)]


def held(kw: str, minutes: int | None, intervals: list[Interval], step: timedelta = QUARTER) -> tuple[Demand, str]:
    at = None if minutes is None else START + timedelta(minutes=minutes)
    demand = Demand(D(kw), at, "" if at is None else "meter")
    return held_against(demand, intervals, step, Decimal(0), ZONE)


def test_intervals_tell_the_time_where_the_meter_does_not() -> None:
    assert held("20", None, day(40)) == (Demand(D(20), START + 40 * QUARTER, "intervals"), "")
    assert held("20.1", None, day(40)) == (Demand(D("20.1")), "")
    assert held("4", None, day(40)) == (Demand(D(4)), ""), "the same as some interval, but not as the highest"


@pytest.mark.parametrize(
    ("kw", "minutes", "agrees"),
    [
        ("20", 615, True),  # the interval is from minute 600 to 615
        ("20", 610, True),
        ("20", 597, True),  # the clock may be some minutes late
        ("20", 590, False),
        ("20", 630, False),
        ("21.5", 620, True),  # a period that slides holds more than any interval
        ("24.1", 700, False),
        ("8", 700, True),  # two intervals are touched, of 4 kW each
        ("8.1", 700, False),
        ("12", 692, True),  # three
    ],
)
def test_what_the_intervals_allow(kw: str, minutes: int, agrees: bool) -> None:
    demand, told = held(kw, minutes, day(40))
    assert demand == Demand(D(kw), START + timedelta(minutes=minutes), "meter"), "the meter's own word stands"
    assert (told == "") is agrees


def test_hourly_intervals_hide_a_quarter_s_demand() -> None:
    hours = [Interval(START + HOUR * n, D(5) if n == 10 else D(1)) for n in range(24)]
    assert held("19", 645, hours, HOUR)[1] == ""
    assert "show 4 kW there at most" in held("19", 345, hours, HOUR)[1]


def test_what_is_estimated_proves_nothing() -> None:
    assert held("30", 700, day(40, estimated=46))[1] == ""
    assert held("30", 700, [])[1] == ""


def test_no_energy_at_all_is_a_contradiction() -> None:
    nothing = [Interval(START + QUARTER * n, D(0)) for n in range(96)]
    assert "show 0 kW there at most" in held("1", 700, nothing)[1]


def test_of_intervals_that_are_equal_each_may_be_the_one() -> None:
    twice = [Interval(one.start, D(5)) if n == 70 else one for n, one in enumerate(day(40))]
    assert held("20", 1065, twice)[1] == ""


def test_in_words() -> None:
    assert when(Demand(D("45.20"), START, "meter"), ZONE) == "45.2 kW at 2026-06-01T08:00:00+08:00 by the meter"
    assert when(Demand(D(1), START), ZONE) == "1 kW at 2026-06-01T08:00:00+08:00"
    assert when(Demand(D(1)), ZONE) == ""
    assert "was it not reset? It is left out" in left_out(Demand(D(1), START, "meter"), ZONE)
