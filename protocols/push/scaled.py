"""Numbers of JSON to steps of a quantity, exactly: integers and decimals, never a float."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from protocols.model import Kind, Quantity, Unit
from protocols.push.reasons import Reason
from protocols.push.stated import Unusable, stated_us

_US: Final = 10**6
_LIMIT: Final = 2**63 - 1
_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_ONE: Final = Decimal(1)
_NUMBER: Final = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?", re.ASCII)
_PREFIXES: Final = {"m": -3, "": 0, "k": 3, "M": 6}
_PREFIXED: Final = frozenset((Unit.KWH, Unit.KVARH, Unit.KVAH, Unit.KW, Unit.KVAR, Unit.KVA, Unit.VOLT, Unit.AMPERE))


def _spellings(unit: Unit) -> dict[str, int]:
    """How the unit is written with other prefixes, and the power of ten that brings a number into `unit`."""
    if unit not in _PREFIXED:
        return {unit.value: 0}
    base, own = (unit.value[1:], 3) if unit.value.startswith("k") else (unit.value, 0)
    return {prefix + base: power - own for prefix, power in _PREFIXES.items()}


_SPELLINGS: Final = {unit: _spellings(unit) for unit in Unit}


def power_of(unit: object, quantity: Quantity) -> int:
    """The power of ten from `unit` as it was written to the quantity's own. Raises `Unusable`."""
    found = _SPELLINGS[quantity.unit].get(unit) if isinstance(unit, str) else None
    if found is None:
        told = f"{unit[:20]!r}" if isinstance(unit, str) else "no text"
        raise Unusable(Reason.WRONG_UNIT, f"the unit of {quantity.name} is {told}, expected {quantity.unit.value}")
    return found


def steps(number: object, power: int, quantity: Quantity) -> int | None:
    """`number` times ten to `power`, rounded half-even; None where no bigint holds it. A moment may be ISO 8601 with
    an offset, too. Raises `Unusable`."""
    name = quantity.name
    if isinstance(number, str):
        if quantity.kind is Kind.TIME and not _NUMBER.fullmatch(number):
            return stated_us(number) // _US
        if not _NUMBER.fullmatch(number):
            raise Unusable(Reason.BAD_VALUE, f"{name}: {number[:40]!r} is no decimal number")
        number = Decimal(number)
    if isinstance(number, int) and not isinstance(number, bool):
        if power >= 0:
            scaled = number * 10**power
            return scaled if -_LIMIT <= scaled <= _LIMIT else None
        if abs(number) > _LIMIT * 10**-power * 2:
            return None
        number = Decimal(number)
    if not isinstance(number, Decimal):
        raise Unusable(Reason.BAD_VALUE, f"{name}: not a number")
    size = number.adjusted() + power
    if not number or size < -1:  # below half a step
        return 0
    if size > 19:
        return None
    told = int(_EXACT.quantize(_EXACT.scaleb(number, power), _ONE))
    return told if -_LIMIT <= told <= _LIMIT else None
