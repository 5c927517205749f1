"""Setting clocks: 08H, alike in both editions (DL/T 645-2007, chapter 7). Nobody answers.

A meter takes it if it is off by five minutes at most, once a day, and not near midnight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import PREAMBLE, Frame
from protocols.dlt645.services.edition import Edition
from protocols.dlt645.services.field import SECONDS, exactly, moment
from protocols.dlt645.services.service import Acknowledged, announce
from protocols.exchange import Exchange

SET_TIME: Final = 0x08


@dataclass(frozen=True, slots=True)
class SetTime(Acknowledged):
    """`time` is the meters' local time, ``2026-11-22T15:30:45``."""

    time: str

    function: ClassVar[int] = SET_TIME
    edition: ClassVar[Edition] = "2007"
    acts: ClassVar[bool] = True
    broadcast: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if "T" not in self.time:
            raise ValueError(f"time is {self.time!r}, expected the like of 2026-11-22T15:30:45")
        SECONDS.encode(self.time)

    @property
    def data(self) -> bytes:
        return SECONDS.encode(self.time)

    @classmethod
    def parse(cls, data: bytes) -> SetTime:
        return cls(moment(exactly(data, 6), SECONDS))


def set_time(time: str, address: str = addresses.BROADCAST, preamble: bytes = PREAMBLE) -> Exchange[Frame, None]:
    """To all meters, or as seen in the field to one; whether it was taken is known by reading the clock only."""
    return announce(SetTime(time), address, preamble)
