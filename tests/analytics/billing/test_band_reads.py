"""Bands by the clock from the total register: summer time, exchanges, and reads that are not there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from analytics.billing.band_reads import by_band, runs
from analytics.errors import RegisterBackwards, RegisterMissing
from analytics.registers import Segment
from tests.analytics.billing.made import D, tariff

EASTERN = ZoneInfo("America/New_York")
BANDS = tariff(
    """
    [[version.schedule]]
    bands = { night = ["00:00-06:00", "22:00-24:00"], day = ["06:00-22:00"] }
    [[version.energy]]
    prices = { night = 0.3, day = 0.6 }
    """,
    zone="America/New_York",
)


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 8), [5, 16, 2]), ((2026, 11, 1), [7, 16, 2])])
def test_runs_follow_the_clock_over_its_changes(day: tuple[int, int, int], hours: list[int]) -> None:
    start = datetime(*day, tzinfo=EASTERN)
    found = runs(BANDS, start, start + timedelta(days=1))
    assert [(run.end - run.start) // timedelta(hours=1) for run in found] == hours
    assert [run.band for run in found] == ["night", "day", "night"]
    assert (found[0].start, found[-1].end) == (start.astimezone(UTC), (start + timedelta(days=1)).astimezone(UTC))


def test_without_bands_there_are_no_runs() -> None:
    start = datetime(2026, 3, 1, tzinfo=EASTERN)
    assert runs(tariff("[[version.energy]]\nprices = { total = 1 }"), start, start + timedelta(hours=1)) == []


START = datetime(2026, 6, 1, 4, tzinfo=UTC)  # midnight in New York
MORNING, SWAP, EVENING, END = (START + timedelta(hours=n) for n in (6, 12, 22, 24))


def segments(final: str = "20") -> list[Segment]:
    return [
        Segment("M1", START, SWAP, D(1), D(100), D(112)),
        Segment("M2", SWAP, END, D(10), D(0), D(final)),
    ]


def test_an_exchange_lies_in_its_band() -> None:
    reads = {("M1", MORNING): D(105), ("M2", EVENING): D(19)}
    found = by_band(segments(), reads, runs(BANDS, START, END))
    assert found == {"night": D(5) + 10, "day": D(7) + 190}
    assert sum(found.values()) == D(12) + 200


def test_a_change_that_was_not_read_is_refused() -> None:
    reads: dict[tuple[str, datetime], Decimal] = {("M1", MORNING): D(105), ("M1", EVENING): D(19)}
    with pytest.raises(RegisterMissing, match="meter M2 at 2026-06-02T02:00"):
        by_band(segments(), reads, runs(BANDS, START, END))
    with pytest.raises(RegisterBackwards):
        by_band(segments("18"), reads | {("M2", EVENING): D(19)}, runs(BANDS, START, END))
