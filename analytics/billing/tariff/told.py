"""What a tariff was understood as, for people who check a file."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from analytics.billing.exact import plain
from analytics.billing.tariff.clock import MINUTES
from analytics.billing.tariff.document import Price, Step
from analytics.billing.tariff.rules import Rules
from analytics.billing.tariff.tariff import Tariff


def content(tariff: Tariff) -> dict[str, Any]:
    """As JSON holds it."""
    document = tariff.document
    return {
        "name": document.name,
        "title": document.title,
        "currency": document.currency,
        "zone": document.zone,
        "source": document.source,
        "versions": [_version(tariff, rules) for rules in tariff.rules],
    }


def _version(tariff: Tariff, rules: Rules) -> dict[str, Any]:
    version = rules.version
    unit = tariff.price_unit
    return {
        "valid_from": version.valid_from.isoformat(),
        "valid_to": None if version.valid_to is None else version.valid_to.isoformat(),
        "seasons": {season.name: season.dates for season in version.season},
        "bands": [
            {"season": season, "day": str(day), "hours": " ".join(f"{band} {hours}" for hours, band in _hours(table))}
            for (season, day), table in rules.tables.items()
        ],
        "rates": version.rates,
        "charges": [
            {"rule": rule, "id": name, "says": says} for rule, name, says in _charges(rules, unit, tariff.currency)
        ],
        "rounding": {key: getattr(version.rounding, key) for key in ("quantity", "line", "total")},
        "needs": needs(rules),
    }


def needs(rules: Rules) -> list[str]:
    """What a bill by this version asks of determinants and context."""
    version = rules.version
    found = ["energy by band" if any("total" not in e.prices for e in version.energy) else "energy"]
    if any(b.by == "capacity" or b.at_least_of_capacity for b in version.basic):
        found.append("capacity (kVA)")
    if any(b.by == "demand" for b in version.basic) or _is_by_hours(rules):
        found.append("highest demand (kW)")
    if any(b.rule for b in version.basic):
        found.append("contract demand (kW)")
    if version.power_factor is not None:
        found.append("reactive energy or power factor")
    if version.feed_in or version.netting is not None:
        found.append("exported energy")
    counted = {e.accumulates for e in version.energy} | {t.accumulates for t in version.tiers}
    found += [f"the position in the {period}'s steps" for period in ("year", "month") if period in counted]
    choices = dict.fromkeys(b.choice for b in version.basic if b.choice)
    if choices:
        found.append(f"a choice of {', '.join(choices)}")
    found += [f"the account's {fixed.amount_of}" for fixed in version.fixed if fixed.amount_of]
    return found


def _is_by_hours(rules: Rules) -> bool:
    return any(step.upto_hours is not None for ladder in rules.ladders.values() for step in ladder.steps)


def _charges(rules: Rules, unit: str, currency: str) -> Iterator[tuple[str, str, str]]:
    version = rules.version
    for number, energy in enumerate(version.energy):
        where = f" in {', '.join(energy.seasons)}" if energy.seasons else ""
        counted = "" if energy.accumulates == "cycle" else f", counted over the {energy.accumulates}"
        for band in energy.prices:
            ladder = rules.ladders[number, band]
            formula = ladder.formula
            says = (
                _steps(ladder.steps, "kWh")
                if formula is None
                else f"{plain(formula.base)} + {plain(formula.factor)} x {formula.index}"
            )
            yield rules.key("energy", number, f".prices.{band}"), energy.id, f"{says} {unit}{where}{counted}"
    for number, tiers in enumerate(version.tiers):
        says = f"{_steps(tiers.steps, 'kWh')} {unit} more, counted over the {tiers.accumulates}"
        yield rules.key("tiers", number), tiers.id, says
    for number, surcharge in enumerate(version.surcharge):
        yield rules.key("surcharge", number), surcharge.id, f"{plain(surcharge.price)} {unit} of {surcharge.band}"
    for number, feed_in in enumerate(version.feed_in):
        yield rules.key("feed_in", number), feed_in.id, f"{plain(feed_in.price)} {unit} of exports paid"
    if version.netting is not None:
        yield (
            rules.key("netting"),
            "netting",
            f"exports off imports of the same band; surplus: {version.netting.surplus}",
        )
    for number, basic in enumerate(version.basic):
        of = "kVA" if basic.by == "capacity" else f"kW of {basic.band}"
        chosen = f", if {basic.choice} is chosen" if basic.choice else ""
        yield rules.key("basic", number), basic.id, f"{_price(basic.price)} {currency}/{of} per {basic.per}{chosen}"
    for number, fixed in enumerate(version.fixed):
        of = f" x {fixed.amount_of}" if fixed.amount_of else ""
        yield rules.key("fixed", number), fixed.id, f"{plain(fixed.amount)}{of} {currency} per {fixed.per}"
    if version.power_factor is not None:
        table = version.power_factor
        yield rules.key("power_factor"), "power_factor", f"standard {table.standard} upon {', '.join(table.on)}"
    for number, minimum in enumerate(version.minimum):
        yield rules.key("minimum", number), minimum.id, f"{plain(minimum.amount)} {currency} per {minimum.per} at least"
    for number, tax in enumerate(version.tax):
        yield rules.key("tax", number), tax.id, f"{plain(tax.rate * 100)} % {tax.mode} upon {', '.join(tax.on)}"


def _price(price: Price) -> str:
    if isinstance(price, Decimal):
        return plain(price)
    assert isinstance(price, list)
    return _steps(price, "kW")


def _steps(steps: tuple[Step, ...] | list[Step], unit: str) -> str:
    if len(steps) == 1:
        return plain(steps[0].price)
    found = []
    for step in steps:
        bounds = [] if step.upto is None else [f"{plain(step.upto)} {unit}"]
        bounds += [] if step.upto_hours is None else [f"{plain(step.upto_hours)} h x kW"]
        found.append(f"{plain(step.price)}{' up to ' + ' or '.join(bounds) if bounds else ' above'}")
    return ", ".join(found)


def _hours(table: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    first = 0
    for minute in range(1, MINUTES + 1):
        if minute == MINUTES or table[minute] != table[first]:
            yield f"{first // 60:02}:{first % 60:02}-{minute // 60:02}:{minute % 60:02}", table[first]
            first = minute
