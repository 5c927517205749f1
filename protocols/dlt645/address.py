"""Communication addresses (DL/T 645-2007, 5.2.2): twelve BCD digits, sent low byte first.

``AA`` bytes are wildcards: all six reach any single meter; high ones after real low ones are "shortened addressing".
``999999999999`` is the broadcast, which nobody answers.
"""

from __future__ import annotations

import re
from typing import Final

from protocols.errors import ModelError

WILDCARD: Final = "AA" * 6
BROADCAST: Final = "99" * 6

_SPELLING = re.compile(r"^(?:AA){0,6}[0-9]*$")
_ANY: Final = 0xAA
_EVERYBODY: Final = b"\x99" * 6


def normal(address: str) -> str:
    """Twelve characters, zeros put in front of a short number. Raises `ModelError` for anything that is no address."""
    text = address.strip().upper()
    if not text or len(text) > 12 or not _SPELLING.match(text):
        raise ModelError(f"not a DL/T 645 address: {address!r}, expected up to 12 digits, or AA for unknown high bytes")
    if "A" in text and len(text) != 12:
        raise ModelError(f"not a DL/T 645 address: {address!r}, a wildcard address is written in full, 12 characters")
    return text.zfill(12)


def to_wire(address: str) -> bytes:
    """The six bytes as sent, low byte first. Raises `ModelError`."""
    return bytes.fromhex(normal(address))[::-1]


def from_wire(raw: bytes) -> str:
    """Twelve characters, high digit first; a byte that is no BCD shows as it is, in hex."""
    return raw[::-1].hex().upper()


def reaches(asked: bytes, own: bytes) -> bool:
    """Whether a request to `asked` is meant for the meter `own` (both as on the wire)."""
    return asked == own or all(a in (_ANY, o) for a, o in zip(asked, own, strict=True))


def may_answer(asked: bytes, own: bytes) -> bool:
    """Whether the meter `own` can be the one that answers a request to `asked` (both as on the wire).

    A wildcard may be answered with itself. Meters of 1997 answer reads at the broadcast address with their own.
    """
    return reaches(asked, own) or asked == _EVERYBODY
