"""TCP framing: the MBAP header and a PDU (Modbus Messaging on TCP/IP Implementation Guide V1.0b, clause 3.1.3).

There is no check sum: TCP keeps the bytes, and a header is believed when its protocol is 0 and its length possible.
On nonsense the reader goes on by one byte; a false start that fits by chance can still swallow what follows, which is
why a broken stream is better closed than read on.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Final, NamedTuple

from protocols.exchange import Noise

OVERHEAD: Final = 7
"""Bytes of a frame around its PDU."""

_HEADER: Final = Struct(">HHHB")
_MAX_LENGTH: Final = 254


class TcpFrame(NamedTuple):
    transaction: int
    unit: int
    pdu: bytes


def encode(transaction: int, unit: int, pdu: bytes) -> bytes:
    """The frame's bytes. Raises `ValueError` for a field outside its range or a PDU outside 1..253 bytes."""
    if not 1 <= len(pdu) <= 253:
        raise ValueError(f"a PDU of {len(pdu)} bytes, expected 1..253")
    if not 0 <= transaction <= 0xFFFF or not 0 <= unit <= 0xFF:
        raise ValueError(f"transaction {transaction} or unit {unit} does not fit its field")
    return _HEADER.pack(transaction, 0, len(pdu) + 1, unit) + pdu


class TcpReader:
    """A `FrameReader` for either direction: requests and replies have one shape."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        return len(self._buffer)

    def feed(self, chunk: bytes) -> Sequence[TcpFrame | Noise]:
        if not self._buffer and _size(chunk, 0, len(chunk)) == len(chunk) > 0:  # one whole frame, as nearly always
            transaction, _, _, unit = _HEADER.unpack_from(chunk)
            return (TcpFrame(transaction, unit, chunk[OVERHEAD:]),)
        self._buffer += chunk
        return self._scan(silent=False)

    def flush(self) -> Sequence[TcpFrame | Noise]:
        return self._scan(silent=True)

    def _scan(self, *, silent: bool) -> list[TcpFrame | Noise]:
        buffer = self._buffer
        found: list[TcpFrame | Noise] = []
        start = dropped = 0  # buffer[dropped:start] is noise not yet reported
        reason = ""
        end = len(buffer)
        while start < end:
            size = _size(buffer, start, end)
            if size > 0 and start + size <= end:
                if start > dropped:
                    found.append(Noise(bytes(buffer[dropped:start]), reason))
                transaction, _, _, unit = _HEADER.unpack_from(buffer, start)
                found.append(TcpFrame(transaction, unit, bytes(buffer[start + OVERHEAD : start + size])))
                start += size
                dropped, reason = start, ""
                continue
            if size >= 0:
                if not silent:
                    break
                reason = reason or "incomplete frame"
            else:
                reason = reason or "no MBAP header starts here"
            start += 1
        if start > dropped:
            found.append(Noise(bytes(buffer[dropped:start]), reason))
        if start:
            del buffer[:start]
        return found


def _size(buffer: bytes | bytearray, start: int, end: int) -> int:
    """Length of the frame that may begin at `start`; 0 if more bytes must tell, -1 as soon as none can."""
    held = end - start
    if held >= 6 and not (buffer[start + 2] or buffer[start + 3] or buffer[start + 4]):
        length = buffer[start + 5]
        return length + 6 if 2 <= length <= _MAX_LENGTH else -1
    if (held > 2 and buffer[start + 2]) or (held > 3 and buffer[start + 3]) or (held > 4 and buffer[start + 4]):
        return -1
    return 0
