"""Reading in 1997: 01H, follow-up 02H without a number, and 03H, "your last frame again" (DL/T 645-1997, chapter 7).

A meter that has answered a follow-up goes on to the next part, so a follow-up is not repeated when its answer is lost:
the last frame is asked for again. If that is the part already there, the meter never heard the follow-up, or two parts
are alike; nobody knows, and the reading begins anew another time. While a lost answer may still come late, the next
part is not believed either (the driver counts it as the late one) and is had by asking again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import ClassVar, Final, TypeVar

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import FUNCTION, OVERHEAD, PREAMBLE, REPLY, Frame, encode
from protocols.dlt645.item import Item
from protocols.dlt645.services.edition import Edition
from protocols.dlt645.services.field import exactly, from_wire, to_wire
from protocols.dlt645.services.service import refused
from protocols.errors import BadAnswer, NoAnswer
from protocols.exchange import Ask, Exchange
from protocols.model import Value

T = TypeVar("T")

READ_1997: Final = 0x01
FOLLOW_UP_1997: Final = 0x02
READ_AGAIN: Final = 0x03
_DI: Final = 2
_MOST_DATA: Final = 200
_MOST_PARTS: Final = 256


@dataclass(frozen=True, slots=True)
class Read1997:
    """The data of `item`, four hex digits; a part of them where more follows."""

    item: str
    function: ClassVar[int] = READ_1997
    edition: ClassVar[Edition] = "1997"
    acts: ClassVar[bool] = False
    broadcast: ClassVar[bool] = False
    reply_bytes: ClassVar[int] = _MOST_DATA

    @property
    def data(self) -> bytes:
        return to_wire(self.item, _DI, "data identifier")

    @classmethod
    def parse(cls, data: bytes) -> Read1997:
        return cls(from_wire(exactly(data, _DI)))

    def decode_reply(self, data: bytes) -> bytes:
        if data[:_DI] != self.data:
            raise BadAnswer("the answer is to another item", data)
        return data[_DI:]

    def encode_reply(self, value: bytes) -> bytes:
        return self.data + value


@dataclass(frozen=True, slots=True)
class FollowUp1997(Read1997):
    """The next part."""

    function: ClassVar[int] = FOLLOW_UP_1997

    @classmethod
    def parse(cls, data: bytes) -> FollowUp1997:
        return cls(from_wire(exactly(data, _DI)))


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """The data of the meter's last frame, identifier and all."""

    function: ClassVar[int] = READ_AGAIN
    edition: ClassVar[Edition] = "1997"
    acts: ClassVar[bool] = False
    broadcast: ClassVar[bool] = False
    reply_bytes: ClassVar[int] = _MOST_DATA
    data: ClassVar[bytes] = b""

    @classmethod
    def parse(cls, data: bytes) -> ReadAgain:
        exactly(data, 0)
        return cls()

    def decode_reply(self, data: bytes) -> bytes:
        return data

    def encode_reply(self, value: bytes) -> bytes:
        return value


def read_item_1997(address: str, item: Item, preamble: bytes = PREAMBLE) -> Exchange[Frame, list[Value]]:
    """Read one item, following up as often as the meter says that more is there.

    Raises `Refused` (the error byte in words), `BadAnswer` (wrong length, no BCD), `NoAnswer`.
    """
    return _read(address, item.wire, item.longest, preamble, item.decode)


def read_data_1997(address: str, di: bytes, longest: int, preamble: bytes = PREAMBLE) -> Exchange[Frame, bytes]:
    """The data behind the identifier `di` (as on the wire), all parts put together."""
    return _read(address, di, longest, preamble, bytes)


def _read(
    address: str, di: bytes, longest: int, preamble: bytes, decode: Callable[[bytes], T]
) -> Generator[Ask[Frame], Frame, T]:
    to = addresses.to_wire(address)
    frame = yield _ask(to, READ_1997, di, 0, min(longest, _MOST_DATA), preamble)
    parts = [_part(frame, di)]
    while frame.follows:
        if len(parts) == _MOST_PARTS:
            raise BadAnswer("follow-up frames without end", frame.raw)
        frame = yield from _next(to, di, len(parts), parts[-1], preamble)
        parts.append(_part(frame, di))
    return decode(b"".join(parts))


def _next(to: bytes, di: bytes, number: int, last: bytes, preamble: bytes) -> Exchange[Frame, Frame]:
    try:
        return (yield _ask(to, FOLLOW_UP_1997, di, number, _MOST_DATA, preamble))
    except NoAnswer as silence:
        frame = yield _ask(to, READ_AGAIN, di, number, _MOST_DATA, preamble)
        if frame.is_abnormal or frame.data[_DI:] == last:
            raise NoAnswer(f"{silence}; what part {number} holds cannot be known any more") from None
        return frame


def _part(frame: Frame, di: bytes) -> bytes:
    if frame.is_abnormal:
        raise refused(frame)
    if len(frame.data) < len(di):
        raise BadAnswer("an answer without data", frame.raw)
    return frame.data[len(di) :]


def _ask(to: bytes, function: int, di: bytes, number: int, longest: int, preamble: bytes) -> Ask[Frame]:
    """Parts have no number on the wire; `number` keeps a late answer to one from being taken for the next."""
    expected = REPLY | function

    def answers(frame: Frame) -> bool:
        if frame.control & (REPLY | FUNCTION) != expected or not addresses.may_answer(to, frame.address):
            return False
        return frame.is_abnormal or frame.data[:_DI] == di or len(frame.data) < _DI

    return Ask(
        data=encode(to, function, b"" if function == READ_AGAIN else di, preamble),
        answers=answers,
        reply_bytes=OVERHEAD + _DI + longest + len(PREAMBLE),
        confusable=(to, function, di, number),
        repeatable=function != FOLLOW_UP_1997,
    )
