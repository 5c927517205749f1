"""Decimal arithmetic of bills: wide enough that only a stated rounding ever rounds a bill's amount."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)
from typing import Final

EXACT: Final = Context(prec=50, rounding=ROUND_HALF_EVEN, traps=[DivisionByZero, InvalidOperation, Overflow])
"""Products and sums of money stay exact; a quotient that ends is exact too, and one that does not end is no tie."""

MODES: Final = {
    "half-up": ROUND_HALF_UP,
    "half-even": ROUND_HALF_EVEN,
    "half-down": ROUND_HALF_DOWN,
    "up": ROUND_UP,
    "down": ROUND_DOWN,
    "ceiling": ROUND_CEILING,
    "floor": ROUND_FLOOR,
}
"""half-up: ties away from zero (四舍五入). up: away from zero."""


@dataclass(frozen=True, slots=True)
class Rounding:
    """`step` None: nothing is rounded."""

    text: str
    step: Decimal | None = None
    mode: str = ROUND_HALF_UP

    @classmethod
    def parse(cls, text: str) -> Rounding:
        """``"half-up 2"`` (two decimals), ``"half-up -1"`` (tens) or ``"none"``. Raises `ValueError`."""
        mode, _, digits = text.partition(" ")
        if text == "none":
            return NONE
        number = digits.removeprefix("-")
        if mode in MODES and number.isascii() and number.isdigit() and int(number) <= 12:
            return cls(text, Decimal(1).scaleb(-int(digits)), MODES[mode])
        raise ValueError(f"{text!r}, expected none or one of {', '.join(MODES)} with decimals, such as half-up 2")

    def __call__(self, value: Decimal) -> Decimal:
        return value if self.step is None else value.quantize(self.step, self.mode, EXACT)


NONE: Final = Rounding("none")
KWH: Final = Rounding("half-up 4", Decimal("0.0001"))
"""What energies and step limits are rounded to where they are shared out by days."""


def plain(value: Decimal) -> str:
    """Without exponent and without trailing zeros of the fraction."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
