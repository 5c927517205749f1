"""Changes inside a cycle, positions, netting, taxes, choices: what a bill says and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import resources
from zoneinfo import ZoneInfo

import pytest

from analytics.billing.bill import Carried
from analytics.billing.context import Context
from analytics.billing.determinants import Capacity, Part
from analytics.billing.errors import RatingFault, TariffFault
from analytics.billing.rating import rate
from analytics.billing.stretches import cuts
from analytics.billing.tariff import Tariff, parse
from analytics.billing.tariff.document import Kind
from tests.analytics.billing.made import D, tariff, used

SHANGHAI = ZoneInfo("Asia/Shanghai")
CHANGED = parse(
    """
    name = "changed"
    currency = "CNY"
    zone = "Asia/Shanghai"
    [[version]]
    valid_from = 2026-01-01
    valid_to = 2026-03-11
    fixed = [{ id = "fixed", amount = 31 }]
    [[version.energy]]
    prices = { total = 0.5 }
    [[version]]
    valid_from = 2026-03-11
    fixed = [{ id = "fixed", amount = 62 }]
    [[version.energy]]
    prices = { total = 0.6 }
    """,
    "changed.toml",
)


def sample(name: str) -> Tariff:
    return parse((resources.files("analytics.billing.tariffs") / name).read_text(encoding="utf-8"), name)


def test_a_change_inside_a_cycle_is_read_there_or_shared_out_by_time() -> None:
    whole = used("310")
    at = datetime(2026, 3, 11, tzinfo=SHANGHAI)
    assert cuts(CHANGED, whole.start.astimezone(UTC), whole.end.astimezone(UTC)) == [at]
    shared = rate(whole, CHANGED)
    assert [(line.quantity, line.amount) for line in shared.lines if line.kind is Kind.ENERGY] == [
        (D(100), D(50)),
        (D(210), D(126)),
    ]
    assert any("shared out by time, an estimate" in note for note in shared.notes)
    (part,) = whole.parts
    parts = (Part(part.start, at, {"total": D(10)}), Part(at, part.end, {"total": D(300)}))
    read = rate(replace(whole, parts=parts), CHANGED)
    assert [line.amount for line in read.lines if line.kind is Kind.ENERGY] == [D(5), D(180)]
    assert read.notes == ()


def test_charges_per_month_hold_for_their_days() -> None:
    fixed = [line for line in rate(used("310"), CHANGED).lines if line.kind is Kind.FIXED]
    assert [(line.amount, str(line.share)) for line in fixed] == [(D(10), " x 10/31"), (D(42), " x 21/31")]
    assert "x 10/31 = 10" in fixed[0].formula


def test_two_months_have_twice_the_charges_and_steps() -> None:
    tiered = tariff(
        """
        fixed = [{ id = "fixed", amount = 31 }]
        [[version.energy]]
        [version.energy.prices]
        total = [{ upto = 100, price = 1 }, { price = 2 }]
        """
    )
    bill = rate(used("250", "2026-03-25", "2026-05-25"), tiered)
    assert [line.amount for line in bill.lines] == [D(200), D(100), D(62)]


def test_a_cycle_from_the_25th_is_a_month() -> None:
    monthly = tariff('fixed = [{ id = "fixed", amount = 31 }]')
    assert rate(used("0", "2026-02-25", "2026-03-25"), monthly).total == 31
    assert rate(used("0", "2026-03-01", "2026-03-11"), monthly).total == 10


def test_before_the_first_version_there_is_no_bill() -> None:
    with pytest.raises(TariffFault, match=r"changed.toml: version: no version holds 2025-12-01"):
        rate(used("1", "2025-12-01", "2026-01-01"), CHANGED)


def test_yearly_steps_go_on_and_begin_anew() -> None:
    steps = sample("cn_residential_year_steps.toml")
    december = used({"peak": "200", "valley": "100"}, "2026-12-01", "2027-01-01")
    bill = rate(december, steps, Context(carried={"tier": Carried(date(2026, 1, 1), D(4700))}))
    assert [(line.quantity, line.amount) for line in bill.lines if line.kind is Kind.TIER] == [
        (D(100), D("5.00")),
        (D(200), D("60.00")),
    ]
    january = rate(used({"peak": "200", "valley": "100"}, "2027-01-01", "2027-02-01"), steps, Context(bill.carried))
    assert january.carried == {"tier": Carried(date(2027, 1, 1), D(300), date(2027, 2, 1))}
    assert january.amount(Kind.TIER) == 0


def test_a_position_that_nobody_knows_is_an_error() -> None:
    steps = sample("cn_residential_year_steps.toml")
    with pytest.raises(RatingFault, match="nothing is carried for 'tier'"):
        rate(used({"peak": "1", "valley": "1"}), steps)
    with pytest.raises(RatingFault, match="counts from 2025-01-01"):
        rate(used({"peak": "1", "valley": "1"}), steps, Context({"tier": Carried(date(2025, 1, 1), D(9))}))


def test_a_month_that_was_not_billed_is_missed() -> None:
    steps = sample("cn_residential_year_steps.toml")
    january = rate(used({"peak": "1", "valley": "1"}, "2026-01-01", "2026-02-01"), steps)
    with pytest.raises(RatingFault, match="as of 2026-02-01, the stretch begins 2026-03-01: a bill between is missing"):
        rate(used({"peak": "1", "valley": "1"}, "2026-03-01", "2026-04-01"), steps, Context(january.carried))


def test_a_power_factor_is_rounded_half_up_first() -> None:
    factor = tariff("power_factor = { standard = 0.90 }\n[[version.energy]]\nprices = { total = 1 }")
    for told, amount in (("0.895", "0.00"), ("0.8949", "0.50"), ("0.905", "-0.15"), ("0.9049", "0.00")):
        bill = rate(used("100", power_factor=D(told)), factor)
        assert bill.amount(Kind.POWER_FACTOR) == D(amount), told


def test_steps_by_season() -> None:
    steps = sample("cn_residential_steps.toml")
    assert rate(used("500", "2026-07-01", "2026-08-01"), steps).total == D("332.00")
    assert rate(used("500", "2026-12-01", "2027-01-01"), steps).total == D("360.00")


def test_large_industry_by_capacity_and_by_demand() -> None:
    industry = sample("cn_large_industry.toml")
    given = used(
        {"peak": "60000", "flat": "50000", "valley": "40000"},
        "2025-03-01", "2025-04-01", kva="630", demand={"total": "680"}, contract_kw=D(600), reactive=D(90000),
    )  # fmt: skip
    capacity = rate(given, industry, Context(choice="capacity"))
    amounts = {line.label: line.amount for line in capacity.lines}
    # cos phi = 150000 / sqrt(150000^2 + 90000^2) = 0.857..., 0.86 of 0.90: 2 % upon 64000 + 14490
    assert amounts["energy, peak"] == 36000
    assert amounts["容量电费"] == 14490
    assert amounts["power-factor adjustment"] == D("1569.80")
    assert amounts["政府性基金及附加"] == D("4050.00")
    assert capacity.total == D("84109.80")
    demand = rate(given, industry, Context(choice="demand"))
    (basic,) = [line for line in demand.lines if line.kind is Kind.BASIC]
    assert (basic.quantity, basic.amount) == (D(730), D(27740))  # 630 once, 50 twice
    assert "rule[1]" in basic.notes[0]
    with pytest.raises(RatingFault, match="'nothing' is chosen, expected one of capacity, demand"):
        rate(given, industry)
    with pytest.raises(RatingFault, match="no price for the 1 kWh of band 'night'"):
        rate(used({"night": "1"}, "2025-03-01", "2025-04-01"), industry, Context(choice="capacity"))


def test_a_capacity_that_changed_is_billed_by_days() -> None:
    capacity = tariff('days_per_month = 30\nbasic = [{ by = "capacity", price = 30 }]')
    whole = used("0", kva="100")
    at = datetime(2026, 3, 16, tzinfo=SHANGHAI)
    pieces = (Capacity(D(100), whole.start, at), Capacity(D(200), at, whole.end))
    bill = rate(replace(whole, capacity=pieces), capacity)
    assert [(line.quantity, line.amount) for line in bill.lines] == [(D(100), D(1500)), (D(200), D(3200))]
    with pytest.raises(RatingFault, match="known on 15 of 31 days"):
        rate(replace(whole, capacity=pieces[:1]), capacity)


def test_netting_carries_the_surplus_on() -> None:
    net = sample("us_net_metering.toml")
    march = used(
        {"rest": "300", "noon": "50", "peak": "80"}, zone="America/Denver",
        export={"rest": "100", "noon": "120", "peak": "0"},
    )  # fmt: skip
    bill = rate(march, net)
    assert [line.quantity for line in bill.lines if line.kind is Kind.ENERGY] == [200, 0, 80]
    assert bill.credits == {"noon": D(70)}
    april = used({"rest": "0", "noon": "100", "peak": "0"}, "2026-04-01", "2026-05-01", zone="America/Denver")
    later = rate(april, net, Context(credits=bill.credits))
    assert [line.quantity for line in later.lines if line.kind is Kind.ENERGY] == [0, 30, 0]
    assert later.credits == {}


def test_feed_in_is_paid() -> None:
    paid = tariff("[[version.energy]]\nprices = { total = 0.3 }\n[[version.feed_in]]\nid = 'pv'\nprice = 0.4153")
    assert rate(used("10", export="100"), paid).total == D("-38.53")


def test_taxes_upon_and_within() -> None:
    upon = tariff("[[version.energy]]\nprices = { total = 1 }\n[[version.tax]]\nid = 'vat'\nrate = 0.13")
    assert rate(used("100"), upon).total == D("113.00")
    within = tariff(
        "[[version.energy]]\nprices = { total = 1.13 }\n[[version.tax]]\nid = 'vat'\nrate = 0.13\nmode = 'inclusive'"
    )
    bill = rate(used("100"), within)
    assert (bill.total, bill.lines[-1].amount, bill.lines[-1].post) == (D("113.00"), D("13.00"), "told")


def test_energy_in_total_only_is_not_guessed_into_bands() -> None:
    bands = tariff("[[version.energy]]\nprices = { peak = 0.6, valley = 0.3 }")
    with pytest.raises(RatingFault, match="known in total only, not of peak, valley"):
        rate(used("100"), bands)


def test_without_reactive_energy_there_is_no_power_factor() -> None:
    factor = tariff("power_factor = { standard = 0.90 }\n[[version.energy]]\nprices = { total = 1 }")
    with pytest.raises(RatingFault, match="neither the power factor nor reactive energy"):
        rate(used("100"), factor)
    still = rate(used("0", reactive=Decimal(0)), factor)
    assert still.total == 0
    assert any("no power factor" in note for note in still.notes)


def test_a_line_explains_itself() -> None:
    (line,) = rate(used("95"), tariff("[[version.energy]]\nprices = { total = 0.5769 }")).lines
    assert line.formula == "95 kWh x 0.5769 CNY/kWh = 54.8055, half-up 2: 54.81"
    assert line.rule == "version[0].energy[0].prices.total"
    assert line.content()["exact"] == "54.8055"
