"""Validated days cut into series: however they come, over days of 92 and 100 quarters; what is left out is counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from types import MappingProxyType
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.billing.exports.series import Quality, Series
from analytics.intervals.grid import grid
from analytics.vee.validated import Method, Source
from headend.batches.book import Piece, Point, by_market_day, pieces
from headend.batches.series import Cut, LeftOut
from storage.registers import Stay
from storage.validated_days import Days

SYDNEY = ZoneInfo("Australia/Sydney")
IMPORT = 1


def days(point: int, first: date, until: date) -> Days:
    """Of Sydney, all there, each step its own number."""
    cells = grid(first, until, SYDNEY)
    made = Days.empty(900, len(cells.days), 100)
    made.point[:], made.quantity[:], made.version[:] = point, IMPORT, 1
    for at, day in enumerate(cells.days):
        own = np.flatnonzero(cells.day == at)
        made.day[at], made.start[at], made.count[at] = np.datetime64(day, "D"), cells.starts[own[0]], len(own)
        made.steps[at, : len(own)] = own
        made.present[at, : len(own)] = True
        made.source[at, : len(own)], made.method[at, : len(own)] = Source.ACTUAL, Method.RAW
    return made


def cut(
    batches: list[Days],
    span: tuple[int, int],
    *,
    whole_days: bool = False,
    stands: Mapping[int, tuple[Piece, ...]] = MappingProxyType({}),
) -> tuple[list[Series], LeftOut]:
    """Channel by channel. `stands`: who stands at points; else each has a meter throughout."""
    left = LeftOut()
    points = [Point(at, f"P{at}", stands.get(at, (Piece(f"M{at}", *span, "1"),)), (IMPORT,), {}) for at in (1, 2)]
    found = []
    for bundle in Cut(points, 900, span, whole_days, left).bundles(batches):
        for channel, low, high in zip(bundle.channels, bundle.edges[:-1], bundle.edges[1:], strict=True):
            own = (bundle.start[low:high], bundle.value[low:high], bundle.flag[low:high])
            found.append(Series(channel, *own, tuple(bundle.flags)))
    return found, left


def span_of(given: Days) -> tuple[int, int]:
    return int(given.start[0]), int(given.start[-1] + 900 * given.count[-1])


@given(st.lists(st.integers(0, 12), max_size=4))
def test_days_come_in_batches_of_any_size(cuts: list[int]) -> None:
    """October has a day of 92 quarters, April one of 100."""
    for first, until, count in (
        (date(2026, 10, 2), date(2026, 10, 8), 6 * 96 - 4),
        (date(2026, 4, 3), date(2026, 4, 9), 6 * 96 + 4),
    ):
        both = Days.joined(900, [days(1, first, until), days(2, first, until)])
        edges = [0, *sorted(cuts), len(both)]
        batches = [both.take(slice(low, high)) for low, high in pairwise(edges)]
        found, left = cut(batches, span_of(both))
        assert [one.channel.point for one in found] == ["P1", "P2"]
        for one in found:
            assert one.value.tolist() == list(range(count))
            assert set(np.diff(one.start).tolist()) == {900}
        assert left.reads == {}


def test_each_meter_has_its_intervals_and_nobody_s_are_left_out() -> None:
    """The one that stood there comes back; at the other point nobody stands for two days, then somebody."""
    both = Days.joined(900, [days(point, date(2026, 10, 2), date(2026, 10, 8)) for point in (1, 2)])
    low, high = span = span_of(both)
    first, second = low + 900 * 50, low + 900 * 300
    stands = {
        1: (Piece("a", low, first, "1"), Piece("b", first, second, "1"), Piece("a", second, high, "1")),
        2: (Piece("c", low + 900 * 192, high, "1"),),
    }
    found, left = cut([both], span, stands=stands)
    assert [(one.channel.meter, one.value[[0, -1]].tolist()) for one in found] == [
        ("a", [0, 49]), ("b", [50, 299]), ("a", [300, 571]), ("c", [192, 571]),
    ]  # fmt: skip
    assert left.reads == {(2, IMPORT): 192}
    found, left = cut([both], span, stands={1: (), 2: ()})
    assert (found, left.reads) == ([], {(1, IMPORT): 572, (2, IMPORT): 572})


def test_holes_and_flags() -> None:
    made = days(1, date(2026, 5, 1), date(2026, 5, 3))
    made.present[0, 5], made.source[0, 5], made.method[0, 5] = False, Source.NONE, Method.NONE
    made.source[1, 3], made.method[1, 3], made.reason[1, 3] = Source.EDITED, Method.EDIT, 9
    made.source[1, 4], made.method[1, 4] = Source.ESTIMATED, Method.OUTAGE
    made.version[1] = 2
    ((one,), left) = cut([made], span_of(made))
    assert (len(one), left.reads) == (191, {})
    told = [one.flags[at] for at in one.flag.tolist()]
    assert {flag.version for flag in told[:95]} == {1}
    assert [(flag.quality, flag.method, flag.reason, flag.source) for flag in told[95 + 3 : 95 + 6]] == [
        (Quality.SUBSTITUTED, "16", "24", "edited"), (Quality.SUBSTITUTED, "19", "43", "estimated"),
        (Quality.ACTUAL, "", "", "actual"),
    ]  # fmt: skip


def test_days_of_the_market_are_whole_or_left_out() -> None:
    """In summer they begin an hour after Sydney's: of three local days two are whole."""
    made = days(1, date(2026, 1, 5), date(2026, 1, 8))
    ((one,), left) = cut([made], span_of(made), whole_days=True)
    assert (len(one), int(one.start[0]) - int(made.start[0])) == (2 * 96, 3600)
    assert left.reads == {(1, IMPORT): 96}


@pytest.mark.parametrize(("at", "owner"), [(0, "new"), (1, "old"), (899, "old"), (900, "old")])
def test_an_interval_belongs_to_who_stands_there_when_it_begins(at: int, owner: str) -> None:
    found = pieces(list(_stays(900_000 + at)), {1: "1", 2: "2"}, 900)
    holder = next(piece for piece in found if piece.start <= 900_000 < piece.end)
    assert holder.meter == owner


def _stays(at: int) -> Iterator[Stay]:
    for number, (name, low, high) in enumerate((("old", 0, at), ("new", at, 1_800_000)), 1):
        start, end = (datetime.fromtimestamp(second, UTC) for second in (low, high))
        yield Stay("P1", number, name, start, end, Decimal(1), None, None)


def test_a_day_of_the_market_has_one_meter() -> None:
    noon = 14 * 3600 + 86_400 * 10 + 43_200  # at UTC+10
    found = by_market_day([Piece("a", 14 * 3600, noon, "1"), Piece("b", noon, noon + 864_000, "10")])
    assert [(piece.meter, piece.start, piece.end, piece.ratio) for piece in found] == [
        ("a", 14 * 3600, noon + 43_200, "1"), ("b", noon + 43_200, noon + 864_000, "1"),
    ]  # fmt: skip
