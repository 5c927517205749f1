"""What registers mean: types, word and byte order, exact scaling.

The order of bytes is that of the wire: registers high byte first, and of a longer number the high word first, unless
the model says otherwise. In four letters, as data sheets print a 32-bit number: ABCD (both usual), CDAB (low word
first), BADC (low byte first in each register), DCBA (both).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from struct import pack
from typing import Final

from protocols.modbus.floats import shortest32, shortest64
from protocols.modbus.pdu import READ_HOLDING, READ_INPUT
from protocols.model import Part, Quality, Value


class Order(Enum):
    """How the bytes of a number stand on the wire."""

    ABCD = "abcd"
    CDAB = "cdab"
    BADC = "badc"
    DCBA = "dcba"

    def arrange(self, raw: bytes) -> bytes:
        """Wire order to high byte first, or back: each is its own inverse."""
        if self is Order.ABCD:
            return raw
        if self is Order.DCBA:
            return raw[::-1]
        swapped = bytearray(raw)
        swapped[0::2], swapped[1::2] = raw[1::2], raw[0::2]
        return bytes(swapped) if self is Order.BADC else bytes(swapped[::-1])


@dataclass(frozen=True, slots=True)
class RegisterType:
    """A number's form in registers."""

    name: str
    words: int
    signed: bool
    floating: bool = False

    @property
    def size(self) -> int:
        """Bytes."""
        return 2 * self.words


TYPES: Final = {
    form.name: form
    for form in (
        RegisterType("u16", 1, False),
        RegisterType("s16", 1, True),
        RegisterType("u32", 2, False),
        RegisterType("s32", 2, True),
        RegisterType("u64", 4, False),
        RegisterType("s64", 4, True),
        RegisterType("float32", 2, True, True),
        RegisterType("float64", 4, True, True),
    )
}

KINDS: Final = {READ_HOLDING: "holding", READ_INPUT: "input"}
"""Function code to the table of registers that it reads."""

LIMIT: Final = 1 << 63
"""Numbers are stored in 64 bits, signed."""


def scale_of(scale: Decimal) -> tuple[int, int]:
    """A finite decimal as `(mantissa, exponent)`."""
    sign, digits, exponent = scale.as_tuple()
    assert isinstance(exponent, int)
    number = int("".join(map(str, digits)))
    return (-number if sign else number), exponent


def shifted(number: int, exponent: int) -> int:
    """number * 10**exponent as an integer, rounded half-even."""
    if exponent >= 0:
        return number * int(10**exponent)
    divisor = int(10**-exponent)
    quotient, rest = divmod(number, divisor)
    double = 2 * rest
    if double > divisor or (double == divisor and quotient & 1):
        quotient += 1
    return quotient


@dataclass(frozen=True, slots=True)
class Register:
    """Where one model keeps a quantity, and how. `scale` is `(mantissa, exponent)`: raw number to the part's unit.

    Without a quantity the number is given as it stands, with the decimals that it needs.
    """

    function: int
    address: int
    form: RegisterType
    part: Part
    order: Order = Order.ABCD
    scale: tuple[int, int] = (1, 0)
    absent: frozenset[bytes] = frozenset()
    """The model's "not available" words, high byte first."""

    @property
    def end(self) -> int:
        """The address behind it."""
        return self.address + self.form.words

    def decode(self, raw: bytes) -> Value:
        """The value of `form.size` bytes from the wire. Never raises on them."""
        part, form = self.part, self.form
        raw = self.order.arrange(raw)
        if raw in self.absent:
            return Value(part, None, None, Quality.NOT_AVAILABLE)
        digits, exponent = 0, 0
        if form.floating:
            shortest = shortest32(raw) if form.words == 2 else shortest64(raw)
            if shortest is None:
                return Value(part, None, None, Quality.NOT_AVAILABLE)
            digits, exponent = shortest
        else:
            digits = int.from_bytes(raw, "big", signed=form.signed)
        digits *= self.scale[0]
        exponent += self.scale[1]
        if part.quantity is None:
            part = part._replace(decimals=max(0, -exponent))
        number = shifted(digits, exponent + part.decimals)
        if not -LIMIT <= number < LIMIT:
            return Value(part, None, None, Quality.OUT_OF_RANGE)
        return Value(part, number, None, Quality.GOOD)

    def encode(self, value: Decimal | None) -> bytes:
        """The wire's bytes for a value in the part's unit, rounded half-even to what the register can hold; None is the
        model's "not available". Raises `ValueError` where the register cannot hold it."""
        form = self.form
        if value is None:
            return self.order.arrange(self._absent())
        raw = Fraction(value) / (Fraction(10) ** self.scale[1] * self.scale[0])
        try:
            if form.floating:
                return self.order.arrange(pack(">f" if form.words == 2 else ">d", float(raw)))
            return self.order.arrange(round(raw).to_bytes(form.size, "big", signed=form.signed))
        except OverflowError as error:
            raise ValueError(f"{self.part.item}: {value} does not fit {form.name}") from error

    def _absent(self) -> bytes:
        if self.absent:
            return min(self.absent)
        if self.form.floating:
            return pack(">f" if self.form.words == 2 else ">d", float("nan"))
        raise ValueError(f"{self.part.item}: {self.form.name} has no word for not available")
