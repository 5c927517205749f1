"""Modbus RTU frames of both directions as documents: the check sum decides what is a frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from headend.frames.document import Document, noise
from headend.frames.modbus import SERVICES, Conversation, plausible
from headend.frames.registers import Map
from protocols.exchange import Noise
from protocols.modbus import rtu
from protocols.modbus.rtu import RtuFrame, RtuReader

NAME: Final = "modbus-rtu"
_LONGEST: Final = 256
_DIRECTIONS: Final[tuple[Literal["reply", "request"], ...]] = ("reply", "request")


def decode(raw: bytes, known: Map | None = None) -> list[Document]:
    """Documents of the frames and the noise in `raw`."""
    conversation = Conversation(known)
    documents: list[Document] = []
    for piece in pieces(raw):
        if isinstance(piece, Noise):
            documents.append(with_bad_sum(piece.raw, conversation) or noise(piece.raw, piece.reason))
        else:
            documents.append(sound(piece, conversation))
    return documents


def sound(frame: RtuFrame, conversation: Conversation) -> Document:
    return conversation.document(NAME, frame.unit, frame.pdu, rtu.encode(frame.unit, frame.pdu), "ok")


def pieces(raw: bytes) -> list[RtuFrame | Noise]:
    """Sound frames of either direction, and what stands between them, in order."""
    found: list[RtuFrame | Noise] = []
    done = 0
    for start, frame in sorted(_frames(raw), key=lambda place: place[0]):
        if start < done:
            continue
        found += _between(raw[done:start])
        found.append(frame)
        done = start + len(frame.pdu) + rtu.OVERHEAD
    return found + _between(raw[done:])


def with_bad_sum(raw: bytes, conversation: Conversation) -> Document | None:
    """`raw` if it is one frame whose only flaw is its check sum."""
    if not 4 <= len(raw) <= _LONGEST or raw[1] & 0x7F not in SERVICES or not plausible(raw[1:-2]):
        return None
    document = conversation.document(NAME, raw[0], raw[1:-2], raw, "bad")
    expected = rtu.crc16(raw[:-2]).to_bytes(2, "little").hex(" ").upper()
    note = f"check sum is {raw[-2:].hex(' ').upper()}, expected {expected}"
    return document | {"note": "; ".join(filter(None, (note, document.get("note"))))}


def _frames(raw: bytes) -> Iterator[tuple[int, RtuFrame]]:
    """Where sound frames of each direction begin; replies first."""
    for direction in _DIRECTIONS:
        reader = RtuReader(direction)
        at = 0
        for event in [*reader.feed(raw), *reader.flush()]:
            if isinstance(event, RtuFrame):
                yield at, event
                at += len(event.pdu) + rtu.OVERHEAD
            else:
                at += len(event.raw)


def _between(raw: bytes) -> list[RtuFrame | Noise]:
    return [Noise(raw, "no frame with a right check sum")] if raw else []
