"""How dates, times and the lines of a schedule are written: BCD, low byte first, in the meter's own local time."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final

from protocols.dlt645.bcd import NOTHING, Decoded, Number
from protocols.errors import BadAnswer
from protocols.model import Quality

_GOOD: Final = Quality.GOOD
_RANGES: Final = {
    "YY": (0, 99),
    "MM": (1, 12),
    "DD": (1, 31),
    "WW": (0, 6),
    "hh": (0, 23),
    "mm": (0, 59),
    "ss": (0, 59),
}
_ENTRY_NUMBER: Final = Number(1)


@dataclass(frozen=True, slots=True)
class Moment:
    """A date, a time or both in BCD, in the meter's local time, written as the pattern says, such as ``YYMMDDhhmm``.

    Decodes to ISO 8601 without a zone (the meter states none) and without the fields that the pattern lacks:
    ``2026-11-22T15:30``, ``11-22T15:30``, ``15:30``, ``22T15``. A weekday (WW, 0 = Sunday) is dropped when the date is
    there. All zeros is the meter's "never" where a day is named, and 9999 an unused settlement day (``DDhh``). Fields
    out of range are an error.
    """

    pattern: str
    decimals: int = 0

    @property
    def length(self) -> int:
        return len(self.pattern) // 2

    def decode(self, raw: bytes) -> Decoded:
        pattern = self.pattern
        digits = raw[::-1].hex()
        if not digits.isdigit():
            if raw == b"\xff" * self.length:
                return NOTHING
            raise BadAnswer("a digit is no BCD", raw)
        if "DD" in pattern and (not digits.strip("0") or (pattern == "DDhh" and digits == "9999")):
            return NOTHING
        field = {pattern[i : i + 2]: int(digits[i : i + 2]) for i in range(0, len(digits), 2)}
        for name, value in field.items():
            low, high = _RANGES[name]
            if not low <= value <= high:
                raise BadAnswer(f"{name} is {value:02d}, not within {low:02d}..{high:02d}", raw)
        if "MM" in field:
            try:
                dt.date(2000 + field.get("YY", 0), field["MM"], field["DD"])
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
        iso = not text.isdigit()
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
        """The pattern's digits for an ISO text; the weekday is worked out from the date."""
        names = [name for name in _RANGES if name != "WW" and name in self.pattern]
        numbers = re.findall(r"[0-9]+", text)
        if len(numbers) != len(names):
            raise ValueError(f"{text!r} is not written {self.pattern}")
        field = {name: number[-2:] for name, number in zip(names, numbers, strict=True)}
        if "WW" in self.pattern:
            field["WW"] = f"{dt.date(*map(int, numbers[:3])).isoweekday() % 7:02d}"
        return "".join(field[self.pattern[at : at + 2]] for at in range(0, len(self.pattern), 2))


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a schedule: when something begins and the number that holds from then on (``NN``, ends the pattern).

    Decodes to both, ``01-01 1`` (``MMDDNN``: a season and its day schedule), ``06:30 2`` (``hhmmNN``: a period and its
    rate), ``2026-10-01 3`` (``YYMMDDNN``: a holiday). All zeros is an unused line, as is all FF.
    """

    pattern: str
    decimals: int = 0

    @property
    def length(self) -> int:
        return len(self.pattern) // 2

    def decode(self, raw: bytes) -> Decoded:
        if not any(raw) or raw == b"\xff" * self.length:
            return NOTHING
        _, begins, _ = Moment(self.pattern[:-2]).decode(raw[1:])
        number, _, _ = _ENTRY_NUMBER.decode(raw[:1])
        if begins is None or number is None:
            raise BadAnswer("a schedule's line is half empty", raw)
        return None, f"{begins} {number}", _GOOD

    def encode(self, value: int | str | None) -> bytes:
        """`value` as it is decoded, or the pattern's digits in its order (``063002``)."""
        if value is None:
            return b"\xff" * self.length
        begins, blank, number = str(value).partition(" ")
        if not blank:
            begins, number = begins.zfill(len(self.pattern))[:-2], begins[-2:]
        try:
            raw = _ENTRY_NUMBER.encode(number) + Moment(self.pattern[:-2]).encode(begins)
            _, decoded, _ = self.decode(raw)
        except (BadAnswer, ValueError) as error:
            raise ValueError(f"{value!r} is not written {self.pattern}: {error}") from error
        if blank and decoded is None:
            raise ValueError(f"{value!r} would be an unused line")
        return raw
