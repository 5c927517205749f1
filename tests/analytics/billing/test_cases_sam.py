"""NREL's SAM: monthly bills of its own test loads, to the cent of a month.

NREL/ssc (BSD-3-Clause) at e97a19f8, test/ssc_test/cmod_utilityrate5_test.cpp, run with NREL-PySAM 7.1.1: its engine
uses floats, so a month agrees within 0.01. Published there are the annual figures 771.8 and 104614.5, the July bill
16774.68 and the July energy of a step, 3000 kWh; the other months are PySAM's output. The energies are sums over the
8760 hours of the test loads by the tariff's schedule, in a year that begins on a Monday, to 0.000001 kWh; the demands
are the highest hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from analytics.billing.bill import Bill
from analytics.billing.rating import rate
from analytics.billing.tariff import Tariff
from tests.analytics.billing.made import D, tariff, used

CENT = Decimal("0.01")
HEAD = 'rounding = { line = "none", total = "half-up 2" }'


def month(number: int) -> tuple[str, str]:
    """2001 begins on a Monday and has 8760 hours."""
    return f"2001-{number:02}-01", f"2001-{number + 1:02}-01" if number < 12 else "2002-01-01"


def check_year(bills: Sequence[Bill], expected: Sequence[str], annual: str) -> None:
    for bill, amount in zip(bills, expected, strict=True):
        assert abs(bill.exact - D(amount)) < CENT / 2, bill.start
        assert bill.total == bill.exact.quantize(CENT, "ROUND_HALF_UP")
    assert abs(sum(bill.exact for bill in bills) - D(annual)) < CENT


# pvsamv1_residential_load.csv: the rest of the hours, 10 to 15, 15 to 20 on workdays; the bill
RESIDENTIAL = [
    ("252.754919", "43.718083", "78.617527", "43.184902"),
    ("229.848908", "36.921549", "64.559048", "37.742778"),
    ("233.923339", "36.692678", "63.601035", "37.947175"),
    ("240.713018", "43.712334", "84.938637", "43.244646"),
    ("356.283485", "123.105308", "66.404676"),
    ("526.476251", "166.215375", "94.201469"),
    ("654.273048", "187.958621", "112.416960"),
    ("588.697121", "183.932626", "104.852869"),
    ("486.408302", "135.332711", "82.474008"),
    ("374.458325", "125.407965", "68.797824"),
    ("219.053276", "36.961104", "68.800718", "37.513526"),
    ("263.090358", "40.017843", "73.426137", "42.995155"),
]  # fmt: skip

# load_commercial.csv: kWh 15 to 20 on workdays and else; the highest kW of each; the bill
COMMERCIAL = [
    ("10659.7704", "46679.7186", "155.912", "234.676", "7515.632154"),
    ("9031.3736", "39525.9418", "155.723", "173.422", "6751.134506"),
    ("10199.5523", "45550.5297", "172.007", "167.643", "7337.819623"),
    ("9645.4645", "43369.4652", "188.079", "191.434", "7555.556130"),
    ("11940.4508", "48520.2947", "188.872", "198.295", "9090.599643"),
    ("13673.5659", "56478.7726", "236.469", "231.478", "10654.011240"),
    ("16170.6943", "61537.7698", "270.053", "274.231", "11875.817450"),
    ("16323.9538", "61231.0973", "260.336", "247.018", "11578.659987"),
    ("10879.3031", "50914.3736", "213.441", "226.751", "9727.913175"),
    ("11409.8795", "46282.6002", "185.123", "181.664", "8756.853990"),
    ("10360.2725", "41485.0101", "152.423", "156.2", "6793.211855"),
    ("9460.0896", "44878.4405", "147.7", "184.05", "6977.277401"),
]  # fmt: skip

# load_commercial.csv: kWh; the bill by energy steps
STEPS = [
    ("57339.489", "9731.846700"),
    ("48557.3154", "7169.328850"),
    ("55750.082", "9255.024600"),
    ("53014.9297", "8434.478910"),
    ("60460.7455", "10691.260925"),
    ("70152.3385", "14083.318475"),
    ("77708.4641", "16727.962435"),
    ("77555.0511", "16674.267885"),
    ("61793.6767", "11157.786845"),
    ("57692.4797", "9837.743910"),
    ("51845.2826", "8083.584780"),
    ("54338.5301", "8831.559030"),
]  # fmt: skip

# load_commercial_large.csv: kWh; the highest kW; the bill by steps of kWh per kW
HOURS_OF_USE = [
    ("367252.302305", "623.10872", "15932.840354"),
    ("331669.944263", "650.032072", "16082.458433"),
    ("369340.23563", "680.262209", "17048.028767"),
    ("358612.753293", "716.514737", "17631.561267"),
    ("378735.472588", "682.06619", "17179.087241"),
    ("370786.633225", "746.587531", "18332.144920"),
    ("384169.615659", "658.01564", "16774.672505"),
    ("391429.71016", "707.079527", "17788.195766"),
    ("382260.362915", "747.12968", "18460.412481"),
    ("380074.955779", "708.733555", "17703.178471"),
    ("359791.468842", "641.351526", "16205.289230"),
    ("367985.291078", "624.741595", "15971.619822"),
]  # fmt: skip


@pytest.fixture(scope="module")
def residential() -> Tariff:
    """Test_Residential_TOU_Rates. Test_Residential_TOU_Rates_annual_minimum has the same bills: its minimum of 100 a
    year binds only where a customer generates, and 771.78 were used.
    """
    return tariff(
        HEAD
        + """
        season = [{ name = "winter", dates = ["11-01..04-30"] }, { name = "summer", dates = ["05-01..10-31"] }]
        [[version.schedule]]
        seasons = ["winter"]
        days = ["workday"]
        bands = { rest = ["00:00-10:00", "20:00-24:00"], noon = ["10:00-15:00"], peak = ["15:00-20:00"] }
        [[version.schedule]]
        seasons = ["summer"]
        days = ["workday"]
        bands = { rest = ["00:00-15:00", "20:00-24:00"], peak = ["15:00-20:00"] }
        [[version.schedule]]
        days = ["weekend", "holiday"]
        bands = { rest = ["00:00-24:00"] }
        [[version.energy]]
        seasons = ["winter"]
        prices = { rest = 0.10, noon = 0.05, peak = 0.20 }
        [[version.energy]]
        seasons = ["summer"]
        prices = { rest = 0.10, peak = 0.25 }
        """,
        currency="USD",
        zone="America/Denver",
    )


def test_residential_time_of_use(residential: Tariff) -> None:
    bills = []
    for number, (*kwh, _) in enumerate(RESIDENTIAL, start=1):
        names = ("rest", "noon", "peak") if len(kwh) == 3 else ("rest", "peak")
        given = used(dict(zip(names, kwh, strict=True)), *month(number), zone="America/Denver")
        bills.append(rate(given, residential))
    check_year(bills, [row[-1] for row in RESIDENTIAL], "771.7760")
    assert round(sum(bill.exact for bill in bills), 1) == D("771.8")


def test_an_annual_minimum_that_was_reached_adds_nothing(residential: Tariff) -> None:
    year = [rate(used({"rest": "252.754919", "noon": "43.718083", "peak": "78.617527"}, *month(1)), residential)]
    assert year[0].exact > D(100) / 12


def test_demand_charges_by_band_in_steps() -> None:
    demand = tariff(
        HEAD
        + """
        season = [{ name = "winter", dates = ["11-01..04-30"] }, { name = "summer", dates = ["05-01..10-31"] }]
        fixed = [{ id = "fixed", amount = 30 }]
        [[version.schedule]]
        days = ["workday"]
        bands = { on = ["15:00-20:00"], off = ["00:00-15:00", "20:00-24:00"] }
        [[version.schedule]]
        days = ["weekend", "holiday"]
        bands = { off = ["00:00-24:00"] }
        [[version.energy]]
        seasons = ["winter"]
        prices = { on = 0.06, off = 0.05 }
        [[version.energy]]
        seasons = ["summer"]
        prices = { on = 0.05, off = 0.075 }
        [[version.basic]]
        id = "on"
        by = "demand"
        band = "on"
        price = [{ upto = 100, price = 20 }, { price = 15 }]
        [[version.basic]]
        id = "off"
        by = "demand"
        band = "off"
        price = [{ upto = 100, price = 10 }, { price = 5 }]
        """,
        currency="USD",
    )
    bills = [
        rate(used({"on": on, "off": off}, *month(number), demand={"on": kw_on, "off": kw_off}), demand)
        for number, (on, off, kw_on, kw_off, _) in enumerate(COMMERCIAL, start=1)
    ]
    check_year(bills, [row[-1] for row in COMMERCIAL], "104614.4872")
    assert round(sum(bill.exact for bill in bills), 1) == D("104614.5")


def test_seven_energy_steps() -> None:
    """April's energy by step is published: 10000 in each full one, 3014.93 kWh in the last."""
    steps = ", ".join(f"{{ upto = {n}0000, price = 0.{5 * n:02} }}" for n in range(1, 7))
    tiered = tariff(
        f"{HEAD}\nfixed = [{{ id = 'fixed', amount = 30 }}]\n"
        f"[[version.energy]]\n[version.energy.prices]\ntotal = [{steps}, {{ price = 0.35 }}]",
        currency="USD",
    )
    bills = [rate(used(kwh, *month(number)), tiered) for number, (kwh, _) in enumerate(STEPS, start=1)]
    check_year(bills, [row[-1] for row in STEPS], "130678.1633")
    april = [line.quantity for line in bills[3].lines if line.unit == "kWh"]
    assert april[:5] == [10000] * 5
    assert round(april[5], 2) == D("3014.93")


def test_steps_by_hours_of_use() -> None:
    """kWh per kW: blocks of kWh inside the first 200 hours of the highest demand, then hours alone."""
    hours = tariff(
        f"{HEAD}\nfixed = [{{ id = 'fixed', amount = 21 }}]\n"
        """
        [[version.energy]]
        [version.energy.prices]
        total = [
            { upto = 3000, upto_hours = 200, price = 0.132655 },
            { upto = 10000, upto_hours = 200, price = 0.120303 },
            { upto = 200000, upto_hours = 200, price = 0.102607 },
            { upto_hours = 200, price = 0.079109 },
            { upto_hours = 400, price = 0.013627 },
            { upto_hours = 600, price = 0.010275 },
            { price = 0.00771 },
        ]
        """,
        currency="USD",
    )
    bills = [
        rate(used(kwh, *month(number), demand={"total": kw}), hours)
        for number, (kwh, kw, _) in enumerate(HOURS_OF_USE, start=1)
    ]
    check_year(bills, [row[-1] for row in HOURS_OF_USE], "205109.4893")
    assert abs(bills[6].exact - D("16774.68")) < CENT
    assert bills[6].lines[0].quantity == 3000
