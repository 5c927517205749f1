"""What a call delivered and what is owed for it: baseline less what was used, exact, told line by line."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, TextIO

from analytics.load_control.programme import Programme, ProgrammeFault

_CENT: Final = Decimal("0.01")
HEADING: Final = (
    "event", "programme", "point", "meter", "start", "end", "baseline_kwh", "used_kwh", "delivered_kwh",
    "delivered_kw", "price", "amount", "currency", "state", "reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Delivery:
    """A member's part in one call. kWh; `delivered_kw` is the mean over the call. `reason`: why it is not settled."""

    event: str
    point: str
    meter: str
    start: datetime
    end: datetime
    baseline: Decimal | None
    used: Decimal | None
    price: Decimal
    currency: str
    programme: str
    reason: str = ""

    @property
    def is_settled(self) -> bool:
        return not self.reason

    @property
    def delivered(self) -> Decimal | None:
        """Below 0 where more was used than would have been."""
        return None if self.baseline is None or self.used is None else self.baseline - self.used

    @property
    def delivered_kw(self) -> Decimal | None:
        """Half up to the watt."""
        if self.delivered is None:
            return None
        hours = Decimal((self.end - self.start) // timedelta(seconds=1)) / 3600
        return (self.delivered / hours).quantize(Decimal("0.001"), ROUND_HALF_UP)

    @property
    def amount(self) -> Decimal:
        """Half up to the cent; nothing is owed for having used more."""
        if not self.is_settled or self.delivered is None:
            return Decimal("0.00")
        return (max(self.delivered, Decimal(0)) * self.price).quantize(_CENT, ROUND_HALF_UP)


def delivery(
    event: str,
    programme: Programme,
    member: tuple[str, str],
    span: tuple[datetime, datetime],
    baseline_steps: Sequence[int] | ProgrammeFault,
    used_steps: Sequence[int | None],
) -> Delivery:
    """Of one (point, meter), in steps of 0.0001 kWh by interval. A baseline that could not be made, or a gap in the
    call, is told and not settled."""
    given = (event, *member, *span)
    if isinstance(baseline_steps, ProgrammeFault):
        return Delivery(*given, None, None, programme.price, programme.currency, programme.name, str(baseline_steps))
    base = _kwh(sum(baseline_steps))
    missing = sum(cell is None for cell in used_steps)
    if missing or len(used_steps) != len(baseline_steps):
        why = f"{missing} of {len(baseline_steps)} intervals were not read"
        return Delivery(*given, base, None, programme.price, programme.currency, programme.name, why)
    used = _kwh(sum(cell for cell in used_steps if cell is not None))
    return Delivery(*given, base, used, programme.price, programme.currency, programme.name)


def write(deliveries: Iterable[Delivery], file: TextIO) -> None:
    """The settlement file: CSV, one row a member and call, sorted."""
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(HEADING)
    for one in sorted(deliveries, key=lambda d: (d.event, d.start, d.point)):
        rows.writerow(
            (
                one.event, one.programme, one.point, one.meter, one.start.isoformat(), one.end.isoformat(),
                _text(one.baseline), _text(one.used), _text(one.delivered), _text(one.delivered_kw),
                str(one.price), str(one.amount), one.currency, "settled" if one.is_settled else "open", one.reason,
            )
        )  # fmt: skip


def _kwh(steps: int) -> Decimal:
    return Decimal(steps).scaleb(-4)


def _text(value: Decimal | None) -> str:
    return "" if value is None else str(value)
