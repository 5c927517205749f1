"""Answers that hold what was read, put together where a paste has all their frames.

2007 numbers the follow-up frames (SEQ, at the end); those of 1997 have no number, and "your last frame again" (03H)
repeats one. What is put together stands in the document of the last frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from headend.frames.document import Document, joined
from headend.frames.items import DI_BYTES, Items, is_secret, raw
from protocols.dlt645.frame import Frame
from protocols.dlt645.services.field import from_wire
from protocols.dlt645.services.read import FOLLOW_UP, READ
from protocols.dlt645.services.read_1997 import FOLLOW_UP_1997, READ_1997, READ_AGAIN

FIRSTS: Final = frozenset((READ, READ_1997))
_NUMBERED: Final = FOLLOW_UP
OF_READS: Final = FIRSTS | {FOLLOW_UP, FOLLOW_UP_1997}


def holds_item(frame: Frame, edition: str) -> bool:
    """Whether it answers a read; 03H does in 1997."""
    return frame.function in OF_READS or (frame.function == READ_AGAIN and edition == "1997")


@dataclass(slots=True)
class _Pending:
    """An answer of which more is to come."""

    code: str
    data: bytes
    last: bytes
    frames: int = 1


class Parts:
    """The unfinished answers of a paste, by the meter's address."""

    __slots__ = ("_items", "_pending")

    def __init__(self, items: Items) -> None:
        self._items = items
        self._pending: dict[bytes, _Pending] = {}

    def drop(self, address: bytes) -> None:
        """Nothing more comes of this meter's answer: it refused, or a frame is broken."""
        self._pending.pop(address, None)

    def document(self, frame: Frame, edition: str) -> Document:
        """What the answer says, with those before it."""
        size = DI_BYTES[edition]
        data = frame.data
        numbered = frame.function == _NUMBERED
        if len(data) < size + numbered:
            return raw(data) | {"note": "an answer without an identifier"}
        code, part = from_wire(data[:size]), data[size : len(data) - numbered]
        if frame.function in FIRSTS:
            return self._first(frame, edition, code, part)
        sequence = data[-1] if numbered else None
        told = self._next(frame, edition, code, part, sequence)
        return told | ({} if sequence is None else {"sequence": sequence})

    def _first(self, frame: Frame, edition: str, code: str, part: bytes) -> Document:
        self._pending.pop(frame.address, None)
        if not frame.follows:
            return self._items.content(code, edition, part)
        self._pending[frame.address] = _Pending(code, part, part)
        told = self._items.beginning(code, edition, part)
        return told | {"note": "the first part of a longer answer; values as far as they are whole"}

    def _next(self, frame: Frame, edition: str, code: str, part: bytes, sequence: int | None) -> Document:
        held = self._pending.get(frame.address)
        bare: Document = {"item": code} | ({} if is_secret(code) else raw(part))
        if held is None or held.code != code:
            if frame.function == READ_AGAIN and not frame.follows:
                whole = self._items.content(code, edition, part)
                if "error" not in whole:
                    return whole
            return bare | {"note": "one part of a longer answer whose first part is not here"}
        again = part == held.last and frame.function == READ_AGAIN
        if again or (sequence is not None and sequence == held.frames - 1 and part == held.last):
            return bare | {"note": "the same part again"}
        if sequence is not None and sequence != held.frames:
            self.drop(frame.address)
            return bare | {"note": f"part {sequence} of a longer answer; part {held.frames} is not here"}
        held.data += part
        held.last = part
        held.frames += 1
        if frame.follows:
            return bare | {"note": f"part {held.frames} of a longer answer"}
        self.drop(frame.address)
        whole = self._items.content(code, edition, held.data)
        note = f"put together from {held.frames} frames"
        return whole | {"joined": held.frames} | joined(whole.get("note"), note)
