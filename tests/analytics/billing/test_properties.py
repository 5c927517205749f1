"""What holds for every bill: lines add up, cuts that mean nothing change nothing, more energy never costs less."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from analytics.billing.bill import Bill
from analytics.billing.context import Context
from analytics.billing.determinants import Determinants, Part
from analytics.billing.exact import Rounding
from analytics.billing.rating import rate
from tests.analytics.billing.made import D, tariff, used

KWH = st.decimals(min_value=0, max_value=100_000, places=4)
PRICE = st.decimals(min_value="0.0001", max_value=5, places=4)

FULL = """
rounding = {{ line = "{line}", total = "{total}" }}
fixed = [{{ id = "fixed", amount = 7.31 }}, {{ id = "daily", amount = 0.117, per = "day" }}]
surcharge = [{{ id = "fund", price = 0.0271 }}]
power_factor = {{ standard = 0.85 }}
minimum = [{{ amount = 40 }}]
tax = [{{ id = "vat", rate = 0.13 }}]
[[version.energy]]
prices = {{ peak = 0.8123, flat = 0.5077, valley = 0.2501 }}
[[version.tiers]]
steps = [{{ upto = 260, price = 0 }}, {{ upto = 600, price = 0.05 }}, {{ price = 0.3 }}]
[[version.basic]]
by = "capacity"
price = 23.3
"""
CENTS = tariff(FULL.format(line="half-up 2", total="none"))
TENTHS = tariff(FULL.format(line="none", total="down 1"))
YEARLY = tariff(
    """
    rounding = { line = "none" }
    fixed = [{ id = "daily", amount = 0.117, per = "day" }]
    [[version.energy]]
    prices = { total = 0.5 }
    [[version.tiers]]
    accumulates = "year"
    steps = [{ upto = 500, price = 0 }, { upto = 1500, price = 0.05 }, { price = 0.3 }]
    """
)


def bands(peak: Decimal, flat: Decimal, valley: Decimal) -> dict[str, str]:
    return {"peak": str(peak), "flat": str(flat), "valley": str(valley)}


def split(whole: Determinants, day: int) -> Determinants:
    """The same with another read on a day in the middle, and a third of each band before it."""
    (part,) = whole.parts
    at = part.start + timedelta(days=day)
    before = {band: (kwh / 3).quantize(D("0.0001")) for band, kwh in part.energy.items() if band != "total"}
    before["total"] = sum(before.values(), D(0))
    after = {band: kwh - before[band] for band, kwh in part.energy.items()}
    return replace(whole, parts=(Part(part.start, at, before), Part(at, part.end, after)))


@given(KWH, KWH, KWH, st.decimals(min_value=0, max_value=1, places=4))
def test_lines_add_up_to_the_total_by_the_stated_rounding(
    peak: Decimal, flat: Decimal, valley: Decimal, pf: Decimal
) -> None:
    whole = used(bands(peak, flat, valley), kva="100", power_factor=pf)
    for bill, total in ((rate(whole, CENTS), Rounding.parse("none")), (rate(whole, TENTHS), Rounding.parse("down 1"))):
        counted = [line for line in bill.lines if line.post == "bill"]
        assert all(line.amount == line.rounding(line.exact) for line in counted)
        assert sum(line.amount for line in counted) == bill.exact
        assert bill.total == total(bill.exact)


@given(KWH, KWH, KWH, st.integers(1, 30))
def test_a_read_on_any_day_changes_nothing(peak: Decimal, flat: Decimal, valley: Decimal, day: int) -> None:
    whole = used(bands(peak, flat, valley), kva="100", power_factor=D("0.9"))
    assert rate(split(whole, day), CENTS).lines == rate(whole, CENTS).lines


@given(st.decimals(min_value=0, max_value=3000, places=2), st.integers(1, 30), st.integers(0, 100))
def test_two_bills_cost_what_one_does_where_steps_count_over_the_year(kwh: Decimal, day: int, percent: int) -> None:
    first = (kwh * percent / 100).quantize(D("0.01"))
    middle = f"2026-01-{day + 1:02}"
    one = rate(used(str(kwh), "2026-01-01", "2026-02-01"), YEARLY)
    before = rate(used(str(first), "2026-01-01", middle), YEARLY)
    after = rate(used(str(kwh - first), middle, "2026-02-01"), YEARLY, Context(carried=before.carried))
    assert before.total + after.total == one.total
    assert after.carried == one.carried


@given(KWH, KWH, st.lists(PRICE, min_size=3, max_size=3))
def test_more_energy_never_costs_less(kwh: Decimal, more: Decimal, prices: list[Decimal]) -> None:
    steps = f"[{{ upto = 300, price = {prices[0]} }}, {{ upto = 900, price = {prices[1]} }}, {{ price = {prices[2]} }}]"
    tiered = tariff(f"[[version.energy]]\n[version.energy.prices]\ntotal = {steps}")
    assert rate(used(str(kwh)), tiered).total <= rate(used(str(kwh + more)), tiered).total


@given(st.sampled_from(["260", "600"]), st.decimals(min_value="0.0001", max_value="1", places=4))
def test_steps_are_continuous(bound: str, beside: Decimal) -> None:
    """Just above a bound costs what the bound costs, and the dearer price of what is above."""
    exact = tariff(
        """
        rounding = { line = "none" }
        [[version.energy]]
        [version.energy.prices]
        total = [{ upto = 260, price = 0.64 }, { upto = 600, price = 0.69 }, { price = 0.94 }]
        """
    )

    def cost(kwh: Decimal) -> Bill:
        return rate(used(str(kwh)), exact)

    above = {"260": D("0.69"), "600": D("0.94")}[bound]
    below = {"260": D("0.64"), "600": D("0.69")}[bound]
    at = cost(D(bound)).total
    assert cost(D(bound) + beside).total == at + beside * above
    assert cost(D(bound) - beside).total == at - beside * below


@given(KWH, KWH)
def test_energy_in_steps_is_all_energy(first: Decimal, second: Decimal) -> None:
    january = rate(used(str(first), "2026-01-01", "2026-02-01"), YEARLY)
    february = rate(used(str(second), "2026-02-01", "2026-03-01"), YEARLY, Context(carried=january.carried))
    assert sum(line.quantity for line in february.lines if line.id == "tier") == second
    assert february.carried["tier"].kwh == first + second
