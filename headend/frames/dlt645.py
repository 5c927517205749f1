"""DL/T 645 frames, both editions, both directions, as documents."""

from __future__ import annotations

from typing import Final

from headend.frames.answered import answered
from headend.frames.asked import asked
from headend.frames.document import Document, joined, noise
from headend.frames.items import Items
from headend.frames.parts import Parts, holds_item
from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import END, OVERHEAD, START, Frame, flaw
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.services.edition import edition_of
from protocols.dlt645.words import SERVICES, SERVICES_1997
from protocols.exchange import Noise

_NO_START: Final = "no frame starts here"
_REASONS: Final = {"no frame": _NO_START, "cut short": "a frame starts here and is cut short"}
_FIRST_OF_2007: Final = 0x11
"""Service codes below are those of 1997, makers' own among them."""


def decode(raw: bytes, items: Items | None = None) -> list[Document]:
    """Documents of the frames and the noise in `raw`."""
    conversation = Conversation(items or Items())
    documents = []
    for piece in pieces(raw):
        if isinstance(piece, Noise):
            rest = piece.raw.strip(b"\xfe")
            documents += [noise(rest, piece.reason)] if rest else []
        else:
            documents.append(conversation.document(piece))
    return documents


def pieces(raw: bytes) -> list[Frame | Noise]:
    """Frames, with a right check sum or not, and what stands between them, in order."""
    reader = FrameReader()
    found: list[Frame | Noise] = []
    for event in [*reader.feed(raw), *reader.flush()]:
        found += _with_bad_sums(event) if isinstance(event, Noise) else [event]
    return found


def _with_bad_sums(event: Noise) -> list[Frame | Noise]:
    """Noise, in which frames are recognised whose only flaw is the check sum."""
    raw = event.raw
    found: list[Frame | Noise] = []
    done = 0
    start = raw.find(START)
    while start >= 0:
        end = start + OVERHEAD + raw[start + 9] if len(raw) > start + 9 else len(raw) + 1
        if end <= len(raw) and raw[start + 7] == START and raw[end - 1] == END:
            if start > done:
                found.append(Noise(raw[done:start], _NO_START))
            found.append(Frame(raw[start:end]))
            done = end
            start = raw.find(START, end)
        else:
            start = raw.find(START, start + 1)
    if done < len(raw):
        found.append(Noise(raw[done:], _NO_START if done else _REASONS.get(event.reason, event.reason)))
    return found


class Conversation:
    """Frames of one paste in order: what was asked before tells more about an answer."""

    __slots__ = ("_asked", "_before", "_edition", "_items", "_parts")

    def __init__(self, items: Items) -> None:
        self._items = items
        self._parts = Parts(items)
        self._edition = "2007"
        self._asked: tuple[bytes, int, str] | None = None
        self._before = b""

    def document(self, frame: Frame) -> Document:
        wrong = flaw(frame.raw)
        edition = self._edition_of(frame)
        services = SERVICES_1997 if edition == "1997" else SERVICES
        known = frame.function in services
        content = self._answer(frame, edition, known, wrong) if frame.is_reply else self._request(frame, edition)
        note = joined(wrong, content.pop("note", None))
        return {
            "protocol": "dlt645",
            "edition": edition,
            "direction": "reply" if frame.is_reply else "request",
            "address": addresses.from_wire(frame.address),
            "control": f"{frame.control:02X}",
            "service": services.get(frame.function, "unknown"),
            "item": content.pop("item", None),
            "values": content.pop("values", []),
            "follows": frame.follows,
            "error": content.pop("error", None),
            "checksum": "bad" if wrong else "ok",
            "hex": frame.raw.hex().upper(),
        } | (content | note)

    def _edition_of(self, frame: Frame) -> str:
        """Broadcast time is alike in both: it goes with the frames before it, 2007 where there are none."""
        edition = edition_of(frame)
        if edition is not None:
            self._edition = edition
            return edition
        if frame.function in SERVICES:
            return self._edition
        return "1997" if frame.function < _FIRST_OF_2007 else "2007"

    def _request(self, frame: Frame, edition: str) -> Document:
        content = asked(frame, edition, self._items)
        self._asked = (frame.address, frame.function, str(content.get("item") or ""))
        if frame.raw == self._before:
            content |= joined(content.get("note"), "the frame before once more: an echo, or asked again")
        self._before = frame.raw
        return content

    def _answer(self, frame: Frame, edition: str, known: bool, wrong: str | None) -> Document:
        self._before = b""
        if wrong or frame.is_abnormal:
            self._parts.drop(frame.address)
        if frame.is_abnormal:
            return answered(frame, known) | self._what_was_asked(frame)
        if not holds_item(frame, edition):
            return answered(frame, known)
        parts = Parts(self._items) if wrong else self._parts
        return parts.document(frame, edition)

    def _what_was_asked(self, frame: Frame) -> Document:
        """A refusal does not say what it refuses; the request before it does."""
        if self._asked is None:
            return {}
        to, function, item = self._asked
        if not item or function != frame.function or not addresses.may_answer(to, frame.address):
            return {}
        return {"asked": item}
