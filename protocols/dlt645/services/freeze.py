"""Freezing: 16H, ``mm hh DD MM`` with 99 for "every" (DL/T 645-2007, chapter 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import PREAMBLE, Frame
from protocols.dlt645.services.edition import Edition
from protocols.dlt645.services.field import exactly
from protocols.dlt645.services.service import Acknowledged, announce, perform
from protocols.errors import FrameError
from protocols.exchange import Exchange

FREEZE: Final = 0x16
_EVERY: Final = 0x99
_RANGES: Final = (("day", 1, 31), ("hour", 0, 23), ("minute", 0, 59))


@dataclass(frozen=True, slots=True)
class Freeze(Acknowledged):
    """When to freeze, in the meter's local time.

    `Freeze()` is now; a minute alone is every hour, with an hour every day, with a day every month.
    """

    minute: int | None = None
    hour: int | None = None
    day: int | None = None

    function: ClassVar[int] = FREEZE
    edition: ClassVar[Edition] = "2007"
    acts: ClassVar[bool] = True
    broadcast: ClassVar[bool] = True

    def __post_init__(self) -> None:
        fields = (self.day, self.hour, self.minute)
        for (name, low, high), value in zip(_RANGES, fields, strict=True):
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name} is {value}, expected {low} to {high}")
        given = [value is not None for value in fields]
        if given != sorted(given):
            raise ValueError("a freeze every month needs day, hour and minute, every day hour and minute")

    @property
    def data(self) -> bytes:
        return bytes(_bcd(value) for value in (self.minute, self.hour, self.day)) + bytes((_EVERY,))

    @classmethod
    def parse(cls, data: bytes) -> Freeze:
        minute, hour, day, month = (_number(byte) for byte in exactly(data, 4))
        if month is not None:
            raise FrameError(f"month is {month}, expected 99")
        return cls(minute, hour, day)


def freeze(address: str, when: Freeze, preamble: bytes = PREAMBLE) -> Exchange[Frame, None]:
    """At one meter, or at all: those do not answer."""
    if addresses.normal(address) == addresses.BROADCAST:
        return announce(when, preamble=preamble)
    return perform(address, when, preamble)


def _bcd(value: int | None) -> int:
    return _EVERY if value is None else value // 10 << 4 | value % 10


def _number(byte: int) -> int | None:
    if byte == _EVERY:
        return None
    high, low = byte >> 4, byte & 0x0F
    if high > 9 or low > 9:
        raise FrameError(f"{byte:02X} is no BCD")
    return 10 * high + low
