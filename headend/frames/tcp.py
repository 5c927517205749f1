"""Modbus TCP frames as documents. They have no check sum: a header must fit, and what stands behind it too."""

from __future__ import annotations

from typing import Final

from headend.frames.document import Document, noise
from headend.frames.modbus import Conversation, plausible
from headend.frames.registers import Map
from protocols.exchange import Noise
from protocols.modbus import tcp
from protocols.modbus.tcp import TcpFrame, TcpReader

NAME: Final = "modbus-tcp"


def decode(raw: bytes, known: Map | None = None) -> list[Document]:
    """Documents of the frames and the noise in `raw`."""
    conversation = Conversation(known)
    documents: list[Document] = []
    for piece in pieces(raw):
        if isinstance(piece, Noise):
            documents.append(noise(piece.raw, piece.reason))
        else:
            documents.append(sound(piece, conversation))
    return documents


def sound(frame: TcpFrame, conversation: Conversation) -> Document:
    transaction, unit, pdu = frame
    raw = tcp.encode(transaction, unit, pdu)
    return conversation.document(NAME, unit, pdu, raw, None, transaction) | {"transaction": transaction}


def pieces(raw: bytes) -> list[TcpFrame | Noise]:
    """Frames that can be, and what stands between them, in order."""
    reader = TcpReader()
    found: list[TcpFrame | Noise] = []
    for event in [*reader.feed(raw), *reader.flush()]:
        if isinstance(event, TcpFrame) and not plausible(event.pdu):
            frame = tcp.encode(event.transaction, event.unit, event.pdu)
            found.append(Noise(frame, "a header, but function and length behind it do not fit"))
        else:
            found.append(event)
    return found
