"""When a frame that tells the time goes out, and what it says: it is to be heard on a full second."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from headend.clock.offset import shown_at
from headend.collection.line import Line

SECOND: Final = timedelta(seconds=1)
_FRAME_BYTES: Final = 22
_BITS: Final = 11


def on_wire(line: Line) -> timedelta:
    """What a frame 08H takes on this line."""
    wire: Any = line.wire
    rate = line.path.bits_per_second
    return timedelta(seconds=(_FRAME_BYTES + len(wire.preamble)) * _BITS / rate if rate else 0.0)


def next_second(at: datetime) -> datetime:
    """The next full second; `at` itself where it is one."""
    whole = at.replace(microsecond=0)
    return whole if whole == at else whole + SECOND


def nearest_second(at: datetime) -> datetime:
    return (at + SECOND / 2).replace(microsecond=0)


def spelled(heard: datetime, zone: ZoneInfo, left: timedelta) -> str:
    """What a clock is to show at `heard` that stays `left` off."""
    return nearest_second(shown_at(heard, zone) + left).isoformat()
