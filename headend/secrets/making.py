"""New passwords: random digits that nobody would guess, and nobody sees."""

from __future__ import annotations

import secrets
from typing import Final

from protocols.dlt645.services.signer import PlainPassword

_DIGITS: Final = 6
_UP_AND_DOWN: Final = ("0123456789012345", "9876543210987654")
_KNOWN: Final = frozenset({"121314", "123123", "321321", "112233", "332211", "101010", "147258", "258369", "520520"})
"""What people set, beside digits that repeat or run."""


def is_guessable(digits: str) -> bool:
    """Fewer than three different digits, a run up or down, the same half twice, or what people set."""
    half = len(digits) // 2
    return (
        len(set(digits)) < 3
        or digits[:half] == digits[half:]
        or digits in _KNOWN
        or any(digits in run for run in _UP_AND_DOWN)
    )


def new_password(old: PlainPassword) -> PlainPassword:
    """Of the same level, decimal digits as every meter takes them; another one than `old`."""
    while True:
        digits = f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}"
        if digits != old.password and not is_guessable(digits):
            return PlainPassword(old.level, digits)
