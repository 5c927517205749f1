"""Changing the baud rate: 17H (DL/T 645-2007, chapter 7) and 0CH of 1997; Z has other bits in each.

The meter answers at the old rate and then speaks the new one; that the link follows is the caller's matter. In 2007 the
rate stays; in 1997 it ends with the session, or when nothing is heard within 500 ms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from protocols.dlt645.services.edition import Edition
from protocols.dlt645.services.field import exactly
from protocols.dlt645.words import BAUD_RATES, BAUD_RATES_1997, ERROR_BITS
from protocols.errors import BadAnswer, FrameError, Refused

CHANGE_BAUD: Final = 0x17
CHANGE_BAUD_1997: Final = 0x0C
REFUSED_1997: Final = b"\xff"
"""1997 refuses with a normal answer whose Z is this."""
_FUNCTIONS: Final[Mapping[Edition, int]] = {"2007": CHANGE_BAUD, "1997": CHANGE_BAUD_1997}
_RATES: Final[Mapping[Edition, Mapping[int, int]]] = {"2007": BAUD_RATES, "1997": BAUD_RATES_1997}


@dataclass(frozen=True, slots=True)
class ChangeBaud:
    """`rate` in bit/s; the answer gives the rate that the meter now speaks."""

    rate: int
    edition: Edition = "2007"

    acts: ClassVar[bool] = True
    broadcast: ClassVar[bool] = False
    reply_bytes: ClassVar[int] = 1

    def __post_init__(self) -> None:
        rates = sorted(_RATES[self.edition].values())
        if self.rate not in rates:
            raise ValueError(f"rate is {self.rate}, the {self.edition} edition has {', '.join(map(str, rates))}")

    @property
    def function(self) -> int:
        return _FUNCTIONS[self.edition]

    @property
    def data(self) -> bytes:
        return self.encode_reply(self.rate)

    @classmethod
    def parse(cls, data: bytes, edition: Edition) -> ChangeBaud:
        exactly(data, 1)
        if data[0] not in _RATES[edition]:
            raise FrameError(f"Z is {data[0]:02X}, which is no rate of the {edition} edition")
        return cls(_RATES[edition][data[0]], edition)

    def decode_reply(self, data: bytes) -> int:
        if self.edition == "1997" and data == REFUSED_1997:
            raise Refused("FF", ERROR_BITS[3])
        if data != self.data:
            raise BadAnswer(f"asked for {self.rate} bit/s, answered with another Z", data)
        return self.rate

    def encode_reply(self, value: int) -> bytes:
        return next(bytes((z,)) for z, rate in _RATES[self.edition].items() if rate == value)
