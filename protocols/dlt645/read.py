"""The read service: 11H, follow-up 12H, refusals (DL/T 645-2007, 7.1.2 and 7.1.3)."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import ABNORMAL, FOLLOWS, FUNCTION, OVERHEAD, PREAMBLE, REPLY, START, Frame, encode
from protocols.dlt645.item import Item
from protocols.dlt645.words import refusal
from protocols.errors import BadAnswer, Refused
from protocols.exchange import Ask, Exchange
from protocols.model import Value

T = TypeVar("T")

READ = 0x11
FOLLOW_UP = 0x12
READ_ADDRESS = 0x13
_MOST_DATA = 255
_MOST_SEQUENCE = 255


def read_item(address: str, item: Item, preamble: bytes = PREAMBLE) -> Exchange[Frame, list[Value]]:
    """Read one item, following up as often as the meter says that more is there.

    Raises `Refused` (the error byte in words), `BadAnswer` (wrong length, no BCD, a broken sequence), `NoAnswer`.
    """
    return _read(address, item.wire, item.longest, preamble, item.decode)


def read_data(address: str, di: bytes, longest: int, preamble: bytes = PREAMBLE) -> Exchange[Frame, bytes]:
    """The data behind the identifier `di` (as on the wire), all follow-up frames put together."""
    return _read(address, di, longest, preamble, bytes)


def _read(
    address: str, di: bytes, longest: int, preamble: bytes, decode: Callable[[bytes], T]
) -> Generator[Ask[Frame], Frame, T]:
    to = addresses.to_wire(address)
    frame = yield _ask(to, READ, di, min(longest + len(di), _MOST_DATA), preamble)
    answer = frame.data
    if frame.control & ABNORMAL or len(answer) < len(di):
        raise _failure(frame)
    data = answer[len(di) :]
    sequence = 0
    while frame.control & FOLLOWS:
        sequence += 1
        if sequence > _MOST_SEQUENCE:
            raise BadAnswer("more follow-up frames than the standard allows", frame.raw)
        request = di + bytes((sequence,))
        frame = yield _ask(to, FOLLOW_UP, request, _MOST_DATA, preamble)
        answer = frame.data
        if frame.control & ABNORMAL or len(answer) < len(request):
            raise _failure(frame)
        data += answer[len(di) : -1]
    return decode(data)


def read_address(preamble: bytes = PREAMBLE) -> Exchange[Frame, str]:
    """Ask the one meter on the line for its address (13H, DL/T 645-2007, 7.1.4)."""
    frame = yield Ask(
        data=encode(addresses.to_wire(addresses.WILDCARD), READ_ADDRESS, b"", preamble),
        answers=lambda f: f.is_reply and f.function == READ_ADDRESS,
        reply_bytes=OVERHEAD + 6 + len(PREAMBLE),
        confusable=(addresses.WILDCARD, READ_ADDRESS),
    )
    if len(frame.data) != 6:
        raise BadAnswer("an address has 6 bytes", frame.raw)
    return addresses.from_wire(frame.data)


def _ask(to: bytes, function: int, data: bytes, longest: int, preamble: bytes) -> Ask[Frame]:
    expected = REPLY | function
    usual = to + bytes((START, expected))
    di, sequence = data[:4], data[4:]

    def answers(frame: Frame) -> bool:
        if frame.raw[1:9] != usual:  # a refusal, the first of several, a wildcard's answer, or somebody else's
            if frame.control & (REPLY | FUNCTION) != expected or not addresses.reaches(to, frame.address):
                return False
            if frame.control & ABNORMAL:
                return True
        # Data says what it answers, and a late answer to another read is known by it; a follow-up is known by its
        # sequence number at the end. A refusal and an empty answer do not say what they answer.
        answer = frame.data
        if answer[:4] == di:
            return not sequence or answer[-1:] == sequence
        return len(answer) < 4

    return Ask(
        data=encode(to, function, data, preamble),
        answers=answers,
        reply_bytes=OVERHEAD + longest + len(PREAMBLE),
        confusable=(to, function, data),
    )


def _failure(frame: Frame) -> Refused | BadAnswer:
    """Why `frame` holds no data."""
    if not frame.control & ABNORMAL:
        return BadAnswer("an answer without data", frame.raw)
    code = frame.data[0] if frame.data else 0
    return Refused(f"{code:02X}", refusal(code))
