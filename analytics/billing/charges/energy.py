"""Energy by band and step, step increments, surcharges per kWh, netting and feed-in: all that is told in kWh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from analytics.billing.bill import Share
from analytics.billing.determinants import Part
from analytics.billing.exact import EXACT, KWH
from analytics.billing.stretches import Stretch
from analytics.billing.tariff.document import Kind, Step
from analytics.billing.tariff.rules import TOTAL, Ladder, Rules
from analytics.billing.work import Work

ZERO = Decimal(0)


def charge_energy(work: Work, stretch: Stretch, parts: Sequence[Part]) -> None:
    """Lines of one stretch from the parts that lie in it."""
    rules = stretch.rules
    used = _added([part.energy for part in parts])
    exported = _added([part.export for part in parts])
    if rules.version.netting is not None:
        used = _net(work, stretch, used, exported)
    if rules.quantity.step is not None:
        used = {band: rules.quantity(kwh) for band, kwh in used.items() if band != TOTAL} | {
            TOTAL: rules.quantity(used[TOTAL])
        }
    share = work.cycle.share(rules, stretch.days)
    span = (stretch.since, stretch.until)
    for number, energy in rules.energies(stretch.season):
        for band, kwh in _priced_bands(work, rules, number, used):
            key = rules.key("energy", number, f".prices.{band}")
            label = energy.label if band == TOTAL else f"{energy.label}, {band}"
            ladder = _indexed(work, rules.ladders[number, band], key)
            name = f"{energy.id}.{band}"
            if len(ladder.steps) == 1 and energy.accumulates == "cycle":
                price = ladder.steps[0].price
                work.add(rules, Kind.ENERGY, (name, label), span, (kwh, "kWh"), (price, work.tariff.price_unit), key)
                continue
            position = work.position(name, energy.accumulates, stretch.since, key)
            scale = share if energy.accumulates == "cycle" else None
            for step, quantity in climb(work, ladder.steps, position.kwh, kwh, scale, key):
                price = ladder.steps[step].price
                work.add(
                    rules, Kind.ENERGY, (name, f"{label}, step {step + 1}"), span, (quantity, "kWh"),
                    (price, work.tariff.price_unit), f"{key}[{step}]",
                )  # fmt: skip
            if energy.accumulates != "cycle":
                work.carry(name, position, kwh, stretch)
    _tiers(work, stretch, used[TOTAL], share)
    for number, surcharge in enumerate(rules.version.surcharge):
        key = rules.key("surcharge", number)
        levied = (_of_band(work, used, surcharge.band, key), "kWh")
        levy = (surcharge.price, work.tariff.price_unit)
        work.add(rules, Kind.SURCHARGE, (surcharge.id, surcharge.label), span, levied, levy, key)
    for number, feed_in in enumerate(rules.version.feed_in):
        key = rules.key("feed_in", number)
        fed_in = (_of_band(work, exported, feed_in.band, key) if exported else ZERO, "kWh")
        paid = (-feed_in.price, work.tariff.price_unit)
        work.add(rules, Kind.FEED_IN, (feed_in.id, feed_in.label), span, fed_in, paid, key)


def climb(
    work: Work, steps: Sequence[Step], position: Decimal, kwh: Decimal, share: Share | None, key: str
) -> list[tuple[int, Decimal]]:
    """How much of `kwh` falls into which step when `position` has been used before; at least one entry.

    `share`: what part of the step limits holds.
    """
    found = []
    below, left, at = ZERO, kwh, position
    for number, step in enumerate(steps):
        bound = _bound(work, step, share, key)
        if bound is None:
            found.append((number, left))
            left = ZERO
            break
        bound = max(bound, below)
        taken = min(left, max(bound - at, ZERO))
        if taken:
            found.append((number, taken))
            left -= taken
            at += taken
        if not left:
            break
        below = bound
    return [(number, taken) for number, taken in found if taken] or [(found[0][0] if found else 0, ZERO)]


def _bound(work: Work, step: Step, share: Share | None, key: str) -> Decimal | None:
    bounds = [] if step.upto is None else [step.upto]
    if step.upto_hours is not None:
        if TOTAL not in work.given.demand:
            raise work.fault(key, "steps by hours of use need the cycle's highest demand")
        bounds.append(EXACT.multiply(step.upto_hours, work.given.demand[TOTAL].kw))
    if not bounds:
        return None
    bound = min(bounds)
    if share is None or share.is_whole:
        return bound
    return KWH(EXACT.divide(EXACT.multiply(bound * share.months, share.days), share.of))


def _tiers(work: Work, stretch: Stretch, kwh: Decimal, share: Share) -> None:
    rules = stretch.rules
    for number, tiers in enumerate(rules.version.tiers):
        if tiers.seasons and stretch.season not in tiers.seasons:
            continue
        key = rules.key("tiers", number, ".steps")
        position = work.position(tiers.id, tiers.accumulates, stretch.since, key)
        scale = share if tiers.accumulates == "cycle" else None
        for step, quantity in climb(work, tiers.steps, position.kwh, kwh, scale, key):
            work.add(
                rules, Kind.TIER, (tiers.id, f"{tiers.label} {step + 1}"), (stretch.since, stretch.until),
                (quantity, "kWh"), (tiers.steps[step].price, work.tariff.price_unit), f"{key}[{step}]",
            )  # fmt: skip
        if tiers.accumulates != "cycle":
            work.carry(tiers.id, position, kwh, stretch)


def _priced_bands(work: Work, rules: Rules, number: int, used: Mapping[str, Decimal]) -> list[tuple[str, Decimal]]:
    """The bands that an energy table prices, with their energy. Raises `RatingFault`."""
    prices = rules.version.energy[number].prices
    if TOTAL in prices:
        return [(TOTAL, used[TOTAL])]
    if len(used) > 1:
        for band, kwh in used.items():
            if band not in prices and band != TOTAL and kwh:
                raise work.fault(rules.key("energy", number, ".prices"), f"no price for the {kwh} kWh of band {band!r}")
        return [(band, used.get(band, ZERO)) for band in prices]
    ladders = {rules.ladders[number, band] for band in prices}
    first = next(iter(prices))
    if len(ladders) == 1 and len(rules.ladders[number, first].steps) == 1:
        work.notes.append(f"no energy by band, and {', '.join(prices)} cost the same: the total is priced as {first}")
        return [(first, used[TOTAL])]
    if not used[TOTAL]:
        return [(band, ZERO) for band in prices]
    raise work.fault(
        rules.key("energy", number, ".prices"), f"energy is known in total only, not of {', '.join(prices)}"
    )


def _indexed(work: Work, ladder: Ladder, key: str) -> Ladder:
    formula = ladder.formula
    if formula is None:
        return ladder
    if formula.index not in work.context.indices:
        raise work.fault(key, f"the index {formula.index!r} is not given")
    price = EXACT.add(formula.base, EXACT.multiply(formula.factor, work.context.indices[formula.index]))
    return Ladder((Step(price=price),))


def _net(
    work: Work, stretch: Stretch, used: Mapping[str, Decimal], exported: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    rules, netting = stretch.rules, stretch.rules.version.netting
    assert netting is not None
    key = rules.key("netting")
    bands = [band for band in used if band != TOTAL] or [TOTAL]
    if exported and set(exported) != set(used):
        raise work.fault(key, f"exports are known by {', '.join(exported)}, imports by {', '.join(used)}")
    net = {}
    for band in bands:
        credit = work.credits.pop(band, ZERO)
        left = used[band] - exported.get(band, ZERO) - credit
        net[band] = max(left, ZERO)
        surplus = max(-left, ZERO)
        if netting.surplus == "carry":
            work.credits[band] = surplus
        elif surplus and netting.surplus == "lose":
            work.notes.append(f"{surplus} kWh of exports in band {band} are left over and lost")
        elif surplus:
            work.add(
                rules, Kind.FEED_IN, ("netting", f"surplus, {band}"), (stretch.since, stretch.until), (surplus, "kWh"),
                (-netting.price, work.tariff.price_unit), key,
            )  # fmt: skip
    return net | {TOTAL: sum(net.values(), ZERO)}


def _of_band(work: Work, energies: Mapping[str, Decimal], band: str, key: str) -> Decimal:
    if band in energies:
        return energies[band]
    if len(energies) > 1 or not energies.get(TOTAL):
        return ZERO
    raise work.fault(key, f"energy is known in total only, not of {band}")


def _added(energies: Sequence[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    """Bands summed up over parts; one that knows the total only leaves no bands."""
    if len(energies) == 1:
        return dict(energies[0])
    known = [each for each in energies if each]
    if any(set(each) == {TOTAL} and each[TOTAL] for each in known):
        return {TOTAL: sum((each[TOTAL] for each in known), ZERO)}
    found: dict[str, Decimal] = {}
    for each in known:
        for band, kwh in each.items():
            found[band] = found.get(band, ZERO) + kwh
    return found
