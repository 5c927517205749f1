"""Determinants from registers and from intervals: exact, told as an estimate, or refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics.billing.determinants_file import content, parse
from analytics.billing.errors import DeterminantFault
from analytics.billing.from_intervals import Interval, from_intervals
from analytics.billing.from_registers import Measured, from_registers
from analytics.errors import RegisterBackwards, RegisterMissing
from analytics.registers import ReadType, Segment
from tests.analytics.billing.made import D, tariff, used

START, MIDDLE, END = (datetime(2026, 3, day, tzinfo=UTC) for day in (1, 12, 31))
BANDS = {"t1": "sharp", "t2": "peak", "t3": "flat", "t4": "valley"}
EASTERN = ZoneInfo("America/New_York")
HOUR = timedelta(hours=1)
DAY_NIGHT = tariff(
    """
    [[version.schedule]]
    bands = { night = ["00:00-06:00", "22:00-24:00"], day = ["06:00-22:00"] }
    [[version.energy]]
    prices = { night = 0.3, day = 0.6 }
    """,
    zone="America/New_York",
)


def segment(initial: str | None, final: str | None, **more: Any) -> Segment:
    start, end = more.pop("start", START), more.pop("end", END)
    known: dict[str, Any] = {"meter": "M1", "multiplier": D(1)} | more
    return Segment(
        start=start, end=end, initial=None if initial is None else D(initial),
        final=None if final is None else D(final), **known,
    )  # fmt: skip


def measured(total: list[Segment], rates: Mapping[str, list[Segment]] | None = None, residual: str = "") -> Measured:
    return Measured(START, END, total, rates or {}, BANDS, residual)


def test_bands_over_an_exchange_and_multipliers() -> None:
    total = [
        segment("100", "150.5", end=MIDDLE, multiplier=D(80)),
        segment("0", "30", start=MIDDLE, meter="M2", multiplier=D(60)),
    ]
    peak = [
        segment("40", "60", end=MIDDLE, multiplier=D(80)),
        segment("0", "10", start=MIDDLE, meter="M2", multiplier=D(60)),
    ]
    valley = [
        segment("60", "90.5", end=MIDDLE, multiplier=D(80)),
        segment("0", "20", start=MIDDLE, meter="M2", multiplier=D(60)),
    ]
    found = from_registers("P1", [measured(total, {"t2": peak, "t4": valley})])
    assert found.parts[0].energy == {"total": D(5840), "peak": D(2200), "valley": D(3640)}
    assert [(use.meter, use.band, use.multiplier, use.start.value, use.stop.value) for use in found.registers[:2]] == [
        ("M1", "total", D(80), D(100), D("150.5")),
        ("M2", "total", D(60), D(0), D(30)),
    ]
    assert (found.completeness, found.notes) == (D(1), ())


def test_what_a_meter_rounds_goes_to_the_residual_band() -> None:
    rates = {"t2": [segment("0", "33.33")], "t3": [segment("0", "33.33")], "t4": [segment("0", "33.33")]}
    found = from_registers("P1", [measured([segment("0", "100")], rates, "flat")])
    assert found.parts[0].energy == {"total": D(100), "peak": D("33.33"), "flat": D("33.34"), "valley": D("33.33")}
    assert found.notes == ("0.01 kWh, by which total and rates differ, are put to band flat",)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "there are no boundary reads"),
        ([measured([])], "no meter stands there from 2026-03-01"),
        ([measured([segment("0", "1", end=MIDDLE)])], "no meter from 2026-03-12"),
        ([measured([segment("0", "100")], {"t2": [segment("0", "99")]})], "more apart than rounding explains"),
        (
            [measured([segment("0", "10", multiplier=D(80))], {"t2": [segment("0", "10", multiplier=D(60))]})],
            "mixed multipliers: meter M1 counts the total x 80 and t2 x 60",
        ),
        ([measured([segment("9950", "10", digits=4)])], None),
        ([measured([segment("9000", "10", digits=4)])], "too much for a roll-over of 4 digits"),
        ([measured([segment("5000", "10", digits=4)])], "too much for a roll-over of 4 digits"),
        ([measured([segment("0", "1")], {"t9": [segment("0", "1")]})], "t9 belongs to no band"),
    ],
)
def test_what_registers_cannot_tell_is_refused(given: list[Measured], message: str | None) -> None:
    if message is None:
        found = from_registers("P1", given)
        assert (found.energy, found.registers[0].rolled_over) == (D(60), True)
        return
    with pytest.raises(DeterminantFault, match=message):
        from_registers("P1", given)


def test_what_the_point_can_draw_tells_a_roll_over_from_a_reset() -> None:
    over = measured([segment("9000", "10", digits=4, multiplier=D(80))])
    assert from_registers("P1", [over], limit_kw=D(120)).energy == 80800  # in 720 hours
    with pytest.raises(DeterminantFault, match="too much for a roll-over"):
        from_registers("P1", [over], limit_kw=D(112))


def test_a_cycle_without_boundary_reads_is_refused() -> None:
    with pytest.raises(RegisterMissing, match="meter M1 at 2026-03-31"):
        from_registers("P1", [measured([segment("0", None)])])
    with pytest.raises(RegisterBackwards):
        from_registers("P1", [measured([segment("10", "9")])])


def test_an_estimated_read_is_told() -> None:
    found = from_registers("P1", [measured([segment("0", "50", final_type=ReadType.ESTIMATED)])])
    assert found.parts[0].estimated == 50


def test_a_time_without_a_meter_lowers_completeness_where_that_is_allowed() -> None:
    found = from_registers("P1", [measured([segment("0", "50", end=MIDDLE)])], unmeasured_ok=True)
    assert (round(found.completeness, 4), found.energy) == (D("0.3667"), D(50))
    assert "no meter from" in found.notes[0]


def hours(start: datetime, count: int) -> list[Interval]:
    return [Interval(start + HOUR * n, Decimal(1)) for n in range(count)]


def day(year: int, month: int, number: int) -> tuple[datetime, datetime]:
    begins = datetime(year, month, number, tzinfo=EASTERN)
    return begins.astimezone(UTC), (begins + timedelta(days=1)).astimezone(UTC)


@pytest.mark.parametrize(
    ("date", "night", "total"), [((2026, 3, 8), 7, 23), ((2026, 11, 1), 9, 25), ((2026, 6, 1), 8, 24)]
)
def test_a_day_has_23_to_25_hours(date: tuple[int, int, int], night: int, total: int) -> None:
    start, end = day(*date)
    found = from_intervals("P1", start, end, hours(start, total), DAY_NIGHT, step=HOUR)
    assert found.parts[0].energy == {"total": D(total), "night": D(night), "day": D(16)}


def test_the_autumn_hour_twice_under_one_offset_is_refused() -> None:
    start, end = day(2026, 11, 1)
    intervals = hours(start, 25)
    twice = [*intervals[:2], Interval(intervals[1].start.astimezone(EASTERN), D(1)), *intervals[3:]]
    with pytest.raises(DeterminantFault, match="two intervals begin at 2026-11-01T01:00:00-04:00"):
        from_intervals("P1", start, end, twice, DAY_NIGHT, step=HOUR)
    naive = [Interval(datetime(2026, 11, 1, 1), D(1))]  # noqa: DTZ001 - that is the fault
    with pytest.raises(DeterminantFault, match="carries no zone: in autumn an hour comes twice"):
        from_intervals("P1", start, end, naive, DAY_NIGHT, step=HOUR)


def test_missing_intervals_are_refused_or_told_as_an_estimate() -> None:
    start, end = day(2026, 6, 1)
    some = [interval for n, interval in enumerate(hours(start, 24)) if n not in (3, 10, 11)]
    with pytest.raises(DeterminantFault, match="3 intervals are missing, the first at 2026-06-01T03:00:00-04:00"):
        from_intervals("P1", start, end, some, DAY_NIGHT, step=HOUR)
    found = from_intervals("P1", start, end, some, DAY_NIGHT, step=HOUR, register=D("31"))
    assert found.energy == 31
    assert found.parts[0].estimated == 10
    assert found.completeness == D("0.875")
    assert "3 of 24 intervals are missing" in found.notes[0]
    with pytest.raises(DeterminantFault, match="more than the 20 kWh of the registers"):
        from_intervals("P1", start, end, some, DAY_NIGHT, step=HOUR, register=D("20"))


def test_intervals_agree_with_the_register() -> None:
    start, end = day(2026, 6, 1)
    from_intervals("P1", start, end, hours(start, 24), DAY_NIGHT, step=HOUR, register=D("24.01"), tolerance=D("0.01"))
    with pytest.raises(DeterminantFault, match="intervals add up to 24 kWh, the registers to 25 kWh"):
        from_intervals("P1", start, end, hours(start, 24), DAY_NIGHT, step=HOUR, register=D(25))


def test_the_highest_demand_by_band_with_its_time() -> None:
    start, end = day(2026, 6, 1)
    quarter = timedelta(minutes=15)
    intervals = [Interval(start + quarter * n, D(40) if n == 40 else D(3) if n == 2 else D(1)) for n in range(96)]
    found = from_intervals("P1", start, end, intervals, DAY_NIGHT, step=quarter)
    assert (found.demand["day"].kw, found.demand["total"].time) == (D(160), start + quarter * 40)
    assert found.demand["night"].kw == 12


@pytest.mark.parametrize(
    ("interval", "step", "message"),
    [
        (Interval(datetime(2026, 6, 1, 4, 10, tzinfo=UTC), D(1)), HOUR, "off the grid"),
        (Interval(datetime(2026, 6, 9, 4, tzinfo=UTC), D(1)), HOUR, "not within the cycle"),
        (Interval(datetime(2026, 6, 1, 4, tzinfo=UTC), D(-1)), HOUR, "expected 0 or more"),
    ],
)
def test_a_wrong_interval_is_refused(interval: Interval, step: timedelta, message: str) -> None:
    start, end = day(2026, 6, 1)
    with pytest.raises(DeterminantFault, match=message):
        from_intervals("P1", start, end, [interval], DAY_NIGHT, step=step)


def test_intervals_that_lie_in_two_bands_are_refused() -> None:
    start, end = day(2026, 6, 1)
    long = [Interval(start + 4 * HOUR * n, D(1)) for n in range(6)]
    with pytest.raises(DeterminantFault, match="lies in several bands"):
        from_intervals("P1", start, end, long, DAY_NIGHT, step=4 * HOUR)


def test_bands_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(DeterminantFault, match="bands add up to 3 kWh, the total is 4 kWh"):
        parse(
            '{"point": "P1", "from": "2026-03-01T00:00:00Z", "to": "2026-04-01T00:00:00Z",'
            ' "energy": {"total": "4", "peak": "1", "valley": "2"}}',
            "d.json",
        )


def test_a_file_gives_what_was_written() -> None:
    given = used({"peak": "1.5", "valley": "2"}, demand={"total": "7.25"}, kva="100", reactive=D("3"))
    again, _ = parse(json.dumps(content(given)), "d.json")
    assert content(again) == content(given)
    assert again.energy == D("3.5")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "d.json"),
        ('{"point": "P"}', "missing required field `from`"),
        ('{"point": "P", "from": "2026-03-01T00:00:00", "to": "2026-04-01T00:00:00Z", "energy": {}}', "no offset"),
        ('{"point": "P", "from": "2026-03-01T00:00:00Z", "to": "2026-04-01T00:00:00Z"}', "expected either energy"),
        ('{"point": "P", "from": "2026-03-01T00:00:00Z", "to": "2026-04-01T00:00:00Z", "x": 1}', "unknown field `x`"),
    ],
)
def test_a_wrong_file_is_refused(text: str, message: str) -> None:
    with pytest.raises(DeterminantFault, match=message):
        parse(text, "d.json")
