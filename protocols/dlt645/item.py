"""An item: what one data identifier holds, part by part, and how to decode it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from protocols.dlt645.formats import Format
from protocols.errors import BadAnswer
from protocols.model import Part, Quality, Value

_value: Final = tuple.__new__
"""A named tuple's own constructor is a function in Python: half of what a value costs."""


@dataclass(frozen=True, slots=True)
class Item:
    """A data identifier (数据标识) with its parts in the order in which they are sent.

    `least` is how many parts an answer holds at least, and always whole multiples of it: a block of rates ends after
    the rates that the meter has, a block of demands after the time of one.
    """

    code: str
    name: str
    name_zh: str
    parts: tuple[tuple[Part, Format], ...]
    least: int
    writable: bool = False
    wire: bytes = field(init=False)
    """The identifier as sent, DI0 first."""
    longest: int = field(init=False)
    """Bytes of data in the longest answer."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "wire", bytes.fromhex(self.code)[::-1])
        object.__setattr__(self, "longest", sum(form.length for _, form in self.parts))

    def decode(self, data: bytes) -> list[Value]:
        """The values in `data` (behind the identifier, 33H taken off).

        Raises `BadAnswer` where the length is not one that the item can have, or a digit is no BCD: never guessed.
        """
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
