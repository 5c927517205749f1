"""The permit for one frame 08H and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from headend.safety.telling import LATE, told_by
from protocols.errors import NotPermitted
from protocols.exchange import Ask


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
    frame: bytes = b""

    def __call__(self, ask: Ask[Any]) -> None:
        if self.used:
            raise NotPermitted("the time is told once")
        if told_by(ask.data, self.address) != self.text:
            raise NotPermitted("another time than the one that was announced")
        at = self.now()
        if reasons := self.last_look(at):
            raise NotPermitted(f"the time is not told: {'; '.join(reasons)}")
        if abs(at + self.on_wire - self.heard) > LATE:
            raise Stale("the line was not free in time: the time is over that was to be told")
        self.used, self.frame = True, ask.data
