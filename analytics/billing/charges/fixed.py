"""Charges by time: daily, monthly, per cycle; and amounts that the account brings along."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from analytics.billing.bill import WHOLE, Share
from analytics.billing.exact import EXACT
from analytics.billing.stretches import Stretch, part
from analytics.billing.tariff.document import Kind, Per
from analytics.billing.tariff.rules import Rules
from analytics.billing.work import Work


def charge_fixed(work: Work, rules: Rules, stretches: Sequence[Stretch]) -> None:
    """Lines of one version. Raises `RatingFault` where the account's amount is not given."""
    days = sum((stretch.days for stretch in stretches), Fraction(0))
    span = (stretches[0].since, stretches[-1].until)
    for number, fixed in enumerate(rules.version.fixed):
        key, price = rules.key("fixed", number), fixed.amount
        if fixed.amount_of:
            if fixed.amount_of not in work.context.amounts:
                raise work.fault(f"{key}.amount_of", f"the account's amount {fixed.amount_of!r} is not given")
            price = EXACT.multiply(price, work.context.amounts[fixed.amount_of])
        quantity, share = over(work, rules, fixed.per, days)
        unit = f"{work.tariff.currency}/{fixed.per}"
        identity = (fixed.id, fixed.label)
        work.add(rules, Kind.FIXED, identity, span, quantity, (price, unit), key, share=share, post=fixed.post)


def over(work: Work, rules: Rules, per: Per, days: Fraction) -> tuple[tuple[Decimal, str], Share]:
    """How often an amount per day, month or cycle falls due in `days` of this cycle."""
    one = Decimal(1)
    if per == "day":
        if days.denominator == 1:
            return (Decimal(days.numerator), "days"), WHOLE
        return (one, "day"), part(days, Fraction(1))
    if per == "month":
        return (one, "month"), work.cycle.share(rules, days)
    return (one, "cycle"), WHOLE if days == work.cycle.days else part(days, work.cycle.days)
