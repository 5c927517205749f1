"""Consumption over exchanges and multiplier changes: nothing lost, nothing invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.errors import RegisterBackwards, RegisterMissing
from analytics.registers import Segment, consumption, flaws, unmeasured

T0 = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def segment(first: int, last: int, initial: str | None, final: str | None, meter: str = "m1", x: str = "1") -> Segment:
    return Segment(
        meter,
        T0 + first * HOUR,
        T0 + last * HOUR,
        Decimal(x),
        None if initial is None else Decimal(initial),
        None if final is None else Decimal(final),
    )


def test_an_exchange_and_a_change_of_the_transformer() -> None:
    segments = [
        segment(0, 10, "100.5", "110.5", x="80"),
        segment(10, 15, "110.5", "112", x="120"),
        segment(16, 24, "0.01", "3.0101", meter="m2", x="120"),
    ]
    found = consumption(reversed(segments), T0, T0 + 24 * HOUR)
    assert found.energy == Decimal("800") + Decimal("180") + Decimal("360.012")
    assert [(part.meter, part.energy) for part in found.parts] == [
        ("m1", Decimal("800")),
        ("m1", Decimal("180")),
        ("m2", Decimal("360.012")),
    ]
    assert found.unmeasured == ((T0 + 15 * HOUR, T0 + 16 * HOUR),)
    assert flaws(segments) == []


def test_two_meters_at_a_time_add_up() -> None:
    found = consumption([segment(0, 4, "1", "2"), segment(1, 3, "0", "5", meter="m2")], T0, T0 + 4 * HOUR)
    assert (found.energy, found.unmeasured) == (Decimal(6), ())


def test_an_unknown_register_is_not_guessed() -> None:
    bad = [segment(0, 1, None, "2"), segment(1, 2, "2", None), segment(2, 3, "9", "8"), segment(3, 4, "1", "2")]
    with pytest.raises(RegisterMissing, match=r"m1 at 2026-03-01T00:00:00\+00:00"):
        consumption(bad, T0, T0 + 4 * HOUR)
    with pytest.raises(RegisterMissing, match="02:00"):
        consumption(bad[1:2], T0, T0 + 4 * HOUR)
    with pytest.raises(RegisterBackwards, match=r"from 9 at .* to 8"):
        consumption(bad[2:], T0, T0 + 4 * HOUR)
    assert consumption(bad[2:], T0, T0 + 4 * HOUR, signed=True).energy == 0
    assert [type(flaw) for flaw in flaws(bad)] == [RegisterMissing, RegisterMissing, RegisterBackwards]
    assert len(flaws(bad, signed=True)) == 2


def test_no_meter_at_all_is_no_energy_and_wholly_unmeasured() -> None:
    found = consumption([], T0, T0 + HOUR)
    assert (found.energy, found.parts, found.unmeasured) == (Decimal(0), (), ((T0, T0 + HOUR),))


@pytest.mark.parametrize(
    ("segments", "said"),
    [
        ([segment(0, 5, "1", "2")], "no span within"),
        ([segment(-1, 1, "1", "2")], "no span within"),
        ([segment(1, 1, "1", "2")], "no span within"),
        ([segment(0, 2, "1", "2"), segment(1, 3, "1", "2")], "overlap"),
        ([replace(segment(0, 1, "1", "2"), end=datetime(2026, 3, 1, 1))], "no zone"),  # noqa: DTZ001
    ],
)
def test_segments_that_are_none_of_the_span(segments: list[Segment], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        consumption(segments, T0, T0 + 4 * HOUR)
    with pytest.raises(ValueError, match="no span"):
        consumption([], T0, T0)


ENERGY = st.integers(0, 10**9).map(lambda steps: Decimal(steps).scaleb(-4))
MULTIPLIER = st.integers(1, 10**6).map(lambda number: Decimal(number).scaleb(-2))
PIECES = st.lists(st.tuples(st.integers(1, 500), ENERGY, MULTIPLIER, st.booleans(), ENERGY), min_size=1, max_size=20)


@given(PIECES, st.data())
def test_however_it_is_cut_it_adds_up(
    pieces: list[tuple[int, Decimal, Decimal, bool, Decimal]], data: st.DataObject
) -> None:
    """Each piece has its energy by the meter, its multiplier, and perhaps a new meter that begins anywhere."""
    zone = ZoneInfo(data.draw(st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "UTC"])))
    start = datetime(2026, 10, 24, tzinfo=UTC)
    segments, at, register, meters = [], start, Decimal(7), 0
    for hours, energy, multiplier, exchanged, begins in pieces:
        if exchanged:
            meters, register = meters + 1, begins
        until = at + timedelta(minutes=7 * hours)
        local = (at.astimezone(zone), until.astimezone(zone))
        segments.append(Segment(f"m{meters}", *local, multiplier, register, register + energy))
        at, register = until, register + energy
    truth = sum((energy * multiplier for _, energy, multiplier, _, _ in pieces), Decimal(0))
    whole = consumption(data.draw(st.permutations(segments)), start, at)
    assert (whole.energy, whole.unmeasured) == (truth, ())
    cut = data.draw(st.integers(0, len(segments)))
    parts = [consumption(some, start, at).energy for some in (segments[:cut], segments[cut:])]
    assert sum(parts, Decimal(0)) == truth


def test_days_of_23_and_25_hours_add_up_and_the_hour_that_comes_twice_counts_twice() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for day, hours in ((datetime(2026, 3, 29, tzinfo=berlin), 23), (datetime(2026, 10, 25, tzinfo=berlin), 25)):
        first = day.astimezone(UTC)
        times = [(first + n * HOUR).astimezone(berlin) for n in range(hours + 1)]
        assert times[-1] == (day.replace(day=day.day + 1))
        segments = [
            Segment("m", a, b, Decimal(1), Decimal(n), Decimal(n + 1)) for n, (a, b) in enumerate(pairwise(times))
        ]
        found = consumption(segments, times[0], times[-1])
        assert (found.energy, found.unmeasured, len(found.parts)) == (Decimal(hours), (), hours)
    # the second 02:00 of the autumn day is later than the first 02:30, whatever the wall clock says
    early = datetime(2026, 10, 25, 2, 30, tzinfo=berlin)
    late = datetime(2026, 10, 25, 2, 0, tzinfo=berlin, fold=1)
    one = Segment("m", early, late, Decimal(1), Decimal(0), Decimal(2))
    assert consumption([one], early, late).energy == 2
    assert unmeasured([], early, late) == ((early, late),)
    with pytest.raises(ValueError, match="no span"):
        consumption([], late, early)
