"""A tariff with a flaw is refused, with the file, the key and what was expected; and the shipped ones have none."""

from __future__ import annotations

from datetime import date
from importlib import resources

import pytest

from analytics.billing.errors import TariffFault
from analytics.billing.tariff import parse
from analytics.billing.tariff.told import content
from analytics.day_types import DayType, YearUnknown, shipped

TOP = 'name = "x"\ncurrency = "CNY"\nzone = "Asia/Shanghai"\n'
FIRST = "[[version]]\nvalid_from = 2025-01-01\n"
PRICE = "[[version.energy]]\nprices = { total = 0.5 }\n"


def sample(name: str) -> str:
    return (resources.files("analytics.billing.tariffs") / name).read_text(encoding="utf-8")


SAMPLES = sorted(e.name for e in resources.files("analytics.billing.tariffs").iterdir() if e.name.endswith(".toml"))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_shipped_tariff_is_sound_and_tells_where_it_comes_from(name: str) -> None:
    tariff = parse(sample(name), name)
    assert tariff.document.source.startswith("http")
    told = content(tariff)
    assert told["name"] == tariff.name
    assert all(version["charges"] for version in told["versions"])


def test_there_are_samples() -> None:
    assert len(SAMPLES) >= 4


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        (TOP, "", "missing required field `version`"),
        (TOP + "version = []", "version", "expected at least one"),
        (TOP + FIRST + PRICE + "colour = 1", "version[0].energy[0]", "unknown field `colour`"),
        (TOP + FIRST + "[[version.energy]]\nprices = { total = true }", "version[0].energy[0].prices[...]", "Expected"),
        (TOP + FIRST + "[[version.energy]]\nprices = { total = inf }", "version[0].energy[0].prices.total", "a number"),
        (TOP + "x = ", "", "not TOML"),
        (TOP.replace("CNY", "yuan") + FIRST, "currency", "ISO 4217"),
        (TOP.replace("Asia/Shanghai", "Asia/Nowhere") + FIRST, "zone", "no time zone"),
        (TOP + 'calendar = "xx"\n' + FIRST, "calendar", "expected one of cn"),
        (TOP + 'year_start = "13-01"\n' + FIRST, "year_start", "month and day"),
        # versions
        (TOP + FIRST + "valid_to = 2024-01-01", "version[0].valid_to", "not after"),
        (
            TOP + FIRST + "valid_to = 2025-06-01\n[[version]]\nvalid_from = 2025-07-01",
            "version[0].valid_to",
            "a hole: no version holds 2025-06-01 to 2025-07-01",
        ),
        (TOP + FIRST + "[[version]]\nvalid_from = 2025-07-01", "version[0].valid_to", "an overlap: for ever"),
        (
            TOP + FIRST + "valid_to = 2025-08-01\n[[version]]\nvalid_from = 2025-07-01",
            "version[0].valid_to",
            "an overlap: 2025-08-01, expected 2025-07-01",
        ),
        # seasons
        (
            TOP
            + FIRST
            + 'season = [{ name = "a", dates = ["01-01..06-30"] }, { name = "b", dates = ["07-02..12-31"] }]',
            "version[0].season",
            "a hole: no season holds 07-01 to 07-01",
        ),
        (
            TOP
            + FIRST
            + 'season = [{ name = "a", dates = ["01-01..07-02"] }, { name = "b", dates = ["07-01..12-31"] }]',
            "version[0].season",
            "an overlap: a and b hold 07-01 to 07-02",
        ),
        (TOP + FIRST + 'season = [{ name = "a", dates = ["01-01..02-30"] }]', "version[0].season[0].dates", "02-30"),
        # bands
        (
            TOP + FIRST + '[[version.schedule]]\nbands = { a = ["00:00-08:00"], b = ["09:00-24:00"] }',
            "version[0].schedule[0].bands",
            "a hole: no band holds 08:00 to 08:59",
        ),
        (
            TOP + FIRST + '[[version.schedule]]\nbands = { a = ["00:00-08:01"], b = ["08:00-24:00"] }',
            "version[0].schedule[0].bands",
            "an overlap: a and b hold 08:00 to 08:00",
        ),
        (
            TOP + FIRST + '[[version.schedule]]\nbands = { a = ["22:00-06:00"] }',
            "version[0].schedule[0].bands",
            "expected hours of one day",
        ),
        (
            TOP + FIRST + '[[version.schedule]]\ndays = ["workday"]\nbands = { a = ["00:00-24:00"] }',
            "version[0].schedule",
            "a hole: no schedule holds weekends",
        ),
        (
            TOP + FIRST + 2 * '[[version.schedule]]\nbands = { a = ["00:00-24:00"] }\n',
            "version[0].schedule",
            "an overlap: [0] and [1] hold workdays",
        ),
        # prices
        (
            TOP + FIRST + '[[version.schedule]]\nbands = { a = ["00:00-12:00"], b = ["12:00-24:00"] }\n'
            "[[version.energy]]\nprices = { a = 1 }",
            "version[0].energy[0].prices",
            "a hole: no price for band 'b'",
        ),
        (
            TOP
            + FIRST
            + '[[version.schedule]]\nbands = { a = ["00:00-24:00"] }\n[[version.energy]]\nprices = { c = 1 }',
            "version[0].energy[0].prices.c",
            "is no band of a schedule",
        ),
        (TOP + FIRST + PRICE + PRICE, "version[0].energy[1].id", "an overlap"),
        (
            TOP + FIRST + "[[version.energy]]\n[version.energy.prices]\ntotal = [{ upto = 100, price = 1 }]",
            "version[0].energy[0].prices.total[0].upto",
            "a hole above it",
        ),
        (
            TOP
            + FIRST
            + "[[version.tiers]]\nsteps = [{ upto = 9, price = 1 }, { upto = 9, price = 2 }, { price = 3 }]",
            "version[0].tiers[0].steps[1].upto",
            "9, expected more than 9",
        ),
        (
            TOP + FIRST + "[[version.energy]]\nprices = { a = { of = 'b' }, b = { of = 'a' } }",
            "version[0].energy[0].prices.a",
            "leads to no price",
        ),
        (TOP + FIRST + PRICE + "seasons = ['s']", "version[0].energy[0].seasons", "'s' is no season"),
        (TOP + FIRST + "rates = { t9 = 'a' }", "version[0].rates.t9", "expected one of t1"),
        (
            TOP + FIRST + 'season = [{ name = "a", dates = ["01-01..12-31"] }]\n'
            "tiers = [{ seasons = ['a'], accumulates = 'year', steps = [{ price = 1 }] }]",
            "version[0].tiers[0].seasons",
            "expected none stated",
        ),
        # the rest
        (TOP + FIRST + "power_factor = { standard = 0.95 }", "version[0].power_factor", "expected one of 0.90"),
        (TOP + FIRST + "rounding = { line = 'half-up' }", "version[0].rounding.line", "such as half-up 2"),
        (TOP + FIRST + "days_per_month = 40", "version[0].days_per_month", "expected 28 to 31"),
        (
            TOP + FIRST + "basic = [{ by = 'demand', price = 1, rule = [{ upto = 1, actual = 1 }] }]",
            "version[0].basic[0].rule[0].upto",
            "a hole above it",
        ),
    ],
)
def test_a_flaw_is_named(text: str, key: str, message: str) -> None:
    with pytest.raises(TariffFault) as caught:
        parse(text, "t.toml")
    assert str(caught.value).startswith("t.toml: ")
    assert any(p.key == key and message in p.message for p in caught.value.problems), caught.value.problems


