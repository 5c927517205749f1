"""Published rating cases of other countries, to the cent. Each test names where its numbers stand."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from analytics.billing.bill import Bill, Carried
from analytics.billing.context import Context
from analytics.billing.determinants import Determinants
from analytics.billing.errors import RatingFault
from analytics.billing.from_intervals import Interval, from_intervals
from analytics.billing.rating import rate
from analytics.billing.tariff import Tariff
from analytics.billing.tariff.document import Kind
from tests.analytics.billing.made import D, tariff, used

NEW_YORK = "America/New_York"
AS_RECKONED = 'rounding = { line = "none", total = "none" }'
"""ratebook rounds nothing."""


def us(rules: str) -> Tariff:
    return tariff(f"{AS_RECKONED}\n{rules}", currency="USD", zone=NEW_YORK)


def june(kwh: str) -> Determinants:
    """The window of the vectors: 30 days from 2025-06-01."""
    return used(kwh, "2025-06-01", "2025-07-01", zone=NEW_YORK)


# US10 to US19: PyPI ratebook 0.1.0 (Apache-2.0), tests/vectors/v0_bills.json; the names are its own.


def test_us10_peco_rate_r() -> None:
    bill = rate(june("900"), us("[[version.energy]]\nprices={total=0.21884}\n[[version.fixed]]\nid='f'\namount=11.3"))
    assert [line.amount for line in bill.lines] == [D("196.956"), D("11.3")]
    assert bill.total == D("208.256")


def test_us11_crosses_a_boundary() -> None:
    steps = "[{ upto = 500, price = 0.1 }, { price = 0.15 }]"
    bill = rate(june("800"), us(f"[[version.energy]]\nprices = {{ total = {steps} }}"))
    assert [(line.quantity, line.amount) for line in bill.lines] == [(D(500), D(50)), (D(300), D(45))]
    assert bill.total == 95


def test_us12_seasonal() -> None:
    bill = rate(
        june("1000"),
        us(
            """
            season = [{ name = "summer", dates = ["06-01..09-30"] }, { name = "winter", dates = ["10-01..05-31"] }]
            [[version.energy]]
            seasons = ["winter"]
            prices = { total = 0.11 }
            [[version.energy]]
            seasons = ["summer"]
            prices = { total = 0.18 }
            """
        ),
    )
    assert bill.total == 180


def test_us14_minimum_charge() -> None:
    bill = rate(june("100"), us("[[version.energy]]\nprices = { total = 0.1 }\n[[version.minimum]]\namount = 25"))
    assert [(line.kind, line.amount) for line in bill.lines] == [(Kind.ENERGY, D(10)), (Kind.MINIMUM, D(15))]
    assert bill.total == 25


def test_us17_bands_of_one_price_need_the_total_only() -> None:
    same = us(
        """
        [[version.schedule]]
        days = ["workday"]
        bands = { off = ["00:00-16:00", "21:00-24:00"], on = ["16:00-21:00"] }
        [[version.schedule]]
        days = ["weekend", "holiday"]
        bands = { off = ["00:00-24:00"] }
        [[version.energy]]
        prices = { off = 0.106929, on = 0.106929 }
        """
    )
    bill = rate(june("800"), same)
    assert (bill.total, len(bill.lines)) == (D("85.5432"), 1)


def test_us18_a_credit_per_month() -> None:
    bill = rate(
        june("100"),
        us(
            "fixed = [{ id = 'customer', amount = 10 }, { id = 'credit', amount = -3 }]\n"
            "[[version.energy]]\nprices = { total = 0.1 }"
        ),
    )
    assert (bill.amount(Kind.ENERGY), bill.amount(Kind.FIXED), bill.total) == (D(10), D(7), D(17))


def test_us19_a_demand_charge_without_demand_is_refused() -> None:
    """ratebook refuses all demand charges; we refuse where no demand is known, and bill it where it is."""
    demand = us("[[version.energy]]\nprices = { total = 0.1 }\n[[version.basic]]\nby = 'demand'\nprice = 12")
    with pytest.raises(RatingFault, match=r"P1: version\[0\]\.basic\[0\]: the highest demand of total is not known"):
        rate(june("100"), demand)


def test_tw01_an_hour_at_a_time() -> None:
    """PyPI taipower-tou 0.1.0 (MIT), calculate_bill_simple: 744 hours of July 2025, 1 kWh each, at 5.16 and 2.06."""
    two_bands = tariff(
        """
        fixed = [{ id = "basic", amount = 75 }]
        [[version.schedule]]
        days = ["workday"]
        bands = { peak = ["09:00-24:00"], off = ["00:00-09:00"] }
        [[version.schedule]]
        days = ["weekend", "holiday"]
        bands = { off = ["00:00-24:00"] }
        [[version.energy]]
        prices = { peak = 5.16, off = 2.06 }
        [[version.tiers]]
        id = "above-2000"
        steps = [{ upto = 2000, price = 0 }, { price = 1.02 }]
        """,
        currency="TWD",
        zone="Asia/Taipei",
    )
    start, end = (datetime(2025, month, 1, tzinfo=ZoneInfo("Asia/Taipei")) for month in (7, 8))
    hours = [Interval(start + timedelta(hours=n), Decimal(1)) for n in range(744)]
    bill = rate(from_intervals("P1", start, end, hours, two_bands, step=timedelta(hours=1)), two_bands)
    assert (bill.amount(Kind.ENERGY), bill.amount(Kind.FIXED), bill.amount(Kind.TIER)) == (D("2602.14"), D(75), D(0))
    assert bill.total == D("2677.14")


PREPAID = """
days_per_month = 30
rounding = { line = "half-up 2" }
fixed = [
    { id = "fixed", amount = 120 },
    { id = "installment", amount = 1, amount_of = "installment", per = "cycle" },
    { id = "late-payment", amount = 0.015, amount_of = "arrears", post = "arrears" },
]
[[version.energy]]
accumulates = "month"
[version.energy.prices]
total = [{ upto = 50, price = 3.0 }, { upto = 100, price = 4.5 }, { price = 6.0 }]
[[version.tax]]
id = "duty"
rate = 0.05
on = ["energy"]
"""


def prepaid_day(kwh: str, day: int, carried: str) -> Bill:
    given = used(kwh, f"2026-03-{day:02}", f"2026-03-{day + 1:02}", zone="Asia/Kolkata")
    context = Context(
        carried={"energy.total": Carried(given.start.date().replace(day=1), D(carried))},
        amounts={"installment": D(20), "arrears": D(1200)},
    )
    return rate(given, tariff(PREPAID, currency="INR", zone="Asia/Kolkata"), context)


def test_in01_prepaid_daily_deduction() -> None:
    """PyPI voltengine 0.1.2 (MIT), tests/test_prepaid_daily_billing.py: 799.20, late payment goes to the arrears."""
    excess = """
    [[version.basic]]
    by = "demand"
    price = 250
    per = "cycle"
    rule = [{ upto = 1 }, { actual = 1.5, contract = -1.5 }]
    """
    march = ("2026-03-10", "2026-03-11")
    given = used("8", *march, zone="Asia/Kolkata", demand={"total": "7"}, contract_kw=D(5))
    context = Context(
        carried={"energy.total": Carried(given.start.date().replace(day=1), D(0))},
        amounts={"installment": D(20), "arrears": D(1200)},
    )
    bill = rate(given, tariff(PREPAID + excess, currency="INR", zone="Asia/Kolkata"), context)
    amounts = {line.id: line.amount for line in bill.lines}
    assert amounts == {
        "energy.total": D("24.0"), "fixed": D("4.0"), "duty": D("1.2"), "late-payment": D("0.6"),
        "installment": 20, "basic": D("750.0"),
    }  # fmt: skip
    assert (bill.total, bill.arrears) == (D("799.20"), D("0.60"))


def test_a_prepaid_day_goes_on_where_the_last_one_stopped() -> None:
    crossing = prepaid_day("8", 11, "45")
    assert [line.amount for line in crossing.lines[:2]] == [D("15.0"), D("13.5")]
    assert crossing.carried["energy.total"].kwh == 53


def test_uk01_half_an_hour() -> None:
    """kb.loop.homes, how are the energy costs calculated: 24 p a day, 2 kWh at 18 p: 36.5 p in half an hour."""
    pence = tariff(
        f"{AS_RECKONED}\nfixed = [{{ id = 'standing', amount = 24, per = 'day' }}]\n"
        "[[version.energy]]\nprices = { total = 18 }",
        currency="GBX", zone="Europe/London",
    )  # fmt: skip
    bill = rate(used("2", "2026-01-15T17:00", "2026-01-15T17:30", zone="Europe/London"), pence)
    assert [line.exact for line in bill.lines] == [36, D("0.5")]
    assert bill.total == D("36.5")


def test_uk02_a_price_by_index() -> None:
    """octopus.energy, how to calculate prices for Shape Shifters: Agile: D + Q + W x P = 5 + 2 + 15 x 1.2 = 25 p/kWh.

    The page's off-peak example contradicts itself (W is 8, then 10) and is not used.
    """
    agile = tariff(
        f"{AS_RECKONED}\n[[version.energy]]\nprices = {{ total = {{ index = 'P', base = 7, factor = 15 }} }}",
        currency="GBX", zone="Europe/London",
    )  # fmt: skip
    given = used("3", "2026-01-15T17:00", "2026-01-15T17:30", zone="Europe/London")
    bill = rate(given, agile, Context(indices={"P": D("1.2")}))
    assert (bill.lines[0].price, bill.total) == (D(25), D(75))
    with pytest.raises(RatingFault, match="the index 'P' is not given"):
        rate(given, agile)


def test_gb01_interval_costs_are_not_the_bill() -> None:
    """vladistan/greenbutton_objects (Apache-2.0), TestGBDataOneYearDailyBinnedMonthly.xml, February 2014.

    20 workdays of 21.021 kWh at 2.56347 and 8 weekend days of 25.662 kWh at 2.03931 USD. The file's own summary says
    67.52: interval costs inform, they are no bill (docs/adr/0021-tariffs.md).
    """
    costs = 20 * [D("2.56347")] + 8 * [D("2.03931")]
    assert 20 * 21021 + 8 * 25662 == 625716
    told = us('fixed = [{ id = "costs", amount = 1, amount_of = "interval_costs", per = "cycle" }]')
    given = used("625.716", "2014-02-01", "2014-03-01", zone=NEW_YORK)
    bill = rate(given, told, Context(amounts={"interval_costs": sum(costs, D(0))}))
    assert bill.total == D("67.58388")
    assert bill.total != D("67.52")
