"""An item: what one data identifier holds, part by part, and how to decode it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from protocols.dlt645.formats import Format, Number
from protocols.errors import BadAnswer, ModelError
from protocols.model import Part, Quality, Value

_value: Final = tuple.__new__
"""A named tuple's own constructor is a function in Python: half of what a value costs."""

PartFormat = tuple[Part, Format]
"""What a value is and how it is written."""


class Shape(Protocol):
    """How an answer is put together that is more than its parts one after the other."""

    @property
    def longest(self) -> int:
        """Bytes of data in the longest answer."""

    def decode(self, item: Item, data: bytes) -> list[Value]:
        """The values in `data`. Raises `BadAnswer`."""

    def encode(self, item: Item, values: Sequence[int | str | None]) -> bytes:
        """Data bytes for `values`. Raises `ValueError`."""


@dataclass(frozen=True, slots=True)
class Item:
    """A data identifier (数据标识) with its parts in the order in which they are sent.

    `least` is how many parts an answer holds at least, and always whole multiples of it: a block of rates ends after
    the rates that the meter has, a block of demands after the time of one. Where `shape` is set (blocks closed by AA,
    load records), it alone knows which lengths are right.

    A part's `obis` says what is measured; its `quantity` is set only where the value is the present one.
    """

    code: str
    name: str
    name_zh: str
    parts: tuple[PartFormat, ...]
    least: int
    writable: bool = False
    readable: bool = True
    """Passwords are write only."""
    shape: Shape | None = None
    wire: bytes = field(init=False)
    """The identifier as sent, DI0 first."""
    longest: int = field(init=False)
    """Bytes of data in the longest answer."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "wire", bytes.fromhex(self.code)[::-1])
        longest = self.shape.longest if self.shape else sum(form.length for _, form in self.parts)
        object.__setattr__(self, "longest", longest)

    @property
    def edition(self) -> str:
        """Of the standard: identifiers of 1997 have two bytes, those of 2007 four."""
        return "1997" if len(self.wire) == 2 else "2007"

    def decode(self, data: bytes) -> list[Value]:
        """The values in `data` (behind the identifier, 33H taken off).

        Raises `BadAnswer` where the length is not one that the item can have, or a digit is no BCD: never guessed.
        """
        if self.shape is not None:
            return self.shape.decode(self, data)
        parts = self.parts
        if len(parts) == 1:
            part, form = parts[0]
            if len(data) != form.length:
                raise self._length_error(data)
            number, text, quality = form.decode(data)
            return [_value(Value, (part, number, text, quality))]
        values: list[Value] = []
        at = 0
        size = len(data)
        for part, form in parts:
            end = at + form.length
            if end > size:
                break
            number, text, quality = form.decode(data[at:end])
            values.append(_value(Value, (part, number, text, quality)))
            at = end
        if at != size or not self._whole(len(values)):
            raise self._length_error(data)
        return values

    def encode(self, values: Sequence[int | str | None]) -> bytes:
        """Data bytes for scaled numbers or texts, part by part; may end early after `least`. Raises `ValueError`."""
        if self.shape is not None:
            return self.shape.encode(self, values)
        if not self._whole(len(values)):
            raise ValueError(f"item {self.code} takes {self.least} to {len(self.parts)} values, not {len(values)}")
        return b"".join(form.encode(value) for (_, form), value in zip(self.parts, values, strict=False))

    def _whole(self, count: int) -> bool:
        return self.least <= count <= len(self.parts) and count % self.least == 0

    def nothing(self) -> list[Value]:
        """Every part as "not available"."""
        return [Value(part, None, None, Quality.NOT_AVAILABLE) for part, _ in self.parts]

    def _length_error(self, data: bytes) -> BadAnswer:
        lengths = [form.length for _, form in self.parts]
        shortest, longest = sum(lengths[: self.least]), sum(lengths)
        expected = str(longest) if shortest == longest else f"{shortest} to {longest} in whole values"
        return BadAnswer(f"item {self.code} has {len(data)} bytes of data, expected {expected}", data)


def resized(base: Item, number: Number) -> Item:
    """`base` with another number format: meters exist whose digits differ from the standard's. Raises `ModelError`."""
    if base.shape is not None:
        raise ModelError(f"item {base.code} is made of blocks: its digits cannot be changed")
    parts = []
    for part, form in base.parts:
        parts.append((part._replace(decimals=number.decimals), number) if isinstance(form, Number) else (part, form))
    return replace(base, parts=tuple(parts))
