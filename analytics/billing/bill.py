"""What rating gives: lines that explain themselves, and their total."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from analytics.billing.exact import Rounding, plain
from analytics.billing.tariff.document import Kind

Post = Literal["bill", "arrears", "told"]
"""Where an amount goes: into the bill, onto what is owed already, or nowhere since other lines hold it."""


@dataclass(frozen=True, slots=True)
class Share:
    """What part of a month's charge a line is: `months` x `days` / `of`. Both may count parts of a day."""

    months: int = 1
    days: Decimal = Decimal(1)
    of: Decimal = Decimal(1)

    @property
    def is_whole(self) -> bool:
        return self.months == 1 and self.days == self.of

    def __str__(self) -> str:
        times = "" if self.months == 1 else f" x {self.months} months"
        part = "" if self.days == self.of else f" x {plain(self.days)}/{plain(self.of)}"
        return times + part


WHOLE = Share()


@dataclass(frozen=True, slots=True)
class Line:
    """`exact` = quantity x price x share, `amount` is that after `rounding`. [start, end) are local days."""

    id: str
    kind: Kind
    label: str
    start: date
    end: date
    quantity: Decimal
    unit: str
    price: Decimal
    price_unit: str
    exact: Decimal
    amount: Decimal
    rule: str
    """The key in the tariff's file."""
    rounding: Rounding
    share: Share = WHOLE
    post: Post = "bill"
    notes: tuple[str, ...] = ()

    @property
    def formula(self) -> str:
        """How the amount came about, for people."""
        left = f"{plain(self.quantity)} {self.unit} x {plain(self.price)} {self.price_unit}{self.share}"
        if self.exact == self.amount:
            return f"{left} = {plain(self.amount)}"
        return f"{left} = {_short(self.exact)}, {self.rounding.text}: {self.amount:f}"

    def content(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "id": self.id, "kind": str(self.kind), "label": self.label, "from": self.start.isoformat(),
            "to": self.end.isoformat(), "quantity": plain(self.quantity), "unit": self.unit, "price": plain(self.price),
            "price_unit": self.price_unit, "exact": _short(self.exact), "amount": format(self.amount, "f"),
            "rule": self.rule, "rounding": self.rounding.text, "formula": self.formula, "post": self.post,
            "notes": list(self.notes),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Carried:
    """kWh counted towards steps from the local day `since` to `until`; None: to where the next cycle begins."""

    since: date
    kwh: Decimal
    until: date | None = None

    def content(self) -> dict[str, Any]:
        """As JSON holds it."""
        until = None if self.until is None else self.until.isoformat()
        return {"since": self.since.isoformat(), "kwh": plain(self.kwh), "until": until}


@dataclass(frozen=True, slots=True)
class Bill:
    """`total` is the sum of the lines posted to the bill, rounded by `rounding`."""

    point: str
    tariff: str
    currency: str
    start: datetime
    end: datetime
    lines: tuple[Line, ...]
    exact: Decimal
    """The sum of the lines' amounts."""
    total: Decimal
    rounding: Rounding
    arrears: Decimal
    """What is added to what is owed, beside the bill."""
    carried: Mapping[str, Carried]
    """Positions in steps after this cycle; the next rating's context."""
    credits: Mapping[str, Decimal]
    """Exported kWh by band that the next cycle takes off."""
    notes: tuple[str, ...]

    def amount(self, kind: Kind) -> Decimal:
        """The sum of the bill's lines of one kind."""
        return sum((line.amount for line in self.lines if line.kind is kind and line.post == "bill"), Decimal(0))

    def content(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "point": self.point, "tariff": self.tariff, "currency": self.currency, "from": self.start.isoformat(),
            "to": self.end.isoformat(), "lines": [line.content() for line in self.lines],
            "sum": format(self.exact, "f"), "total": format(self.total, "f"), "rounding": self.rounding.text,
            "arrears": format(self.arrears, "f"),
            "carried": {name: carried.content() for name, carried in self.carried.items()},
            "credits": {band: plain(kwh) for band, kwh in self.credits.items()}, "notes": list(self.notes),
        }  # fmt: skip


def _short(value: Decimal) -> str:
    """A quotient that does not end is shown with ten decimals and dots."""
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -20:
        return f"{value:.10f}..."
    return plain(value)
