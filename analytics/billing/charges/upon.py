"""What is reckoned upon other lines: power-factor adjustment, minimum charges, taxes; in this order."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from analytics.billing.charges.fixed import over
from analytics.billing.exact import EXACT, plain
from analytics.billing.stretches import Stretch
from analytics.billing.tariff import power_factor
from analytics.billing.tariff.document import Kind
from analytics.billing.tariff.rules import Rules
from analytics.billing.work import Work

ONE = Decimal(1)


def charge_power_factor(work: Work, rules: Rules, stretches: Sequence[Stretch], since: int) -> None:
    """力调电费. Raises `RatingFault` where neither reactive energy nor power factor is known."""
    table = rules.version.power_factor
    if table is None:
        return
    given, key = work.given, rules.key("power_factor")
    value = given.power_factor
    if value is None:
        if given.reactive is None:
            raise work.fault(key, "neither the power factor nor reactive energy is known")
        value = power_factor.power_factor_of(given.energy, given.reactive)
    if value is None:
        work.notes.append("no energy, hence no power factor and no adjustment for it")
        return
    rounded = power_factor.rounded(value, table.table)
    percent = power_factor.percent(table.table, table.standard, rounded)
    notes = [f"power factor {rounded} of standard {table.standard}: {plain(percent)} % ({table.table})"]
    if given.power_factor is None:
        notes.append(f"from {plain(given.energy)} kWh and {plain(given.reactive or Decimal(0))} kvarh")
    base = (work.sum_of(table.on, since), work.tariff.currency)
    span = (stretches[0].since, stretches[-1].until)
    price = (EXACT.divide(percent, Decimal(100)), "of it")
    work.add(rules, Kind.POWER_FACTOR, ("power_factor", table.label), span, base, price, key, notes=notes)


def charge_minimum(work: Work, rules: Rules, stretches: Sequence[Stretch], since: int) -> None:
    """One line for what is missing to the minimum."""
    days = sum((stretch.days for stretch in stretches), Fraction(0))
    for number, minimum in enumerate(rules.version.minimum):
        (times, _), share = over(work, rules, minimum.per, days)
        least = EXACT.multiply(minimum.amount, times)
        if not share.is_whole:
            least = EXACT.divide(least * share.months * share.days, share.of)
        reached = work.sum_of(minimum.on, since)
        if reached >= least:
            continue
        missing, key = least - reached, rules.key("minimum", number)
        work.add(
            rules, Kind.MINIMUM, (minimum.id, minimum.label), (stretches[0].since, stretches[-1].until),
            (missing, work.tariff.currency), (ONE, ""), key,
            notes=[f"at least {plain(minimum.amount)} per {minimum.per}{share}; the lines come to {plain(reached)}"],
        )  # fmt: skip


def charge_tax(work: Work, rules: Rules, stretches: Sequence[Stretch], since: int) -> None:
    """Each tax upon the lines before it."""
    span = (stretches[0].since, stretches[-1].until)
    for number, tax in enumerate(rules.version.tax):
        base, key = work.sum_of(tax.on, since), rules.key("tax", number)
        quantity, identity = (base, work.tariff.currency), (tax.id, tax.label)
        if tax.mode == "exclusive":
            work.add(rules, Kind.TAX, identity, span, quantity, (tax.rate, "of it"), key)
            continue
        exact = EXACT.divide(EXACT.multiply(base, tax.rate), ONE + tax.rate)
        price = (tax.rate, f"/ {plain(ONE + tax.rate)}, contained")
        work.add(rules, Kind.TAX, identity, span, quantity, price, key, exact=exact, post="told")
