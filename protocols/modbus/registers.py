"""What registers mean: types, word and byte order, exact scaling.

The order of bytes is that of the wire: registers high byte first, and of a longer number the high word first, unless
the model says otherwise. In four letters, as data sheets print a 32-bit number: ABCD (both usual), CDAB (low word
first), BADC (low byte first in each register), DCBA (both).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from struct import pack
from typing import Final

from protocols.modbus.bits import READ_COILS, READ_DISCRETE
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
    """A value's form in registers. At most one of `floating`, `bcd`, `text` and `bit` (0 the lowest) is set."""

    name: str
    words: int
    signed: bool = False
    floating: bool = False
    bcd: bool = False
    text: bool = False
    bit: int | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return 2 * self.words


TYPES: Final = {
    form.name: form
    for form in (
        RegisterType("u16", 1),
        RegisterType("s16", 1, True),
        RegisterType("u32", 2),
        RegisterType("s32", 2, True),
        RegisterType("u48", 3),
        RegisterType("s48", 3, True),
        RegisterType("u64", 4),
        RegisterType("s64", 4, True),
        RegisterType("float32", 2, True, True),
        RegisterType("float64", 4, True, True),
        RegisterType("bcd16", 1, bcd=True),
        RegisterType("bcd32", 2, bcd=True),
        RegisterType("bcd48", 3, bcd=True),
        RegisterType("bcd64", 4, bcd=True),
    )
}
BIT: Final = RegisterType("bit", 1, bit=0)
"""A coil or discrete input."""
TYPE_NAMES: Final = f"{', '.join(TYPES)}, bit0 to bit15, string1 to string125"

_COUNTED: Final = re.compile(r"(bit|string)(\d{1,3})")


def form_of(name: str) -> RegisterType | None:
    """A register's type by name: one of `TYPES`, ``bit3`` (one bit of a register), ``string20`` (a text in 20
    registers)."""
    counted = _COUNTED.fullmatch(name)
    if counted is None:
        return TYPES.get(name)
    number = int(counted[2])
    if counted[1] == "bit":
        return RegisterType(name, 1, bit=number) if number <= 15 else None
    return RegisterType(name, number, text=True) if 1 <= number <= 125 else None


KINDS: Final = {READ_COILS: "coil", READ_DISCRETE: "discrete", READ_HOLDING: "holding", READ_INPUT: "input"}
"""Function code to the table that it reads."""
BIT_FUNCTIONS: Final = frozenset({READ_COILS, READ_DISCRETE})

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


NO_FACTOR: Final = -0x8000
"""What a scale-factor register holds where there is none (SunSpec: "not implemented")."""
_FACTORS: Final = range(-10, 11)
_LETTERS: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Register:
    """Where one model keeps a value, and how. `scale` is `(mantissa, exponent)`: raw number to the part's unit.

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
    factor: int | None = None
    """Address of the register that holds a power of ten for this one; it must come with the same answer."""
    scaling: bool = False
    """Whether it is such a power of ten: no value of its own."""

    @property
    def end(self) -> int:
        """The address behind it."""
        return self.address + self.form.words

    @property
    def low(self) -> int:
        """Where a read of it begins: its scale factor may stand before it."""
        return self.address if self.factor is None else min(self.address, self.factor)

    @property
    def high(self) -> int:
        """The address behind it and its scale factor."""
        return self.end if self.factor is None else max(self.end, self.factor + 1)

    def decode(self, raw: bytes, power: int = 0) -> Value:
        """The value of `form.size` bytes from the wire; `power` is what its scale-factor register holds. Never raises
        on them."""
        part, form = self.part, self.form
        if form.text:
            return self._text(raw)
        raw = self.order.arrange(raw)
        if raw in self.absent or (power and power not in _FACTORS):
            return Value(part, None, None, Quality.NOT_AVAILABLE)
        digits, exponent = 0, 0
        if form.floating:
            shortest = shortest32(raw) if form.words == 2 else shortest64(raw)
            if shortest is None:
                return Value(part, None, None, Quality.NOT_AVAILABLE)
            digits, exponent = shortest
        elif form.bcd:
            text = raw.hex()
            if not text.isdecimal():
                empty = not text.strip("f")
                return Value(part, None, None, Quality.NOT_AVAILABLE if empty else Quality.OUT_OF_RANGE)
            digits = int(text)
        else:
            digits = int.from_bytes(raw, "big", signed=form.signed)
            if form.bit is not None:
                digits = digits >> form.bit & 1
        digits *= self.scale[0]
        exponent += self.scale[1] + power
        if part.quantity is None:
            part = part._replace(decimals=max(0, -exponent))
        number = shifted(digits, exponent + part.decimals)
        if not -LIMIT <= number < LIMIT:
            return Value(part, None, None, Quality.OUT_OF_RANGE)
        return Value(part, number, None, Quality.GOOD)

    def encode(self, value: Decimal | str | None, power: int = 0) -> bytes:
        """The wire's bytes for a value in the part's unit, rounded half-even to what the register can hold; None is the
        model's "not available", a bit leaves the register's others 0. Raises `ValueError` where the register cannot
        hold it."""
        form = self.form
        if form.text or isinstance(value, str):
            return self._letters(value or "")
        if value is None:
            return self.order.arrange(self._absent())
        raw = Fraction(value) / (Fraction(10) ** (self.scale[1] + power) * self.scale[0])
        try:
            if form.floating:
                return self.order.arrange(pack(">f" if form.words == 2 else ">d", float(raw)))
            number = round(raw)
            if form.bit is not None:
                if number not in (0, 1):
                    raise OverflowError
                number <<= form.bit
            elif form.bcd:
                if not 0 <= number < 10 ** (2 * form.size):
                    raise OverflowError
                number = int(str(number), 16)
            return self.order.arrange(number.to_bytes(form.size, "big", signed=form.signed))
        except OverflowError as error:
            raise ValueError(f"{self.part.item}: {value} does not fit {form.name}") from error

    def _absent(self) -> bytes:
        if self.absent:
            return min(self.absent)
        if self.form.floating:
            return pack(">f" if self.form.words == 2 else ">d", float("nan"))
        if self.form.bcd:
            return b"\xff" * self.form.size
        raise ValueError(f"{self.part.item}: {self.form.name} has no word for not available")

    def _text(self, raw: bytes) -> Value:
        """Latin-1 up to the first zero byte, without blanks around it; the order of words is not turned."""
        if self.order in (Order.BADC, Order.DCBA):
            raw = Order.BADC.arrange(raw)
        if not raw.strip(b"\xff"):
            return Value(self.part, None, None, Quality.NOT_AVAILABLE)
        text = _LETTERS.sub("", raw.partition(b"\0")[0].decode("latin-1")).strip()
        if not text:
            return Value(self.part, None, None, Quality.NOT_AVAILABLE)
        return Value(self.part, None, text, Quality.GOOD)

    def _letters(self, value: Decimal | str) -> bytes:
        if not self.form.text or not isinstance(value, str):
            raise ValueError(f"{self.part.item}: {value!r} does not fit {self.form.name}")
        raw = value.encode("latin-1", "replace")
        if len(raw) > self.form.size:
            raise ValueError(f"{self.part.item}: {value!r} does not fit {self.form.name}")
        raw = raw.ljust(self.form.size, b"\0")
        return Order.BADC.arrange(raw) if self.order in (Order.BADC, Order.DCBA) else raw
