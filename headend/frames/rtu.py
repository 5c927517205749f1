"""Modbus RTU frames of both directions as documents: the check sum decides what is a frame."""

from __future__ import annotations

from typing import Any, Final, Literal

from headend.frames.document import noise
from headend.frames.modbus import SERVICES, Conversation
from protocols.modbus import rtu
from protocols.modbus.rtu import RtuFrame, RtuReader

_NAME: Final = "modbus-rtu"
_LONGEST: Final = 256
_DIRECTIONS: Final[tuple[Literal["reply", "request"], ...]] = ("reply", "request")


def decode(raw: bytes) -> list[dict[str, Any]]:
    """Documents of the frames and the noise in `raw`."""
    conversation = Conversation()
    documents: list[dict[str, Any]] = []
    done = at = 0
    while at < len(raw):
        frame = _frame_at(raw[at : at + _LONGEST])
        if frame is None:
            at += 1
            continue
        documents += _rest(raw[done:at], conversation)
        end = at + len(frame.pdu) + rtu.OVERHEAD
        documents.append(conversation.document(_NAME, frame.unit, frame.pdu, raw[at:end], "ok"))
        done = at = end
    return documents + _rest(raw[done:], conversation)


def _frame_at(raw: bytes) -> RtuFrame | None:
    """The sound frame that begins with the first byte of `raw`."""
    if len(raw) < 4 or raw[1] & 0x7F not in SERVICES:
        return None
    for direction in _DIRECTIONS:
        reader = RtuReader(direction)
        for event in [*reader.feed(raw), *reader.flush()][:1]:
            if isinstance(event, RtuFrame):
                return event
    return None


def _rest(raw: bytes, conversation: Conversation) -> list[dict[str, Any]]:
    """What stands between sound frames: noise, or a frame whose only flaw is its check sum."""
    if not raw:
        return []
    if 4 <= len(raw) <= _LONGEST:
        mended = _frame_at(rtu.encode(raw[0], raw[1:-2]))
        if mended is not None and len(mended.pdu) == len(raw) - rtu.OVERHEAD:
            return [conversation.document(_NAME, raw[0], raw[1:-2], raw, "bad")]
    return [noise(raw, "no frame with a right check sum")]
