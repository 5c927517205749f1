"""A rating while it is made: what it is given, and the lines so far."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from analytics.billing.bill import WHOLE, Carried, Line, Post, Share
from analytics.billing.context import Context
from analytics.billing.determinants import Determinants
from analytics.billing.errors import RatingFault
from analytics.billing.exact import EXACT
from analytics.billing.stretches import Cycle, Stretch, midnight
from analytics.billing.tariff.document import Accumulates, Kind
from analytics.billing.tariff.rules import Rules
from analytics.billing.tariff.tariff import Tariff


@dataclass(slots=True)
class Work:
    given: Determinants
    tariff: Tariff
    context: Context
    cycle: Cycle
    lines: list[Line] = field(default_factory=list)
    carried: dict[str, Carried] = field(default_factory=dict)
    credits: dict[str, Decimal] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def fault(self, key: str, message: str) -> RatingFault:
        return RatingFault(self.given.point, key, message)

    def add(
        self,
        rules: Rules,
        kind: Kind,
        identity: tuple[str, str],
        span: tuple[date, date],
        quantity: tuple[Decimal, str],
        price: tuple[Decimal, str],
        rule: str,
        *,
        share: Share = WHOLE,
        exact: Decimal | None = None,
        post: Post = "bill",
        notes: Sequence[str] = (),
    ) -> None:
        """A line of `identity` (id, label); its amount is quantity x price x share, or `exact` where that is given."""
        if exact is None:
            exact = EXACT.multiply(quantity[0], price[0])
            if share is not WHOLE and not share.is_whole:
                exact = EXACT.divide(EXACT.multiply(EXACT.multiply(exact, Decimal(share.months)), share.days), share.of)
        self.lines.append(
            Line(
                id=identity[0], kind=kind, label=identity[1], start=span[0], end=span[1], quantity=quantity[0],
                unit=quantity[1], price=price[0], price_unit=price[1], exact=exact, amount=rules.line(exact), rule=rule,
                rounding=rules.line, share=share, post=post, notes=tuple(notes),
            )
        )  # fmt: skip

    def sum_of(self, kinds: Iterable[Kind], since: int) -> Decimal:
        """Of the bill's lines of those kinds from line number `since` on."""
        wanted = frozenset(kinds)
        return sum(
            (line.amount for line in self.lines[since:] if line.kind in wanted and line.post == "bill"), Decimal(0)
        )

    def position(self, name: str, accumulates: Accumulates, day: date, key: str) -> Carried:
        """Where steps stand on `day`, when a stretch begins. Raises `RatingFault` where nobody knows."""
        if accumulates == "cycle":
            return Carried(day, Decimal(0))
        since = self.tariff.year_of(day) if accumulates == "year" else day.replace(day=1)
        known = self.carried.get(name) or self.context.carried.get(name)
        if known is not None and known.since == since:
            if known.until not in (None, day):
                message = (
                    f"{name!r} is carried as of {known.until}, the stretch begins {day}: a bill between is missing"
                )
                raise self.fault(key, message)
            return known
        if since == day:
            return Carried(since, Decimal(0))
        told = "nothing is carried" if known is None else f"what is carried counts from {known.since}"
        raise self.fault(key, f"steps count from {since}, the stretch begins {day}, and {told} for {name!r}")

    def carry(self, name: str, position: Carried, kwh: Decimal, stretch: Stretch) -> None:
        """Where the steps stand after a stretch."""
        is_midnight = midnight(stretch.until, self.tariff.zone) == stretch.end
        until = stretch.until if is_midnight else None
        self.carried[name] = Carried(position.since, position.kwh + kwh, until)
