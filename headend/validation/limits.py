"""What a point's connection can carry."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from protocols.model import Quantity
from storage.circumstances import Point
from storage.topology_entries import Phase


def limit_kw(point: Point, voltage: int) -> Decimal | None:
    """The stated capacity, else what the rated current gives at `voltage` a phase; None: neither is known.

    Where the phases are not known it is three of them: no value is called too high that may be right.
    """
    if point.capacity_kw is not None:
        return point.capacity_kw
    if point.rated_current_a is None:
        return None
    phases = 1 if point.phase not in (None, Phase.THREE) else 3
    return point.rated_current_a * voltage * phases / 1000


def limit_steps(kw: Decimal, quantity: Quantity, step_s: int) -> int:
    """The most in one interval, in steps of the quantity; of reactive energy as much as of active."""
    return int((kw * step_s / 3600 / quantity.step).to_integral_value(ROUND_CEILING))
