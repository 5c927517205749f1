"""Hex as people paste it."""

from __future__ import annotations

import re
from typing import Final

from headend.errors import UsageFault

_PREFIXED: Final = re.compile(r"(?:0[xX]|\\[xX])([0-9A-Fa-f]{1,2})(?![0-9A-Fa-f])")
_PREFIX: Final = re.compile(r"0[xX]|\\[xX]")
_SUFFIX: Final = re.compile(r"(?<=[0-9A-Fa-f]{2})[hH](?![0-9A-Za-z])")
_BETWEEN: Final = re.compile(r"[\s,;:_\-\[\]{}()\"'<>|.]+")
_OTHER: Final = re.compile(r"[^0-9A-Fa-f]")


def bytes_of(text: str) -> bytes:
    """The bytes of hex with blanks, line breaks, commas, colons, ``0x``, ``\\x``, H or nothing between them.

    Raises `UsageFault` for what is no hex.
    """
    digits = _PREFIXED.sub(lambda match: " " + match[1].zfill(2) + " ", text)
    digits = _BETWEEN.sub("", _SUFFIX.sub("", _PREFIX.sub("", digits)))
    wrong = _OTHER.search(digits)
    if wrong:
        raise UsageFault(f"{wrong[0]!r} is no hex digit: expected bytes such as 68 12 90 78, or - for standard input")
    if not digits:
        raise UsageFault("no bytes: expected hex such as 68 12 90 78, or - for standard input")
    if len(digits) % 2:
        raise UsageFault(f"{len(digits)} hex digits are no whole number of bytes: one digit is missing or too many")
    return bytes.fromhex(digits)
