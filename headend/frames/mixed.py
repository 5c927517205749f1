"""A paste in which several protocols stand side by side, as on a line with DL/T 645 and Modbus meters."""

from __future__ import annotations

from headend.frames import dlt645, rtu, tcp
from headend.frames.document import Document, noise
from headend.frames.items import Items
from headend.frames.modbus import Conversation
from headend.frames.registers import Map
from protocols.dlt645.frame import Frame
from protocols.exchange import Noise
from protocols.modbus.rtu import RtuFrame
from protocols.modbus.tcp import TcpFrame


def decode(raw: bytes, items: Items, known: Map) -> list[Document]:
    """Frames of DL/T 645; in what is none of them, sound frames of Modbus RTU; in the rest of Modbus TCP. Where there
    are RTU frames, a stretch that is one but for its check sum is told as such."""
    found: list[Frame | RtuFrame | TcpFrame | Noise] = []
    for outer in dlt645.pieces(raw):
        found += _modbus(outer) if isinstance(outer, Noise) else [outer]
    has_rtu = any(isinstance(piece, RtuFrame) for piece in found)
    meters, units = dlt645.Conversation(items), Conversation(known)
    documents: list[Document] = []
    for piece in found:
        match piece:
            case Frame():
                documents.append(meters.document(piece))
            case RtuFrame():
                documents.append(rtu.sound(piece, units))
            case TcpFrame():
                documents.append(tcp.sound(piece, units))
            case Noise():
                broken = rtu.with_bad_sum(piece.raw, units) if has_rtu else None
                rest = piece.raw.strip(b"\xfe")
                if broken is not None:
                    documents.append(broken)
                elif rest:
                    documents.append(noise(rest, piece.reason))
    return documents


def _modbus(event: Noise) -> list[RtuFrame | TcpFrame | Noise]:
    found: list[RtuFrame | TcpFrame | Noise] = []
    for piece in rtu.pieces(event.raw):
        if isinstance(piece, Noise):
            inner = tcp.pieces(piece.raw)
            some = any(isinstance(part, TcpFrame) for part in inner)
            found += inner if some else [Noise(piece.raw, event.reason)]
        else:
            found.append(piece)
    return found
