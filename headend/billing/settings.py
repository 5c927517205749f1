"""The configuration's table `[billing]`."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal, InvalidOperation

import msgspec

from headend.duration import seconds


class BillingTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`tariffs`: the folder of tariff files, relative to the configuration."""

    tariffs: str = "tariffs"
    boundary_tolerance: str = "12h"
    """How far from a cycle's bound a person may have read the register that stands for it."""
    highest_kw: str = "100"
    """What a meter can show at most, before its multiplier, where the point's `capacity_kw` is not known."""

    @property
    def tolerance(self) -> timedelta:
        return timedelta(seconds=seconds(self.boundary_tolerance))

    @property
    def kw(self) -> Decimal:
        return Decimal(self.highest_kw)


def problems(table: BillingTable) -> list[tuple[str, str]]:
    """Keys of the table and what is wrong with them."""
    found = []
    try:
        seconds(table.boundary_tolerance)
    except ValueError as error:
        found.append(("boundary_tolerance", str(error)))
    try:
        kw = Decimal(table.highest_kw)
    except InvalidOperation:
        kw = Decimal("NaN")
    if not kw.is_finite() or kw <= 0:
        found.append(("highest_kw", f"{table.highest_kw!r}, expected a number above 0"))
    return found