def test_all_flaws_are_told_at_once() -> None:
    with pytest.raises(TariffFault, match="and 2 more") as caught:
        parse('name = ""\ncurrency = "x"\nzone = "y"\n' + FIRST, "t.toml")
    assert [problem.key for problem in caught.value.problems] == ["name", "currency", "zone"]


def test_a_season_goes_over_the_years_end() -> None:
    text = TOP + FIRST + 'season = [{ name = "w", dates = ["11-01..04-30"] }, { name = "s", dates = ["05-01..10-31"] }]'
    (rules,) = parse(text, "t.toml").rules
    assert [rules.season(date(2024, *day)) for day in ((1, 1), (2, 29), (5, 1), (10, 31), (11, 1))] == list("wwssw")


def test_make_up_workdays_and_holidays() -> None:
    """国办发明电〔2025〕7号: National Day 2026 is 1 to 7 October, worked for on 20 September and 10 October."""
    days = shipped("cn")
    assert days.day_type(date(2026, 10, 1)) is DayType.HOLIDAY
    assert days.day_type(date(2026, 10, 10)) is DayType.WORKDAY  # a Saturday
    assert days.day_type(date(2026, 10, 17)) is DayType.WEEKEND
    assert days.day_type(date(2026, 10, 8)) is DayType.WORKDAY
    with pytest.raises(YearUnknown, match="lists no holidays of 2031"):
        days.day_type(date(2031, 1, 1))


def test_the_lists_are_whole() -> None:
    """Holidays and make-up workdays a year, as the notices tell them."""
    special = shipped("cn").special
    counts = {
        year: tuple(
            sum(1 for day, kind in special.items() if day.year == year and kind is wanted)
            for wanted in (DayType.HOLIDAY, DayType.WORKDAY)
        )
        for year in (2024, 2025, 2026)
    }
    assert counts == {2024: (28, 8), 2025: (28, 5), 2026: (33, 6)}
    worked = [day for day, kind in special.items() if kind is DayType.WORKDAY]
    assert all(day.weekday() >= 5 for day in worked)
