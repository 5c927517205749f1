"""The read service: 11H, follow-up 12H, refusals (DL/T 645-2007, 7.1.2 and 7.1.3)."""

from __future__ import annotations

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import OVERHEAD, PREAMBLE, Frame, encode
from protocols.dlt645.item import Item
from protocols.dlt645.words import refusal
from protocols.errors import BadAnswer, Refused
from protocols.exchange import Ask, Exchange
from protocols.model import Value

READ = 0x11
FOLLOW_UP = 0x12
READ_ADDRESS = 0x13
_MOST_DATA = 255
_MOST_SEQUENCE = 255


def read_item(address: str, item: Item, preamble: bytes = PREAMBLE) -> Exchange[Frame, list[Value]]:
    """Read one item, following up as often as the meter says that more is there.

    Raises `Refused` (the error byte in words), `BadAnswer` (wrong length, no BCD, a broken sequence), `NoAnswer`.
    """
    data = yield from read_data(address, item.wire, item.longest, preamble)
    return item.decode(data)


def read_data(address: str, di: bytes, longest: int, preamble: bytes = PREAMBLE) -> Exchange[Frame, bytes]:
    """The data behind the identifier `di` (as on the wire), all follow-up frames put together."""
    to = addresses.to_wire(address)
    frame = yield _ask(to, READ, di, min(longest + len(di), _MOST_DATA), preamble)
    data = _content(frame, di)
    sequence = 0
    while frame.follows:
        sequence += 1
        if sequence > _MOST_SEQUENCE:
            raise BadAnswer("more follow-up frames than the standard allows", frame.raw)
        tail = bytes((sequence,))
        frame = yield _ask(to, FOLLOW_UP, di + tail, _MOST_DATA, preamble)
        more = _content(frame, di)
        if not more or more[-1] != sequence:
            raise BadAnswer(f"follow-up frame is not number {sequence}", frame.raw)
        data += more[:-1]
    return data


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
    def answers(frame: Frame) -> bool:
        if not frame.is_reply or frame.function != function or not addresses.reaches(to, frame.address):
            return False
        # A refusal and an empty answer do not say what they answer; data does, and a late answer to another read is
        # known by it. A follow-up is known by its sequence number at the end.
        if frame.is_abnormal or len(frame.data) < 4:
            return True
        if frame.data[:4] != data[:4]:
            return False
        return function != FOLLOW_UP or frame.data[-1] == data[4]

    return Ask(
        data=encode(to, function, data, preamble),
        answers=answers,
        reply_bytes=OVERHEAD + longest + len(PREAMBLE),
        confusable=(to, function, data),
    )


def _content(frame: Frame, di: bytes) -> bytes:
    if frame.is_abnormal:
        code = frame.data[0] if frame.data else 0
        raise Refused(f"{code:02X}", refusal(code))
    if len(frame.data) < len(di):
        raise BadAnswer("an answer without data", frame.raw)
    return frame.data[len(di) :]
