"""How a part of an item is written on the wire: BCD numbers, words of bits, moments, digits, text.

All parts travel low byte first. A part whose bytes are all FF is the meter's way of saying "I have none": nothing, with
quality NOT_AVAILABLE. Any other byte that is no BCD is an error, never a guess.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Final, Protocol

from protocols.errors import BadAnswer
from protocols.model import Quality

Decoded = tuple[int | None, str | None, Quality]
"""A number (scaled), or a text, or nothing with its quality."""

_NOTHING: Final[Decoded] = (None, None, Quality.NOT_AVAILABLE)
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
            return _NOTHING
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
            return _NOTHING
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
            return _NOTHING
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
class Moment:
    """A date, a time or both in BCD, in the meter's local time, written as the pattern says, such as ``YYMMDDhhmm``.

    Decodes to ISO 8601 without a zone (the meter states none): ``2026-11-22T15:30``. A weekday (WW, 0 = Sunday) is
    dropped when the date is there. All zeros is the meter's "never". Fields out of range are an error.
    """

    pattern: str
    decimals: int = 0

    @property
    def length(self) -> int:
        return len(self.pattern) // 2

    def decode(self, raw: bytes) -> Decoded:
        digits = raw[::-1].hex()
        if raw == b"\xff" * self.length or (not digits.strip("0") and "YYMMDD" in self.pattern):
            return _NOTHING
        if not digits.isdigit():
            raise BadAnswer("a digit is no BCD", raw)
        field = {self.pattern[i : i + 2]: int(digits[i : i + 2]) for i in range(0, len(digits), 2)}
        for name, value in field.items():
            low, high = _RANGES[name]
            if not low <= value <= high:
                raise BadAnswer(f"{name} is {value:02d}, not within {low:02d}..{high:02d}", raw)
        if "YY" in field:
            try:
                dt.date(2000 + field["YY"], field["MM"], field["DD"])
            except ValueError:
                raise BadAnswer("no such day in the calendar", raw) from None
        date = "-".join(
            f"{2000 + field[n]:04d}" if n == "YY" else f"{field[n]:02d}" for n in ("YY", "MM", "DD") if n in field
        )
        time = ":".join(f"{field[n]:02d}" for n in ("hh", "mm", "ss") if n in field)
        return None, "T".join(filter(None, (date, time))), _GOOD

    def encode(self, value: int | str | None) -> bytes:
        """`value` as it is decoded (``2026-11-22T15:30``), or the pattern's digits in its order (``2611221530``)."""
        if value is None:
            return b"\xff" * self.length
        text = str(value)
        iso = "-" in text or ":" in text
        digits = self._digits(text) if iso else text.zfill(len(self.pattern))
        if len(digits) != len(self.pattern) or not (digits.isascii() and digits.isdigit()):
            raise ValueError(f"{value!r} is not written {self.pattern}")
        raw = bytes.fromhex(digits)[::-1]
        try:
            _, decoded, _ = self.decode(raw)
        except BadAnswer as error:
            raise ValueError(f"{value!r} is not written {self.pattern}: {error}") from error
        if iso and decoded != text:
            raise ValueError(f"{value!r} cannot be written {self.pattern}")
        return raw

    def _digits(self, text: str) -> str:
        moment = dt.datetime.fromisoformat(text if "YY" in self.pattern else f"2000-01-01T{text}")
        fields = (self.pattern[at : at + 2] for at in range(0, len(self.pattern), 2))
        return "".join(moment.strftime(_CODES[name]).zfill(2) for name in fields)


_RANGES: Final = {
    "YY": (0, 99),
    "MM": (1, 12),
    "DD": (1, 31),
    "WW": (0, 6),
    "hh": (0, 23),
    "mm": (0, 59),
    "ss": (0, 59),
}
_CODES: Final = {"YY": "%y", "MM": "%m", "DD": "%d", "WW": "%w", "hh": "%H", "mm": "%M", "ss": "%S"}
