"""两部制, the basic charge: by transformer capacity (kVA) or by the highest demand (kW)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

from analytics.billing.bill import Share
from analytics.billing.charges.energy import climb
from analytics.billing.charges.fixed import over
from analytics.billing.demand import left_out, when
from analytics.billing.determinants import utc
from analytics.billing.exact import EXACT, plain
from analytics.billing.stretches import Stretch
from analytics.billing.tariff.document import Basic, Kind
from analytics.billing.tariff.rules import Rules
from analytics.billing.work import Work


def charge_basic(work: Work, rules: Rules, stretches: Sequence[Stretch]) -> None:
    """Lines of one version. Raises `RatingFault` where capacity, demand, contract or choice is not known."""
    choices = [basic.choice for basic in rules.version.basic if basic.choice]
    if choices and work.context.choice not in choices:
        told = work.context.choice or "nothing"
        message = f"{told!r} is chosen, expected one of {', '.join(dict.fromkeys(choices))}"
        raise work.fault(rules.key("basic", rest=".choice"), message)
    for number, basic in enumerate(rules.version.basic):
        held = [s for s in stretches if not basic.seasons or s.season in basic.seasons]
        if basic.choice not in ("", work.context.choice) or not held:
            continue
        if basic.by == "capacity":
            _by_capacity(work, rules, number, held)
        else:
            _by_demand(work, rules, number, basic, held)


def _by_capacity(work: Work, rules: Rules, number: int, stretches: Sequence[Stretch]) -> None:
    key = rules.key("basic", number)
    pieces: dict[Decimal, tuple[Fraction, date, date]] = {}
    for stretch in stretches:
        covered = Fraction(0)
        for capacity in work.given.capacity:
            start, end = max(utc(capacity.start), stretch.start), min(utc(capacity.end), stretch.end)
            if start >= end:
                continue
            first, last = start.astimezone(work.tariff.zone).date(), end.astimezone(work.tariff.zone).date()
            days = stretch.days if (start, end) == (stretch.start, stretch.end) else Fraction((last - first).days)
            covered += days
            before, since, until = pieces.get(capacity.kva, (Fraction(0), first, last))
            pieces[capacity.kva] = (before + days, min(since, first), max(until, last, stretch.since))
        if covered != stretch.days:
            raise work.fault(key, f"the capacity is known on {covered} of {stretch.days} days from {stretch.since}")
    for kva, (days, since, until) in pieces.items():
        _add(work, rules, number, (kva, "kVA"), _share(work, rules, number, days), (since, until))


def _by_demand(work: Work, rules: Rules, number: int, basic: Basic, stretches: Sequence[Stretch]) -> None:
    key = rules.key("basic", number)
    measured = work.given.demand.get(basic.band)
    if measured is None:
        outside = work.given.demand_outside
        why = "" if outside is None else f": {left_out(outside, work.tariff.zone)}"
        raise work.fault(key, f"the highest demand of {basic.band} is not known{why}")
    billed, notes = measured.kw, []
    if basic.rule:
        contract = work.given.contract_kw
        if not contract:
            raise work.fault(f"{key}.rule", "the contract demand is not known")
        ratio = EXACT.divide(measured.kw, contract)
        which = next(n for n, piece in enumerate(basic.rule) if piece.upto is None or ratio <= piece.upto)
        piece = basic.rule[which]
        billed = EXACT.multiply(piece.actual, measured.kw) + EXACT.multiply(piece.contract, contract)
        notes.append(
            f"rule[{which}]: {plain(piece.actual)} x {plain(measured.kw)} kW measured + "
            f"{plain(piece.contract)} x {plain(contract)} kW contract = {plain(billed)} kW"
        )
    if basic.at_least_of_capacity:
        if not work.given.capacity:
            raise work.fault(f"{key}.at_least_of_capacity", "the capacity is not known")
        least = EXACT.multiply(basic.at_least_of_capacity, max(capacity.kva for capacity in work.given.capacity))
        if least > billed:
            notes.append(f"at least {plain(least)} kW, {plain(basic.at_least_of_capacity)} of the capacity")
            billed = least
    if measured.time is not None:
        notes.append(when(measured, work.tariff.zone))
    days = sum((stretch.days for stretch in stretches), Fraction(0))
    span = (stretches[0].since, stretches[-1].until)
    _add(work, rules, number, (billed, "kW"), _share(work, rules, number, days), span, notes)


def _share(work: Work, rules: Rules, number: int, days: Fraction) -> Share:
    return over(work, rules, rules.version.basic[number].per, days)[1]


def _add(
    work: Work,
    rules: Rules,
    number: int,
    quantity: tuple[Decimal, str],
    share: Share,
    span: tuple[date, date],
    notes: Sequence[str] = (),
) -> None:
    basic, key = rules.version.basic[number], rules.key("basic", number, ".price")
    unit = f"{work.tariff.currency}/{quantity[1]}"
    if isinstance(basic.price, Decimal):
        identity = (basic.id, basic.label)
        work.add(rules, Kind.BASIC, identity, span, quantity, (basic.price, unit), key, share=share, notes=notes)
        return
    for step, amount in climb(work, basic.price, Decimal(0), quantity[0], None, key):
        identity, price = (basic.id, f"{basic.label}, step {step + 1}"), (basic.price[step].price, unit)
        where = f"{key}[{step}]"
        work.add(rules, Kind.BASIC, identity, span, (amount, quantity[1]), price, where, share=share, notes=notes)
