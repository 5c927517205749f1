"""What codes of a reply mean, in words (DL/T 645-2007, 7.1 and Annex B)."""

from __future__ import annotations

from typing import Final

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


def refusal(error: int) -> str:
    """The error byte ERR in words: every bit that is set."""
    words = [word for bit, word in enumerate(ERROR_BITS) if error & (1 << bit)]
    return ", ".join(words) or "no reason given"
