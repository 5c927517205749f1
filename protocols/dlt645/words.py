"""What codes of a reply mean, in words (DL/T 645-2007, 7.1 and Annex B; 1997, Annex B)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from protocols.dlt645.bit_words import bit_words as bit_words

ERROR_BITS: Final = (
    "other error",
    "no requested data",
    "wrong password or not authorised",
    "baud rate cannot be changed",
    "too many year zones",
    "too many day periods",
    "too many rates",
    "reserved",
)

SERVICES: Final = {
    0x03: "security",
    0x08: "broadcast time",
    0x11: "read",
    0x12: "read follow-up",
    0x13: "read address",
    0x14: "write",
    0x15: "write address",
    0x16: "freeze",
    0x17: "change baud rate",
    0x18: "change password",
    0x19: "clear demand",
    0x1A: "clear meter",
    0x1B: "clear events",
    0x1C: "control",
    0x1D: "terminal function",
}


ERROR_BITS_1997: Final = (
    "illegal data",
    "no such identifier",
    "wrong password",
    "reserved",
    "too many year zones",
    "too many day periods",
    "too many rates",
    "reserved",
)

SERVICES_1997: Final = {
    0x01: "read",
    0x02: "read follow-up",
    0x03: "read again",
    0x04: "write",
    0x08: "broadcast time",
    0x0A: "write address",
    0x0C: "change baud rate",
    0x0F: "change password",
    0x10: "clear demand",
}

CONTROLS: Final = {
    0x1A: "trip",
    0x1B: "permit close",
    0x1C: "close",
    0x1D: "trip, close again by itself",
    0x1E: "trip, close again by itself",
    0x2A: "alarm",
    0x2B: "alarm off",
    0x3A: "protect supply",
    0x3B: "unprotect supply",
}
"""N1 of the control service (1CH, a supplement to the 2007 edition)."""

BAUD_RATES: Final = {0x02: 600, 0x04: 1200, 0x08: 2400, 0x10: 4800, 0x20: 9600, 0x40: 19200}
"""Z of the baud rate service, 2007 edition, in bit/s."""

BAUD_RATES_1997: Final = {0x00: 1200, 0x02: 300, 0x04: 600, 0x10: 2400, 0x20: 4800, 0x40: 9600}
"""The same of the 1997 edition: other bits, and none for the rate that every meter begins with."""

SECURITY_ERROR_BITS: Final = (
    "other error",
    "charged twice",
    "security module: check failed",
    "security module: authentication failed",
    "customer number does not match",
    "wrong count of charges",
    "too much energy bought",
    "wrong address",
    "meter suspended",
    "supply was not restored",
)
"""SERR, two bytes, of the security services: a supplement, restated as three public implementations have it."""


def refusal(error: int, bits: Sequence[str] = ERROR_BITS) -> str:
    """The error byte ERR in words: every bit that is set."""
    words = [word for bit, word in enumerate(bits) if error & (1 << bit)]
    return ", ".join(words) or "no reason given"
