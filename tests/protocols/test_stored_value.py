"""When something happened by a meter's own clock, and what is stored of it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from protocols.dlt645.items import item
from protocols.model import Quality, Value
from protocols.quantities import BY_NAME
from protocols.stored_value import occurred, stored

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
OCCURRED = BY_NAME["active_demand_import_max_time"]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("shown", "zone", "expected"),
    [
        ("2026-03-14T10:15", SHANGHAI, "2026-03-14T10:15+08:00"),
        ("2026-07-14T10:15", BERLIN, "2026-07-14T10:15+02:00"),
        ("2026-10-25T02:30", BERLIN, "2026-10-25T02:30+02:00"),  # twice: the first
        ("2026-10-25T03:00", BERLIN, "2026-10-25T03:00+01:00"),
        ("2026-03-29T02:30", BERLIN, None),  # never
        ("2099-01-01T00:00", SHANGHAI, "2099-01-01T00:00+08:00"),  # what states its year is as it says
    ],
)
def test_with_a_year(shown: str, zone: ZoneInfo, expected: str | None) -> None:
    found = occurred(shown, zone, moment("2026-12-01T00:00Z"))
    assert found == (None if expected is None else moment(expected))
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    ("shown", "told", "expected"),
    [
        ("03-14T10:15", "2026-03-14T10:15+08:00", "2026-03-14T10:15+08:00"),
        ("12-31T23:45", "2027-01-01T00:00+08:00", "2026-12-31T23:45+08:00"),
        ("12-31T23:45", "2026-12-31T23:50+08:00", "2026-12-31T23:45+08:00"),
        ("03-14T10:16", "2026-03-14T10:15+08:00", None),  # a clock that is ahead, or a year ago: nobody knows
        ("01-01T00:05", "2026-12-31T23:50+08:00", None),
        ("03-16T10:15", "2026-03-14T10:15+08:00", "2025-03-16T10:15+08:00"),
        ("02-29T12:00", "2027-05-01T00:00+08:00", "2024-02-29T12:00+08:00"),
        ("02-29T12:00", "2103-05-01T00:00+08:00", "2096-02-29T12:00+08:00"),
    ],
)
def test_without_a_year_it_is_the_last_before_it_was_told(shown: str, told: str, expected: str | None) -> None:
    assert occurred(shown, SHANGHAI, moment(told)) == (None if expected is None else moment(expected))


@pytest.mark.parametrize(
    ("shown", "told", "expected"),
    [
        ("10-25T02:50", "2026-10-25T02:10+01:00", "2026-10-25T02:50+02:00"),  # of the first run
        ("03-29T02:30", "2026-12-01T00:00+01:00", None),  # left out this year, and no year ago either
        ("03-28T02:30", "2026-12-01T00:00+01:00", "2026-03-28T02:30+01:00"),  # left out next year only
    ],
)
def test_without_a_year_where_clocks_change(shown: str, told: str, expected: str | None) -> None:
    assert occurred(shown, BERLIN, moment(told)) == (None if expected is None else moment(expected))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("1510140326", (1773454500, Quality.GOOD)),
        ("0000000000", (None, Quality.NOT_AVAILABLE)),
        ("FFFFFFFFFF", (None, Quality.NOT_AVAILABLE)),
    ],
)
def test_of_an_answer_of_2007(raw: str, expected: tuple[int | None, Quality]) -> None:
    _, value = item("01010000").decode(bytes.fromhex("563412" + raw))
    assert value.part.quantity is OCCURRED
    assert stored(value, OCCURRED, SHANGHAI, moment("2026-04-01T00:00+08:00")) == expected


def test_what_is_no_one_moment_is_out_of_range() -> None:
    part = item("B010", "1997").parts[0][0]
    assert part.quantity is OCCURRED
    value = Value(part, None, "03-14T10:16", Quality.GOOD)
    assert stored(value, OCCURRED, SHANGHAI, moment("2026-03-14T10:15+08:00")) == (None, Quality.OUT_OF_RANGE)


def test_moments_are_told_in_a_zone() -> None:
    assert OCCURRED.text(1773454500) == "2026-03-14T02:15:00+00:00"
    assert OCCURRED.told(OCCURRED.value(1773454500), SHANGHAI) == "2026-03-14T10:15:00+08:00"
    assert OCCURRED.text(2**62) == str(2**62), "what no calendar has is told as it is stored"
    energy = BY_NAME["active_energy_import"]
    assert (energy.text(1_500_000), energy.told_unit, OCCURRED.told_unit) == ("150", "kWh", "")


@pytest.mark.parametrize("code", ["01010000", "01020000", "01030000", "01040000", "B010", "B020", "B110", "B120"])
def test_every_stored_demand_has_its_time(code: str) -> None:
    names = [part.quantity.name for part, _ in item(code, "2007" if len(code) == 8 else "1997").parts if part.quantity]
    assert names[-1].endswith("_demand_import_max_time") or names[-1].endswith("_demand_export_max_time")
    settled = {"01": code[:6] + "01", "B0": "B4" + code[2:], "B1": "B5" + code[2:]}[code[:2]]
    past = item(settled, "2007" if len(code) == 8 else "1997").parts
    assert all(part.quantity is None for part, _ in past), "what was settled is not of now"
