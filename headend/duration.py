"""Durations as people write them: ``500ms``, ``10s``, ``15m``, ``1h``, ``1d``."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_SPELLING: Final = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$")
_SECONDS: Final = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}
_MOST: Final = 36500 * 86400
"""A hundred years: what is added to a time stays a time."""


def seconds(text: str) -> float:
    """Seconds of ``15m``. Raises `ValueError` saying what was expected."""
    match = _SPELLING.match(text.strip())
    if not match:
        raise ValueError(f"{text!r} is no duration, expected a number with ms, s, m, h or d, such as 15m")
    found = Decimal(match[1]) * _SECONDS[match[2]]
    if found > _MOST:
        raise ValueError(f"{text[:20]!r} is longer than anything here lasts, expected at most 36500d")
    return float(found)
