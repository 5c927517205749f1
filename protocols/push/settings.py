"""How the payloads of one push source are to be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo

from protocols.errors import ModelError

TimePolicy = Literal["payload", "received"]
EDITIONS: Final = ("2007", "1997", "both")


@dataclass(frozen=True)
class PayloadSettings:
    """`time` is the policy for values that come without any time: refuse them, or take the slot in which they came.

    Raises `ModelError` for a setting that cannot be.
    """

    zone: ZoneInfo
    """Of the meters' clocks."""
    time: TimePolicy = "payload"
    slot_s: int = 900
    edition: str = "2007"
    """Of DL/T 645 frames: 2007, 1997 or both."""
    ahead_s: int = 86_400
    """How far a time may be ahead of our clock."""

    def __post_init__(self) -> None:
        if self.time not in get_args(TimePolicy):
            raise ModelError(f"time is {self.time!r}, expected payload or received")
        if self.edition not in EDITIONS:
            raise ModelError(f"edition is {self.edition!r}, expected {', '.join(EDITIONS)}")
        if self.slot_s < 1 or self.ahead_s < 0:
            raise ModelError(f"slot_s is {self.slot_s} and ahead_s {self.ahead_s}: a slot has a second at least")
