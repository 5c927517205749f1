"""How a kind of meter gives itself away: names in its device identification, and registers that say what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.modbus.registers import Register
from protocols.model import Value

_VENDOR = 0
_NAMES = (1, 4, 5)
"""Objects of function 43/14 that name the product: product code, product name, model name."""


@dataclass(frozen=True, slots=True)
class IdentityRegister:
    """A register that holds one of `equals`: a number, or the beginning of a text (in either case)."""

    register: Register
    equals: tuple[str, ...]

    def matches(self, value: Value) -> bool:
        if value.text is not None:
            return any(value.text.lower().startswith(stated.lower()) for stated in self.equals)
        return value.number is not None and str(value) in self.equals


@dataclass(frozen=True, slots=True)
class IdentityClue:
    """`vendor` and `product` are parts of what function 43/14 says, in either case; none of either: it says nothing
    about this kind."""

    vendor: tuple[str, ...] = ()
    product: tuple[str, ...] = ()
    registers: tuple[IdentityRegister, ...] = ()

    def named(self, objects: Mapping[int, bytes]) -> bool:
        """Whether a device identification names this kind of meter: its maker, and the product where that is stated."""
        vendor = _words(objects, (_VENDOR,))
        names = _words(objects, _NAMES)
        if not self.vendor or not any(part.lower() in vendor for part in self.vendor):
            return False
        return not self.product or any(part.lower() in names for part in self.product)


def _words(objects: Mapping[int, bytes], wanted: tuple[int, ...]) -> str:
    return " ".join(objects.get(number, b"").decode("latin-1").lower() for number in wanted)
