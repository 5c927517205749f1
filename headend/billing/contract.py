"""What is agreed with a point's customer: dated contracts, before the first of them the registry's options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any

from analytics.billing.determinants import Capacity
from analytics.billing.errors import DeterminantFault
from headend.errors import UsageFault
from storage.cycle_reads import Agreed, BilledPoint


@dataclass(frozen=True, slots=True)
class Contract:
    """Of one cycle. `kw`: contract demand; `choice`: which basic charge was chosen."""

    capacity: tuple[Capacity, ...]
    kw: Decimal | None
    choice: str


def contract(point: BilledPoint, agreed: list[Agreed], start: datetime, end: datetime) -> Contract:
    """Of [start, end); `agreed` holds in it, in order of time.

    Raises `UsageFault` naming an option, `DeterminantFault` where what has to hold for a whole cycle changes within it.
    """
    terms = list(agreed)
    if not terms or terms[0].start > start:
        terms.insert(0, _of_options(point, start))
    if len({(each.contract_kw, each.basic_charge) for each in terms}) > 1:
        message = f"contract_kw or basic_charge changes within the cycle, at {terms[-1].start.isoformat()}"
        raise DeterminantFault(point.name, f"{message}: they hold for whole cycles")
    bounds = [max(each.start, start) for each in terms] + [end]
    capacity = [
        Capacity(each.capacity_kva, since, until)
        for each, (since, until) in zip(terms, pairwise(bounds), strict=True)
        if each.capacity_kva is not None
    ]
    return Contract(tuple(capacity), terms[0].contract_kw, terms[0].basic_charge)


def _of_options(point: BilledPoint, start: datetime) -> Agreed:
    options: Mapping[str, Any] = point.options
    if not options:
        return Agreed(point.id, start, None, None, "")

    def number(key: str) -> Decimal | None:
        if key not in options:
            return None
        try:
            value = Decimal(str(options[key]))
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite() or value <= 0:
            raise UsageFault(f"point {point.name}: option {key}: {options[key]!r}, expected a number above 0")
        return value

    return Agreed(point.id, start, number("capacity_kva"), number("contract_kw"), str(options.get("basic_charge", "")))
