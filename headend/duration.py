"""Durations as people write them: ``500ms``, ``10s``, ``15m``, ``1h``, ``1d``."""

from __future__ import annotations

import re
from typing import Final

_SPELLING: Final = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$")
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> float:
    """Seconds of ``15m``. Raises `ValueError` saying what was expected."""
    match = _SPELLING.match(text.strip())
    if not match:
        raise ValueError(f"{text!r} is no duration, expected a number with ms, s, m, h or d, such as 15m")
    return float(match[1]) * _SECONDS[match[2]]
