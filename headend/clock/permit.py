"""The permit for one frame 08H and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import Frame
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.services.clock import SET_TIME, SetTime
from protocols.errors import NotPermitted
from protocols.exchange import Ask

LATE: Final = timedelta(milliseconds=500)
"""A time that is said later than this is wrong when it is heard."""


class Stale(NotPermitted):
    """The line was not free in time: what the frame says is over."""


@dataclass(slots=True)
class OnlyTime:
    """`Permit` that lets a frame go once which tells `address` the time `text`, to be heard at `heard`; none where
    `last_look` has a reason against it."""

    address: str
    text: str
    heard: datetime
    on_wire: timedelta
    now: Callable[[], datetime]
    last_look: Callable[[datetime], Sequence[str]]
    used: bool = False
    """The frame has gone, or was about to."""

    def __call__(self, ask: Ask[Any]) -> None:
        if self.used:
            raise NotPermitted("the time is told once")
        _check_frame(ask.data, self.address, self.text)
        at = self.now()
        if reasons := self.last_look(at):
            raise NotPermitted(f"the time is not told: {'; '.join(reasons)}")
        if abs(at + self.on_wire - self.heard) > LATE:
            raise Stale("the line was not free in time: the time is over that was to be told")
        self.used = True


def _check_frame(data: bytes, address: str, text: str) -> None:
    """Raises `NotPermitted` for anything but the frame that was announced."""
    found = FrameReader().feed(data)
    frame = found[0] if len(found) == 1 else None
    if not isinstance(frame, Frame) or frame.control != SET_TIME or frame.address != addresses.to_wire(address):
        raise NotPermitted("only the time may be told, and only to whom it was announced")
    if frame.data != SetTime(text).data:
        raise NotPermitted("another time than the one that was announced")
