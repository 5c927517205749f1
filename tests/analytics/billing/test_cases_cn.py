"""Published rating cases of mainland China, to the cent. Each test names where its numbers stand."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

from analytics.billing.rating import rate
from analytics.billing.tariff import power_factor
from analytics.billing.tariff.document import Kind
from tests.analytics.billing.made import D, tariff, used


def test_cn01_three_steps_of_a_month() -> None:
    """650 kWh in steps of 260/600: wendadaohang.com/zd/ZBnej0IInnIeIZj0ej, w09.net 93adf46d...: 448.00."""
    steps = tariff(
        """
        [[version.energy]]
        [version.energy.prices]
        total = [{ upto = 260, price = 0.64 }, { upto = 600, price = 0.69 }, { price = 0.94 }]
        """
    )
    bill = rate(used("650"), steps)
    assert [line.amount for line in bill.lines] == [D("166.40"), D("234.60"), D("47.00")]
    assert bill.total == D("448.00")


def test_cn01_the_same_as_increments_upon_a_price() -> None:
    """The notices write it so: +0.05 in the second step, +0.30 in the third."""
    increments = tariff(
        """
        [[version.energy]]
        prices = { total = 0.64 }
        [[version.tiers]]
        steps = [{ upto = 260, price = 0 }, { upto = 600, price = 0.05 }, { price = 0.30 }]
        """
    )
    bill = rate(used("650"), increments)
    assert (bill.amount(Kind.ENERGY), bill.amount(Kind.TIER), bill.total) == (D("416.00"), D("32.00"), D("448.00"))


def test_cn02_lines_are_rounded_then_added() -> None:
    """Jinan, 95 + 5 kWh: ddtbk.com/techan/d26219a7...: 54.81 + 1.88 = 56.69; flat it were 54.69."""
    peak_valley = tariff("[[version.energy]]\nprices = { peak = 0.5769, valley = 0.3769 }")
    bill = rate(used({"peak": "95", "valley": "5"}), peak_valley)
    assert [(line.exact, line.amount) for line in bill.lines] == [
        (D("54.8055"), D("54.81")),
        (D("1.8845"), D("1.88")),
    ]
    assert bill.total == D("56.69")
    assert rate(used("100"), tariff("[[version.energy]]\nprices = { total = 0.5469 }")).total == D("54.69")


def test_cn06_back_bill_of_a_reversed_transformer() -> None:
    """livelovelifegateway.com/tiku/shiti/5001345: a three-element meter with one CT reversed counts a third.

    80,000 kWh, 30,000 of it peak and 20,000 valley, correction rate 200 %, flat price 0.40, peak x 1.5, valley x 0.5.
    The stored answer is cut off after its first line; the other two follow its formula.
    """
    bands = tariff(
        """
        [[version.energy]]
        [version.energy.prices]
        flat = 0.40
        peak = { of = "flat", factor = 1.5 }
        valley = { of = "flat", factor = 0.5 }
        """
    )
    measured = used({"peak": "30000", "valley": "20000", "flat": "30000"})
    assert measured.energy == 80000
    bill = rate(measured.correct(D(2), "one of three transformers reversed"), bands)
    amounts = {line.label: line.amount for line in bill.lines}
    assert amounts == {"energy, peak": 36000, "energy, valley": 8000, "energy, flat": 24000}
    assert bill.total == D("68000.00")
    assert any("corrected by 2" in note for note in bill.notes)


def test_cn08_capacity_charge() -> None:
    """g230.com/index.php/2123056452606312227: 630 kVA x 23; the 500 kWh used change nothing of it."""
    two_part = tariff(
        """
        [[version.energy]]
        prices = { total = 0.5 }
        [[version.basic]]
        by = "capacity"
        price = 23
        """
    )
    bill = rate(used("500", kva="630"), two_part)
    assert bill.amount(Kind.BASIC) == D("14490")


def test_cn09_a_very_low_power_factor() -> None:
    """suoa.com.cn/power/69: 2650 kWh x 0.5344, 400 kVA x 26, power factor 0.52 of 0.90.

    The percentage is of the table at wgbc.cn/zxjs/205; its amount and the total are derived from it.
    """
    low = tariff(
        """
        [[version.energy]]
        prices = { total = 0.5344 }
        [[version.basic]]
        by = "capacity"
        price = 26
        [version.power_factor]
        standard = 0.90
        """
    )
    bill = rate(used("2650", kva="400", power_factor=D("0.52")), low)
    assert (bill.amount(Kind.ENERGY), bill.amount(Kind.BASIC)) == (D("1416.16"), D("10400.00"))
    assert power_factor.percent("cn-1983", D("0.90"), D("0.52")) == 41
    assert (bill.amount(Kind.POWER_FACTOR), bill.total) == (D("4844.63"), D("16660.79"))


CONTRACT_633 = "[{ upto = 1.05, contract = 1 }, { actual = 2, contract = -1.05 }]"
CONTRACT_OLDER = "[{ upto = 0.95, contract = 0.95 }, { upto = 1.05, actual = 1 }, { actual = 2, contract = -1 }]"


@pytest.mark.parametrize(
    ("rule", "measured", "charge"),
    [
        (CONTRACT_633, "900", "38000"),
        (CONTRACT_633, "1030", "38000"),
        (CONTRACT_633, "1100", "43700"),
        (CONTRACT_OLDER, "900", "36100"),
        (CONTRACT_OLDER, "1030", "39140"),
        (CONTRACT_OLDER, "1100", "45600"),
    ],
)
def test_cn10_contract_demand(rule: str, measured: str, charge: str) -> None:
    """1000 kW contracted at 38. 国家电网财〔2016〕633号: the contract up to 105 %, what is above twice; the older
    rule stands at 274949.com/3889/t28912061. The amounts are reckoned from the texts, not published; 633 is read so
    that the part up to 105 % is billed once when it is passed (docs/adr/0021-tariffs.md).
    """
    demand = tariff(f'[[version.basic]]\nby = "demand"\nprice = 38\nrule = {rule}')
    bill = rate(used("0", demand={"total": measured}, contract_kw=D(1000)), demand)
    assert bill.total == D(charge)


# wgbc.cn/zxjs/205: the table of (83)水电财字第215号 at the power factors where its steps change, and at its ends.
PRINTED = [
    ("0.90", "1.00 -0.75, 0.95 -0.75, 0.94 -0.60, 0.93 -0.45, 0.92 -0.30, 0.91 -0.15, 0.90 0, 0.89 0.5, 0.85 2.5,"
             "0.80 5.0, 0.75 7.5, 0.71 9.5, 0.70 10.0, 0.69 11, 0.66 14, 0.65 15, 0.64 17, 0.60 25, 0.52 41, 0.20 105"),
    ("0.85", "1.00 -1.10, 0.95 -1.10, 0.94 -1.10, 0.93 -0.95, 0.92 -0.80, 0.91 -0.65, 0.90 -0.50, 0.89 -0.40,"
             "0.86 -0.10, 0.85 0, 0.84 0.5, 0.80 2.5, 0.75 5.0, 0.66 9.5, 0.65 10.0, 0.64 11, 0.61 14, 0.60 15,"
             "0.59 17, 0.50 35, 0.20 95"),
    ("0.80", "1.00 -1.30, 0.93 -1.30, 0.92 -1.30, 0.91 -1.15, 0.90 -1.00, 0.89 -0.90, 0.85 -0.50, 0.81 -0.10, 0.80 0,"
             "0.79 0.5, 0.70 5.0, 0.61 9.5, 0.60 10.0, 0.59 11, 0.56 14, 0.55 15, 0.54 17, 0.40 45, 0.20 85"),
]  # fmt: skip


@pytest.mark.parametrize(("standard", "cells"), PRINTED)
def test_cn11_the_power_factor_table(standard: str, cells: str) -> None:
    for cell in cells.split(","):
        factor, percent = map(Decimal, cell.split())
        assert power_factor.percent("cn-1983", D(standard), factor) == percent, cell


def test_cn11_every_hundredth_changes_by_the_rules_steps() -> None:
    """81 x 3 cells: from each to the next the charge moves by 0, 0.1, 0.15, 0.5, 1 or 2 per cent, and never back."""
    for standard in ("0.90", "0.85", "0.80"):
        cells = [power_factor.percent("cn-1983", D(standard), D(n) / 100) for n in range(100, 19, -1)]
        steps = [after - before for before, after in pairwise(cells)]
        assert len(cells) == 81
        assert set(steps) <= {D(0), D("0.1"), D("0.15"), D("0.5"), D(1), D(2)}
        below = steps[steps.index(D("0.5")) :]
        assert below == sorted(below)
        assert all(step < D("0.5") for step in steps[: steps.index(D("0.5"))])
