"""The meter's answers: making them, and what one says by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeVar

from protocols.dlt645.frame import ABNORMAL, FOLLOWS, PREAMBLE, REPLY, Frame, encode
from protocols.dlt645.services.baud import CHANGE_BAUD_1997, REFUSED_1997
from protocols.dlt645.services.edition import Edition, edition_of
from protocols.dlt645.services.field import from_wire
from protocols.dlt645.services.read import FOLLOW_UP, READ
from protocols.dlt645.services.read_1997 import FOLLOW_UP_1997, READ_1997, READ_AGAIN
from protocols.dlt645.services.security import SECURITY
from protocols.dlt645.services.service import Request, refused
from protocols.dlt645.words import ERROR_BITS, SERVICES, SERVICES_1997
from protocols.errors import FrameError, Refused

T = TypeVar("T")
_WITH_DI: Final = frozenset((READ, FOLLOW_UP, SECURITY, READ_1997, FOLLOW_UP_1997, READ_AGAIN))


def accept(own: bytes, request: Request[T], value: T, *, follows: bool = False, preamble: bytes = PREAMBLE) -> bytes:
    """The normal answer of the meter `own` (as on the wire) that gives `value`."""
    control = REPLY | request.function | (FOLLOWS if follows else 0)
    return encode(own, control, request.encode_reply(value), preamble)


def refuse(own: bytes, request: Request[T], error: int, preamble: bytes = PREAMBLE) -> bytes:
    """The refusal of the meter `own` with the bits `error`: ERR, or SERR of the security services.

    1997 has no error for a baud rate: the answer is normal, and its Z says no.
    """
    if request.function == CHANGE_BAUD_1997:
        return encode(own, REPLY | request.function, REFUSED_1997, preamble)
    size = 2 if request.function == SECURITY and request.edition == "2007" else 1
    return encode(own, REPLY | ABNORMAL | request.function, error.to_bytes(size, "little"), preamble)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer says without its request. `edition` is None where both could have sent it.

    `data` are what stands behind `item` (and before `sequence`); they are not shown, for they may be a password.
    """

    service: str
    edition: Edition | None
    item: str | None
    sequence: int | None
    data: bytes = field(repr=False)
    follows: bool
    refused: Refused | None


def parse_answer(frame: Frame) -> Answer:
    """Raises `FrameError` for a request, an unknown service, or data without their identifier."""
    edition, function = edition_of(frame), frame.function
    service = (SERVICES_1997 if edition == "1997" else SERVICES).get(function)
    if not frame.is_reply or service is None:
        raise FrameError(f"{frame.control:02X} is no answer", frame.raw[:10])
    data = frame.data
    if frame.is_abnormal:
        return Answer(service, edition, None, None, b"", False, refused(frame))
    if function == CHANGE_BAUD_1997 and data == REFUSED_1997:
        return Answer(service, edition, None, None, data, False, Refused("FF", ERROR_BITS[3]))
    item, sequence = None, None
    if function in _WITH_DI:
        size = 2 if edition == "1997" else 4
        least = size + (function == FOLLOW_UP)
        if len(data) < least:
            raise FrameError(f"{len(data)} bytes of data, expected {least} or more", frame.raw)
        item, data = from_wire(data[:size]), data[size:]
        if function == FOLLOW_UP:
            sequence, data = data[-1], data[:-1]
    return Answer(service, edition, item, sequence, data, frame.follows, None)
