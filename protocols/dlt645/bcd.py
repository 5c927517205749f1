"""How numbers, words of bits, digits and text are written on the wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol

from protocols.errors import BadAnswer
from protocols.model import Quality

Decoded = tuple[int | None, str | None, Quality]
"""A number (scaled), or a text, or nothing with its quality."""

NOTHING: Final[Decoded] = (None, None, Quality.NOT_AVAILABLE)
_GOOD: Final = Quality.GOOD
_SIGN: Final = 0x80
_LONGEST_NUMBER: Final = 8


class Format(Protocol):
    """A part's spelling."""

    @property
    def length(self) -> int:
        """Bytes on the wire."""

    @property
    def decimals(self) -> int:
        """Decimals of the number; 0 where there is none."""

    def decode(self, raw: bytes) -> Decoded:
        """`raw` has `length` bytes, low byte first, 33H taken off. Raises `BadAnswer`."""

    def encode(self, value: int | str | None) -> bytes:
        """The reverse: a scaled number or a text; None as FF..FF. Raises `ValueError` if it does not fit."""


@dataclass(frozen=True, slots=True)
class Number:
    """BCD with a fixed point; `signed`: the top bit of the highest byte is the sign and not a digit."""

    length: int
    decimals: int = 0
    signed: bool = False
    limit: int = field(init=False, repr=False)
    """What no magnitude reaches; with the sign's bit set, a number reads as this and its magnitude."""

    def __post_init__(self) -> None:
        if not 1 <= self.length <= _LONGEST_NUMBER:
            raise ValueError(f"a BCD number has 1 to {_LONGEST_NUMBER} bytes, not {self.length}")
        if not 0 <= self.decimals <= 2 * self.length:
            raise ValueError(f"{self.length} BCD bytes have 0 to {2 * self.length} decimals, not {self.decimals}")
        digits = 10 ** (2 * self.length)
        object.__setattr__(self, "limit", digits * 8 // 10 if self.signed else digits)

    def decode(self, raw: bytes) -> Decoded:
        try:
            number = int(raw[::-1].hex())
        except ValueError:
            return self._decode_odd(raw)
        limit = self.limit
        return (number if number < limit else limit - number), None, _GOOD

    def _decode_odd(self, raw: bytes) -> Decoded:
        """Negative with a highest digit above 1, or nothing, or no number."""
        if raw == b"\xff" * self.length:
            return NOTHING
        try:
            if self.signed and raw[-1] & _SIGN:
                return -int((raw[:-1] + bytes((raw[-1] & ~_SIGN,)))[::-1].hex()), None, _GOOD
        except ValueError:
            pass
        raise BadAnswer("a digit is no BCD", raw)

    def encode(self, value: int | str | None) -> bytes:
        if value is None:
            return b"\xff" * self.length
        number = int(value)
        if abs(number) >= self.limit or (number < 0 and not self.signed):
            raise ValueError(f"{number} does not fit {self.length} BCD bytes{', signed' if self.signed else ''}")
        raw = bytearray(bytes.fromhex(str(abs(number)).zfill(2 * self.length))[::-1])
        if number < 0:
            raw[-1] |= _SIGN
        return bytes(raw)


@dataclass(frozen=True, slots=True)
class Bits:
    """A word of bits, low byte first, given as its number. All ones is a legal word, not "none"."""

    length: int
    decimals: int = 0

    def decode(self, raw: bytes) -> Decoded:
        return int.from_bytes(raw, "little"), None, _GOOD

    def encode(self, value: int | str | None) -> bytes:
        if value is None or not 0 <= int(value) < 1 << (8 * self.length):
            raise ValueError(f"{value} is no word of {self.length} bytes")
        return int(value).to_bytes(self.length, "little")


@dataclass(frozen=True, slots=True)
class Digits:
    """Decimal digits that name something (a meter number): leading zeros count."""

    length: int
    decimals: int = 0

    def decode(self, raw: bytes) -> Decoded:
        text = raw[::-1].hex()
        if text.isdigit():
            return None, text, _GOOD
        if raw == b"\xff" * self.length:
            return NOTHING
        raise BadAnswer("a digit is no BCD", raw)

    def encode(self, value: int | str | None) -> bytes:
        if value is None:
            return b"\xff" * self.length
        text = str(value).zfill(2 * self.length)
        if len(text) > 2 * self.length or not (text.isascii() and text.isdigit()):
            raise ValueError(f"{value!r} is not up to {2 * self.length} digits")
        return bytes.fromhex(text)[::-1]


@dataclass(frozen=True, slots=True)
class Text:
    """ASCII, sent last character first as every item is; zeros and blanks at the ends are padding."""

    length: int
    decimals: int = 0

    def decode(self, raw: bytes) -> Decoded:
        if raw == b"\xff" * self.length:
            return NOTHING
        try:
            return None, raw[::-1].decode("ascii").strip("\0 "), _GOOD
        except UnicodeDecodeError:
            raise BadAnswer("a character is no ASCII", raw) from None

    def encode(self, value: int | str | None) -> bytes:
        if value is None:
            return b"\xff" * self.length
        text = str(value).encode("ascii")
        if len(text) > self.length:
            raise ValueError(f"{value!r} is longer than {self.length} characters")
        return text.ljust(self.length, b"\0")[::-1]


@dataclass(frozen=True, slots=True)
class Hex:
    """Bytes that name something and are no number (identifiers, passwords): hex, high byte first."""

    length: int
    decimals: int = 0

    def decode(self, raw: bytes) -> Decoded:
        return NOTHING if raw == b"\xff" * self.length else (None, raw[::-1].hex().upper(), _GOOD)

    def encode(self, value: int | str | None) -> bytes:
        if value is None:
            return b"\xff" * self.length
        text = str(value)
        if len(text) != 2 * self.length or not set(text) <= _HEX_DIGITS:
            raise ValueError(f"{value!r} is not {2 * self.length} hex digits")
        return bytes.fromhex(text)[::-1]


_HEX_DIGITS: Final = frozenset("0123456789abcdefABCDEF")
