"""IEEE 754 numbers as the shortest decimal that reads back as the same number: what the meter's firmware meant.

A register that holds 230.2 holds 230.199996948...; the meter knew "230.2", and so does everybody who reads its display.
Results are `(digits, exponent)`, the value being digits * 10**exponent; None for NaN and the infinities.
"""

from __future__ import annotations

from fractions import Fraction
from math import isfinite
from struct import Struct
from typing import Final

_SINGLE: Final = Struct(">f")
_DOUBLE: Final = Struct(">d")


def shortest64(raw: bytes) -> tuple[int, int] | None:
    """Of a float64, high byte first. Python's own `repr` is the shortest round trip."""
    (number,) = _DOUBLE.unpack(raw)
    if not isfinite(number):
        return None
    mantissa, _, exponent = repr(number).partition("e")
    whole, _, fraction = mantissa.partition(".")
    if fraction == "0":
        fraction = ""
    return int(whole + fraction), int(exponent or 0) - len(fraction)


def shortest32(raw: bytes) -> tuple[int, int] | None:
    """Of a float32, high byte first.

    Six digits always survive a float32, nine always suffice (C's FLT_DIG and FLT_DECIMAL_DIG), so the correctly rounded
    text of 6, 7, 8, 9 digits that reads back is the answer. It is read back through a float64, which is exact enough
    as long as the last digit stands between 10**-12 and 10**9: there a decimal of nine digits is either exactly half
    way between two float32 or further from it than a float64 can blur. Outside, and at powers of two, where the
    neighbours' distances differ, the exact search decides.
    """
    (number,) = _SINGLE.unpack(raw)
    if number == 0:
        return 0, 0
    if not isfinite(number):
        return None
    power_of_two = not raw[3] and not raw[2] and not raw[1] & 0x7F
    for digits in (6, 7, 8, 9):
        mantissa, _, exponent = f"{number:.{digits - 1}e}".partition("e")
        last = int(exponent) - digits + 1
        if not -12 <= last <= 9 or (power_of_two and digits > 6):
            break
        if _SINGLE.pack(float(f"{mantissa}e{exponent}")) == raw:
            return _trim(int(mantissa.replace(".", "")), last)
    return _search32(raw)


def _trim(digits: int, exponent: int) -> tuple[int, int]:
    while digits and not digits % 10:
        digits //= 10
        exponent += 1
    return digits, exponent


def _search32(raw: bytes) -> tuple[int, int]:
    """The same by exact arithmetic, for any finite float32 but zero."""
    bits = int.from_bytes(raw, "big")
    biased, fraction = bits >> 23 & 0xFF, bits & 0x7FFFFF
    mantissa = fraction | 0x800000 if biased else fraction
    ulp = Fraction(2) ** (max(biased, 1) - 150)
    value = mantissa * ulp
    low = value - ulp / (4 if fraction == 0 and biased > 1 else 2)  # below a power of two they stand twice as dense
    high = value + ulp / 2
    closed = not mantissa & 1  # a tie is read as the even mantissa
    exponent = len(str(int(value))) if value >= 1 else 1 - len(str(int(1 / value)))  # 10**exponent is above value
    while True:
        unit = Fraction(10) ** exponent
        floor = value // unit
        fits = [n for n in (floor, floor + 1) if low < n * unit < high or (closed and n * unit in (low, high))]
        if fits:
            best = min(fits, key=lambda n: (abs(n * unit - value), n & 1))
            digits, exponent = _trim(best, exponent)
            return (-digits if bits >> 31 else digits), exponent
        exponent -= 1
