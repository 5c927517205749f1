"""Reading: 11H, and follow-up 12H (DL/T 645-2007, chapter 7)."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import ClassVar, Final, TypeVar

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import ABNORMAL, FOLLOWS, FUNCTION, OVERHEAD, PREAMBLE, REPLY, START, Frame, encode
from protocols.dlt645.item import Item
from protocols.dlt645.services.edition import Edition
from protocols.dlt645.services.field import MINUTES, exactly, from_wire, moment, to_wire
from protocols.dlt645.services.service import refused
from protocols.errors import BadAnswer
from protocols.exchange import Ask, Exchange
from protocols.model import Value

T = TypeVar("T")

READ: Final = 0x11
FOLLOW_UP: Final = 0x12
_MOST_DATA: Final = 255
_MOST_SEQUENCE: Final = 255
_USUAL_DATA: Final = 200
"""Data bytes that the standard allows in an answer."""


@dataclass(frozen=True, slots=True)
class Read:
    """The data of `item`; of a load record the `count` oldest, or those from the moment `since` on.

    `since` is the meter's local time, ``2026-11-22T00:00``.
    """

    item: str
    count: int | None = None
    since: str | None = None

    function: ClassVar[int] = READ
    edition: ClassVar[Edition] = "2007"
    acts: ClassVar[bool] = False
    broadcast: ClassVar[bool] = False
    reply_bytes: ClassVar[int] = _USUAL_DATA

    def __post_init__(self) -> None:
        if self.count is not None and not 0 <= self.count <= 255:
            raise ValueError(f"count is {self.count}, expected 0 to 255")
        if self.since is not None and self.count is None:
            raise ValueError("records since a moment are asked for with their count")
        if self.since is not None and "T" not in self.since:
            raise ValueError(f"since is {self.since!r}, expected the like of 2026-11-22T00:00")

    @property
    def di(self) -> bytes:
        return to_wire(self.item, 4, "data identifier")

    @property
    def data(self) -> bytes:
        count = b"" if self.count is None else bytes((self.count,))
        return self.di + count + (b"" if self.since is None else MINUTES.encode(self.since))

    @classmethod
    def parse(cls, data: bytes) -> Read:
        exactly(data, 4, 5, 10)
        item = from_wire(data[:4])
        if len(data) == 4:
            return cls(item)
        return cls(item, data[4], moment(data[5:], MINUTES) if data[5:] else None)

    def decode_reply(self, data: bytes) -> bytes:
        return _behind(self.di, data)

    def encode_reply(self, value: bytes) -> bytes:
        return self.di + value


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The part number `sequence` behind the first; the answer ends with the number."""

    item: str
    sequence: int

    function: ClassVar[int] = FOLLOW_UP
    edition: ClassVar[Edition] = "2007"
    acts: ClassVar[bool] = False
    broadcast: ClassVar[bool] = False
    reply_bytes: ClassVar[int] = _MOST_DATA

    def __post_init__(self) -> None:
        if not 0 <= self.sequence <= _MOST_SEQUENCE:
            raise ValueError(f"sequence is {self.sequence}, expected 0 to {_MOST_SEQUENCE}")

    @property
    def di(self) -> bytes:
        return to_wire(self.item, 4, "data identifier")

    @property
    def data(self) -> bytes:
        return self.di + bytes((self.sequence,))

    @classmethod
    def parse(cls, data: bytes) -> FollowUp:
        exactly(data, 5)
        return cls(from_wire(data[:4]), data[4])

    def decode_reply(self, data: bytes) -> bytes:
        behind = _behind(self.di, data)
        if behind[-1:] != bytes((self.sequence,)):
            raise BadAnswer(f"asked for part {self.sequence}, answered with another", data)
        return behind[:-1]

    def encode_reply(self, value: bytes) -> bytes:
        return self.di + value + bytes((self.sequence,))


def read_item(address: str, item: Item, preamble: bytes = PREAMBLE) -> Exchange[Frame, list[Value]]:
    """Read one item, following up as often as the meter says that more is there.

    Raises `Refused` (the error byte in words), `BadAnswer` (wrong length, no BCD, a broken sequence), `NoAnswer`.
    """
    return _read(address, item.wire, item.wire, item.longest, preamble, item.decode)


def read_data(address: str, di: bytes, longest: int, preamble: bytes = PREAMBLE) -> Exchange[Frame, bytes]:
    """The data behind the identifier `di` (as on the wire), all follow-up frames put together."""
    return _read(address, di, di, longest, preamble, bytes)


def read_records(
    address: str, request: Read, longest: int = _USUAL_DATA, preamble: bytes = PREAMBLE
) -> Exchange[Frame, bytes]:
    """Load records, all frames put together; empty where the meter has none that match (91H with L = 4)."""
    return _read(address, request.di, request.data, longest, preamble, bytes)


def _read(
    address: str, di: bytes, request: bytes, longest: int, preamble: bytes, decode: Callable[[bytes], T]
) -> Generator[Ask[Frame], Frame, T]:
    to = addresses.to_wire(address)
    frame = yield _ask(to, READ, di, request, b"", longest, preamble)
    data = _part(frame, di, b"")
    sequence = 0
    while frame.control & FOLLOWS:
        sequence += 1
        if sequence > _MOST_SEQUENCE:
            raise BadAnswer("more follow-up frames than the standard allows", frame.raw)
        number = bytes((sequence,))
        frame = yield _ask(to, FOLLOW_UP, di, di + number, number, _MOST_DATA, preamble)
        data += _part(frame, di, number)
    return decode(data)


def _part(frame: Frame, di: bytes, number: bytes) -> bytes:
    if frame.control & ABNORMAL:
        raise refused(frame)
    answer = frame.data
    if len(answer) < len(di) + len(number):
        raise BadAnswer("an answer without data", frame.raw)
    return answer[len(di) : len(answer) - len(number)]


def _ask(to: bytes, function: int, di: bytes, data: bytes, number: bytes, longest: int, preamble: bytes) -> Ask[Frame]:
    expected = REPLY | function
    usual = to + bytes((START, expected))

    def answers(frame: Frame) -> bool:
        if frame.raw[1:9] != usual:  # a refusal, the first of several, a wildcard's answer, or somebody else's
            if frame.control & (REPLY | FUNCTION) != expected or not addresses.may_answer(to, frame.address):
                return False
            if frame.control & ABNORMAL:
                return True
        # Data says what it answers, and a late answer to another read is known by it; a follow-up is known by its
        # sequence number at the end. A refusal and an empty answer do not say what they answer.
        answer = frame.data
        if answer[:4] == di:
            return not number or answer[-1:] == number
        return len(answer) < 4

    return Ask(
        data=encode(to, function, data, preamble),
        answers=answers,
        reply_bytes=OVERHEAD + min(longest + len(data), _MOST_DATA) + len(PREAMBLE),
        confusable=(to, function, data),
    )


def _behind(di: bytes, data: bytes) -> bytes:
    if data[: len(di)] != di:
        raise BadAnswer("the answer is to another item", data)
    return data[len(di) :]
