"""A load limit: the power above which a meter opens its own relay, as an order states it."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

from headend.safety.function import Function
from headend.safety.order import Order
from protocols.errors import NotPermitted

LIMITS: Final = frozenset({Function.LIMIT_LOAD, Function.RAISE_LIMIT})


def limit_kw(order: Order) -> Decimal:
    """Parameter `kw`, beside which only `operator` may stand. Raises `NotPermitted` for what is no limit: nothing is
    none, since meters do not agree on whether it means that all is cut or that nothing is."""
    given = dict(order.parameters)
    given.pop("operator", None)
    try:
        kw = Decimal(given.pop("kw", ""))
    except InvalidOperation:
        raise NotPermitted(f"{order.function} wants a limit: kw, a decimal number") from None
    if given or not kw.is_finite() or kw <= 0:
        raise NotPermitted(f"{order.function} is told by a limit above 0 kW and nothing else")
    return kw
