"""Bills of a cycle held against those that are kept: new ones are kept, what changed is told or superseded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

import msgspec

from analytics.billing.determinants_file import content, registers
from analytics.billing.exact import plain
from headend.billing.cycles import span_of
from headend.billing.determinants import IMPORT
from headend.billing.difference import difference
from headend.billing.reckoning import NOTHING, Reckoned, Refused, Sources, Told, reckon
from headend.billing.tariffs import TariffFile
from storage.bills import Contents, Current, NewBill
from storage.cycle_reads import BilledPoint
from storage.errors import AlreadyThere, Rejected
from storage.validated import Freezing

_ROUNDS: Final = 3
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Order:
    """What is to become of the bills. `final`: keep them. `supersede`: why what changed gets a further version; empty:
    it is told and left."""

    cycle: date
    actor: str
    final: bool
    supersede: str = ""
    told: Told = NOTHING


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one point. `state`: billed, unchanged, changed, superseded or refused; `reason` of the last.

    `total` and `currency` of the bill; `before`: the total of the kept version that it differs from.
    """

    point: str
    state: str
    reason: str = ""
    total: Decimal | None = None
    currency: str = ""
    version: int | None = None
    before: Decimal | None = None
    difference: dict[str, Any] | None = None
    estimated: bool = False


async def keep(sources: Sources, points: Sequence[BilledPoint], file: TariffFile, order: Order) -> list[Outcome]:
    """In the order of `points`; nothing is written where the order is not final.

    Somebody may keep the same bills, or validate anew what they stand on, meanwhile: they are reckoned again then.
    """
    for left in reversed(range(_ROUNDS)):
        kept = await sources.bills.current([point.id for point in points], order.cycle)
        made = await reckon(sources, points, file.tariff, order.cycle, order.told, kept)
        outcomes, new = await compare(sources, made, kept, file, order)
        if not order.final or not new:
            return outcomes
        try:
            await sources.bills.keep([bill for _, bill in new], file.kept, dict(_freezing(new, file)))
        except (AlreadyThere, Rejected):
            if not left:
                raise
        else:
            return outcomes
    raise AssertionError("unreachable")


async def compare(
    sources: Sources, made: Sequence[Reckoned | Refused], kept: Mapping[int, Current], file: TariffFile, order: Order
) -> tuple[list[Outcome], list[tuple[Reckoned, NewBill]]]:
    """What is to be told of each, and what is to be kept."""
    digests = {each.point.id: digest(each) for each in made if isinstance(each, Reckoned)}
    changed = [kept[point].id for point, own in digests.items() if point in kept and kept[point].digest != own]
    contents = await sources.bills.contents(changed) if changed else {}
    outcomes, new = [], []
    for each in made:
        if isinstance(each, Refused):
            outcomes.append(Outcome(each.point.name, "refused", each.reason))
            continue
        own, there = digests[each.point.id], kept.get(each.point.id)
        outcome = _outcome(each, there, own, contents, order)
        outcomes.append(outcome)
        if outcome.state in ("billed", "superseded"):
            new.append((each, _new(each, file, order, own, outcome)))
    return outcomes, new


def _outcome(each: Reckoned, there: Current | None, own: bytes, contents: dict[int, Contents], order: Order) -> Outcome:
    bill = each.bill
    estimated = any(part.estimated for part in each.given.parts)
    if there is None:
        return Outcome(bill.point, "billed", "", bill.total, bill.currency, 1, estimated=estimated)
    if there.digest == own:
        return Outcome(bill.point, "unchanged", "", bill.total, bill.currency, there.version, estimated=estimated)
    old = contents[there.id]
    told = dict(difference(old.lines, lines(each), (old.registers, registers(each.given))))
    state, version = ("superseded", there.version + 1) if order.supersede else ("changed", there.version)
    return Outcome(bill.point, state, order.supersede, bill.total, bill.currency, version, there.total, told, estimated)


def lines(each: Reckoned) -> list[dict[str, Any]]:
    return [line.content() for line in each.bill.lines]


def digest(each: Reckoned) -> bytes:
    """Of what makes two bills the same: reads, quantities, amounts and what is carried on; not how a read is known."""
    bill = each.bill
    told = [
        [bill.tariff, bill.currency, bill.start, bill.end, plain(bill.total), plain(bill.arrears)],
        [
            [own.id, own.start, own.end, own.post, *map(plain, (own.quantity, own.price, own.amount))]
            for own in bill.lines
        ],
        [[name, own.since, plain(own.kwh)] for name, own in sorted(bill.carried.items())],
        [[band, plain(kwh)] for band, kwh in sorted(bill.credits.items())],
        [
            [use.meter, use.register, plain(use.multiplier), plain(use.start.value), plain(use.stop.value)]
            for use in each.given.registers
        ],
    ]
    return sha256(_encode(told)).digest()


def _new(each: Reckoned, file: TariffFile, order: Order, own: bytes, outcome: Outcome) -> NewBill:
    bill, given, context = each.bill, each.given, each.context
    rested = {
        "carried": {name: position.content() for name, position in context.carried.items()},
        "credits": _plain(context.credits), "choice": context.choice, "amounts": _plain(context.amounts),
        "before": None if each.before is None else {"id": each.before.id, "version": each.before.version},
        "told": {"carried": _plain(each.told.carried), "amounts": _plain(each.told.amounts)},
        "validated_run": each.as_of,
    }  # fmt: skip
    onward = {
        "carried": {name: position.content() for name, position in bill.carried.items()},
        "credits": _plain(bill.credits), "notes": bill.notes,
    }  # fmt: skip
    return NewBill(
        point_id=each.point.id, cycle=order.cycle, version=outcome.version or 1, start=bill.start, end=bill.end,
        tariff=file.kept.digest, currency=bill.currency, total=bill.total, exact=bill.exact, arrears=bill.arrears,
        energy=given.energy, estimated=sum((part.estimated for part in given.parts), Decimal(0)),
        completeness=given.completeness, digest=own, determinants=_text(_unnamed(content(given))),
        registers=_text(registers(given)), lines=_text(lines(each)), context=_text(rested), carried=_text(onward),
        actor=order.actor, reason=order.supersede if outcome.before is not None else "",
        difference=None if outcome.difference is None else _text(outcome.difference),
    )  # fmt: skip


def _freezing(new: Sequence[tuple[Reckoned, NewBill]], file: TariffFile) -> Iterator[tuple[int, Freezing]]:
    """Of the bills that stand on validated days."""
    zone = file.tariff.zone
    for each, bill in new:
        if each.as_of is not None:
            first, last = (moment.astimezone(zone).date() for moment in span_of(bill.cycle, zone))
            yield (
                bill.point_id,
                Freezing(point=bill.point_id, quantity=IMPORT, since=first, until=last, bill=0, as_of=each.as_of),
            )


def _unnamed(determinants: dict[str, Any]) -> dict[str, Any]:
    """A point's name may tell a person: a kept bill names it by its number alone."""
    return {key: value for key, value in determinants.items() if key != "point"}


def _plain(numbers: Any) -> dict[str, str]:
    return {name: plain(number) for name, number in numbers.items()}


def _text(content: Any) -> str:
    return _encode(content).decode()
