"""What a meter's clock shows: 0400010C, or 04000101 with 04000102; of 1997 C010 with C011. The weekday is told, too."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import date, time
from typing import Any, Final

from protocols.dlt645.frame import Frame
from protocols.dlt645.services.edition import Edition
from protocols.dlt645.services.read import read_data
from protocols.dlt645.services.read_1997 import read_data_1997
from protocols.dlt645.wire import Wire
from protocols.errors import BadAnswer
from protocols.exchange import Ask, Exchange

WHOLE: Final[dict[Edition, str | None]] = {"2007": "0400010C", "1997": None}
"""Date and time in one answer: a supplement of 2007, which not every meter has."""
DATE: Final[dict[Edition, str]] = {"2007": "04000101", "1997": "C010"}
TIME: Final[dict[Edition, str]] = {"2007": "04000102", "1997": "C011"}
_LENGTH: Final = {"0400010C": 7, "04000101": 4, "04000102": 3, "C010": 4, "C011": 3}


@dataclass(frozen=True, slots=True)
class ShownClock:
    """One answer. `weekday` as the meter counts it, 0 for Sunday; None where it does not tell one."""

    day: date | None = None
    weekday: int | None = None
    time: time | None = None

    @property
    def wrong_weekday(self) -> int | None:
        """The weekday that it shows, where the date has another one. 7 is taken for Sunday, as some meters write it."""
        if self.day is None or self.weekday is None or self.weekday % 7 == self.day.isoweekday() % 7:
            return None
        return self.weekday


def read_clock(address: str, code: str, wire: Wire) -> Exchange[Frame, ShownClock]:
    """Ask for one of the identifiers above.

    Raises `Refused`, `NoAnswer`, and `BadAnswer` for what is neither a date nor a time.
    """
    return _read(address, code, wire)


def _read(address: str, code: str, wire: Wire) -> Generator[Ask[Any], Any, ShownClock]:
    read = read_data_1997 if len(code) == 4 else read_data
    raw = yield from read(address, bytes.fromhex(code)[::-1], _LENGTH[code], wire.preamble)
    return shown(code, raw)


def shown(code: str, raw: bytes) -> ShownClock:
    """The data behind the identifier, 33H taken off, low byte first. Raises `BadAnswer`."""
    if len(raw) != _LENGTH[code]:
        raise BadAnswer(f"a clock of {len(raw)} bytes, expected {_LENGTH[code]}", raw)
    digits = raw[::-1].hex()
    if not digits.isdigit():
        raise BadAnswer("a digit of the clock is no BCD", raw)
    numbers = [int(digits[at : at + 2]) for at in range(0, len(digits), 2)]
    day = weekday = at = None
    try:
        if code != TIME["2007"] and code != TIME["1997"]:
            day, weekday = date(2000 + numbers[0], numbers[1], numbers[2]), numbers[3]
            del numbers[:4]
        if numbers:
            at = time(numbers[0], numbers[1], numbers[2])
    except ValueError as error:
        raise BadAnswer(f"the clock shows no moment: {error}", raw) from error
    if weekday is not None and weekday > 7:
        raise BadAnswer(f"the clock shows weekday {weekday}", raw)
    return ShownClock(day, weekday, at)
