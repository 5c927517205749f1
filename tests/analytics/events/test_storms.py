"""Many events of one kind are one storm, named by the narrowest place that holds them all."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from analytics.events import Occurrence, StormRule, storms

T0 = datetime(2026, 11, 22, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULES = (
    StormRule("system", 100, 15 * MINUTE),
    StormRule("area", 20, 15 * MINUTE),
    StormRule("line", 5, 15 * MINUTE),
    StormRule("meter", 3, 60 * MINUTE),
)


def plant(count: int, *, kind: str = "power_down", start: datetime = T0, step: timedelta = timedelta(0), first: int = 0,
          storm: int | None = None) -> list[Occurrence]:  # fmt: skip
    """Ten meters a line, five lines an area."""
    return [
        Occurrence(n, kind, start + (n - first) * step, f"m{n}", f"line {n // 10}", f"area {n // 50}", storm)
        for n in range(first, first + count)
    ]


def test_few_events_are_no_storm() -> None:
    assert storms(plant(5), RULES) == []


def test_a_line_an_area_the_system() -> None:
    (line,) = storms(plant(8), RULES)
    assert (line.scope, line.place, line.meters) == ("line", "line 0", 8)
    (area,) = storms(plant(40), RULES)
    assert (area.scope, area.place, len(area.events)) == ("area", "area 0", 40)
    (system,) = storms(plant(5000), RULES)
    assert (system.scope, system.place, len(system.events)) == ("system", "", 5000)


def test_a_chattering_meter_is_a_storm_of_one() -> None:
    chatter = [Occurrence(n, "overvoltage_l1", T0 + n * MINUTE, "m", "line", "area") for n in range(9)]
    (storm,) = storms(chatter, RULES)
    assert (storm.scope, storm.place, storm.meters) == ("meter", "m", 1)


def test_the_same_number_over_a_day_is_none() -> None:
    assert storms(plant(40, step=20 * MINUTE), RULES) == []


def test_a_long_storm_is_one_and_two_apart_are_two() -> None:
    (long,) = storms(plant(90, step=MINUTE), (StormRule("system", 5, 15 * MINUTE),))
    assert long.last - long.first == 89 * MINUTE
    apart = plant(20) + plant(20, first=100, start=T0 + timedelta(hours=2))
    assert [storm.first for storm in storms(apart, (StormRule("system", 5, 15 * MINUTE),))] == [
        T0, T0 + timedelta(hours=2),
    ]  # fmt: skip


def test_kinds_do_not_mix() -> None:
    mixed = plant(4) + plant(4, kind="meter_cover_open", first=4)
    assert storms(mixed, RULES) == []


def test_what_goes_on_is_known() -> None:
    (storm,) = storms(plant(8, storm=3) + plant(2, first=8), RULES)
    assert (storm.known, len(storm.events)) == ((3,), 10)


@given(st.integers(0, 120), st.integers(0, 40), st.integers(0, 2**32))
def test_an_event_is_in_one_storm_at_most_and_the_order_does_not_matter(count: int, minutes: int, seed: int) -> None:
    drawn = random.Random(seed)
    held = [
        Occurrence(o.event_id, o.kind, T0 + drawn.randint(0, minutes) * MINUTE, o.meter, o.line, o.area)
        for o in plant(count)
    ]
    found = storms(held, RULES)
    numbers = [number for storm in found for number in storm.events]
    assert len(numbers) == len(set(numbers))
    assert all(len(storm.events) > 3 and storm.first <= storm.last for storm in found)
    drawn.shuffle(held)
    assert storms(held, RULES) == found
