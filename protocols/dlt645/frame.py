"""One frame on the wire: ``68 A0..A5 68 C L DATA CS 16`` (DL/T 645-2007, chapter 5; 1997 has the same shape).

CS is the sum of all bytes from the first 68H up to the one before it, modulo 256, over the bytes as sent. Each byte of
DATA is sent with 33H added. The master is advised to send four FEH first; any number of them is skipped on receipt.
"""

from __future__ import annotations

from typing import Final

START: Final = 0x68
END: Final = 0x16
OVERHEAD: Final = 12
"""Bytes of a frame without data."""
PREAMBLE: Final = b"\xfe\xfe\xfe\xfe"

REPLY: Final = 0x80
ABNORMAL: Final = 0x40
FOLLOWS: Final = 0x20
FUNCTION: Final = 0x1F

_PLUS_33: Final = bytes((value + 0x33) & 0xFF for value in range(256))
_MINUS_33: Final = bytes((value - 0x33) & 0xFF for value in range(256))


class Frame:
    """The frame that `raw` exactly is; whoever makes one has checked its structure and sum.

    `raw` as on the wire, `data` without the 33H.
    """

    __slots__ = ("control", "data", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.control = raw[8]
        self.data = raw[10:-2].translate(_MINUS_33)

    @property
    def address(self) -> bytes:
        """As on the wire, low byte first."""
        return self.raw[1:7]

    @property
    def is_reply(self) -> bool:
        """Sent by a meter (D7 of C)."""
        return bool(self.control & REPLY)

    @property
    def is_abnormal(self) -> bool:
        """The meter refuses (D6 of C)."""
        return bool(self.control & ABNORMAL)

    @property
    def follows(self) -> bool:
        """More data waits in follow-up frames (D5 of C)."""
        return bool(self.control & FOLLOWS)

    @property
    def function(self) -> int:
        """D4..D0 of C."""
        return self.control & FUNCTION

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frame) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"Frame({self.raw.hex(' ')})"


def encode(address: bytes, control: int, data: bytes = b"", preamble: bytes = PREAMBLE) -> bytes:
    """A whole frame with its preamble. `address` as on the wire, `data` without the 33H, at most 255 bytes."""
    if len(address) != 6:
        raise ValueError(f"an address has 6 bytes, not {len(address)}")
    if len(data) > 255:
        raise ValueError(f"a frame holds 255 bytes of data, not {len(data)}")
    body = b"\x68" + address + bytes((START, control, len(data))) + data.translate(_PLUS_33)
    return preamble + body + bytes((sum(body) & 0xFF, END))


def flaw(raw: bytes) -> str | None:
    """What is wrong with `raw` taken as one whole frame; None if nothing is."""
    if len(raw) < OVERHEAD or raw[0] != START or raw[7] != START:
        return "no frame starts here"
    if len(raw) != OVERHEAD + raw[9]:
        return f"length is {raw[9]} but {len(raw) - OVERHEAD} bytes of data stand there"
    if raw[-1] != END:
        return f"ends in {raw[-1]:02X}, expected 16"
    total = sum(raw[:-2]) & 0xFF
    if raw[-2] != total:
        return f"check sum is {raw[-2]:02X}, expected {total:02X}"
    return None
