"""What a reply says by itself, when nobody here asked for it: frames that are pushed, replayed or overheard."""

from __future__ import annotations

from collections.abc import Callable

from protocols.dlt645.address import from_wire
from protocols.dlt645.frame import FOLLOWS, Frame
from protocols.dlt645.item import Item
from protocols.dlt645.items import item
from protocols.dlt645.services.read import FOLLOW_UP, READ
from protocols.dlt645.words import refusal
from protocols.errors import BadAnswer, Refused
from protocols.model import Value


def read_reply(frame: Frame, items: Callable[[str], Item] = item) -> list[Value]:
    """The values in the one frame that answers a read (91H). `items` gives the item of an identifier.

    Raises `Refused`; `BadAnswer` where the frame is no answer to a read, only a part of one (B1H, 92H, B2H), or its
    data do not fit the item; `ModelError` where the item is unknown.
    """
    if not frame.is_reply:
        raise BadAnswer("a request, not a reply", frame.raw)
    if frame.is_abnormal:
        code = frame.data[0] if frame.data else 0
        raise Refused(f"{code:02X}", refusal(code))
    if frame.function not in (READ, FOLLOW_UP):
        raise BadAnswer(f"{frame.control:02X} answers no read", frame.raw)
    if len(frame.data) < 4:
        raise BadAnswer("an answer without data", frame.raw)
    if frame.control & FOLLOWS or frame.function == FOLLOW_UP:
        raise BadAnswer("one of several frames of an answer", frame.raw)
    return items(from_wire(frame.data[:4])).decode(frame.data[4:])
