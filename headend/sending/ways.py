"""Which way an order is done, and whether a meter of that kind can be ordered to do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from headend.collection.survey import MeterPath
from headend.safety.function import Function
from headend.safety.order import Order, Target
from headend.sending import acts, rotation, telling
from headend.sending.book import Keys
from headend.sending.ordinary import Ordinary
from headend.sending.rotation import Rotation
from headend.sending.telling import Timekeeper
from headend.sending.way import Way
from protocols.errors import ModelError, NotPermitted

_WHY_NOT: Final[Mapping[Function, Callable[[MeterPath, Order, Target], str]]] = MappingProxyType(
    dict.fromkeys(Function, acts.why_not)
    | {Function.CHANGE_PASSWORD: rotation.why_not, Function.SET_TIME: telling.why_not}
)


def ways(keys: Keys, clocks: Timekeeper | None) -> Mapping[Function, Way]:
    """Without `clocks` no meter is told the time: there is no other frame for it."""
    found: dict[Function, Way] = dict.fromkeys(Function, Ordinary(keys))
    found[Function.CHANGE_PASSWORD] = Rotation(keys)
    if clocks is not None:
        found[Function.SET_TIME] = clocks
    return found


def is_possible(meter: MeterPath, order: Order, target: Target) -> str:
    """Why a meter of this kind cannot be ordered to do that; empty where it can. Asked when an order is drawn up."""
    try:
        return _WHY_NOT[order.function](meter, order, target)
    except (NotPermitted, ModelError) as error:
        return str(error)
