"""How the payloads of one push source are to be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class PayloadSettings:
    """`time` is the policy for values that come without any time: refuse them, or take the slot in which they came."""

    zone: ZoneInfo
    """Of the meters' clocks."""
    time: Literal["payload", "received"] = "payload"
    slot_s: int = 900
    edition: str = "2007"
    """Of DL/T 645 frames: 2007, 1997 or both."""
    ahead_s: int = 86_400
    """How far a time may be ahead of our clock."""
