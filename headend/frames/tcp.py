"""Modbus TCP frames as documents. They have no check sum: a header must fit, and what stands behind it too."""

from __future__ import annotations

from typing import Any, Final

from headend.frames.document import noise
from headend.frames.modbus import Conversation, plausible
from protocols.exchange import Noise
from protocols.modbus import tcp
from protocols.modbus.tcp import TcpReader

_NAME: Final = "modbus-tcp"


def decode(raw: bytes) -> list[dict[str, Any]]:
    """Documents of the frames and the noise in `raw`."""
    reader = TcpReader()
    conversation = Conversation()
    documents: list[dict[str, Any]] = []
    for event in [*reader.feed(raw), *reader.flush()]:
        if isinstance(event, Noise):
            documents.append(noise(event.raw, event.reason))
            continue
        frame = tcp.encode(event.transaction, event.unit, event.pdu)
        if plausible(event.pdu):
            document = conversation.document(_NAME, event.unit, event.pdu, frame, None)
            documents.append(document | {"transaction": event.transaction})
        else:
            documents.append(noise(frame, "a header, but function and length behind it do not fit"))
    return documents
