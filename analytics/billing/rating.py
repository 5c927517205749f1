"""Determinants and a tariff to a bill.

The order, per version of the tariff that holds in the cycle: energy by band and step, step increments, surcharges per
kWh, feed-in (season by season); basic charges; fixed charges; power-factor adjustment; minimum charges; taxes. Each
line is rounded by its version's rule, then the lines are added, then the sum is rounded by the last version's rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext

from analytics.billing.bill import Bill
from analytics.billing.charges.basic import charge_basic
from analytics.billing.charges.energy import charge_energy
from analytics.billing.charges.fixed import charge_fixed
from analytics.billing.charges.upon import charge_minimum, charge_power_factor, charge_tax
from analytics.billing.context import NOTHING, Context
from analytics.billing.determinants import Determinants, Part, share_out, utc
from analytics.billing.exact import EXACT, plain
from analytics.billing.stretches import Stretch, cycle
from analytics.billing.tariff.tariff import Tariff
from analytics.billing.work import Work


def rate(given: Determinants, tariff: Tariff, context: Context = NOTHING) -> Bill:
    """Raises `RatingFault`, `TariffFault` where no version holds, `YearUnknown`."""
    with localcontext(EXACT):
        work = Work(given, tariff, context, cycle(tariff, utc(given.start), utc(given.end)))
        work.credits.update(context.credits)
        work.notes.extend(_how_known(given))
        parts = _shared_out(work, given.parts)
        for rules, stretches in work.cycle.spans():
            first = len(work.lines)
            for stretch in stretches:
                charge_energy(work, stretch, _within(parts, stretch))
            charge_basic(work, rules, stretches)
            charge_fixed(work, rules, stretches)
            charge_power_factor(work, rules, stretches, first)
            charge_minimum(work, rules, stretches, first)
            charge_tax(work, rules, stretches, first)
        exact = sum((line.amount for line in work.lines if line.post == "bill"), Decimal(0))
        arrears = sum((line.amount for line in work.lines if line.post == "arrears"), Decimal(0))
        rounding = work.cycle.stretches[-1].rules.total
        return Bill(
            point=given.point, tariff=tariff.name, currency=tariff.currency, start=given.start, end=given.end,
            lines=tuple(work.lines), exact=exact, total=rounding(exact), rounding=rounding, arrears=arrears,
            carried=work.carried, credits={band: kwh for band, kwh in work.credits.items() if kwh},
            notes=tuple(work.notes),
        )  # fmt: skip


def _shared_out(work: Work, parts: Sequence[Part]) -> list[Part]:
    """Parts cut where the tariff changes; by time, said in a note, where no register was read there."""
    found = list(parts)
    for stretch in work.cycle.stretches[1:]:
        for number, part in enumerate(found):
            if utc(part.start) < stretch.start < utc(part.end):
                found[number : number + 1] = share_out(part, stretch.start)
                work.notes.append(
                    f"the tariff changes on {stretch.since}, where no register was read: {plain(part.energy['total'])} "
                    "kWh are shared out by time, an estimate"
                )
    return found


def _within(parts: Sequence[Part], stretch: Stretch) -> Sequence[Part]:
    if len(parts) == 1:
        return parts
    return [part for part in parts if stretch.start <= utc(part.start) < stretch.end]


def _how_known(given: Determinants) -> list[str]:
    found = list(given.notes)
    estimated = sum((part.estimated for part in given.parts), Decimal(0))
    if estimated:
        found.append(f"{plain(estimated)} of {plain(given.energy)} kWh are estimated")
    if given.completeness != 1:
        found.append(f"measured on {plain(given.completeness * 100)} % of the cycle")
    return found
