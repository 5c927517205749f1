"""Telling one meter the time: what a frame 08H says, read back from its bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from headend.safety.function import Function
from headend.safety.order import Order, Target
from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import Frame
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.services.clock import SET_TIME, SetTime
from protocols.errors import ModelError, NotPermitted, ProtocolError

LATE: Final = timedelta(milliseconds=500)
"""A time that is said later than this is wrong when it is heard."""


@dataclass(frozen=True, slots=True)
class TellTime:
    """08H to the meter's own address, and the time that it is there when the frame is heard, give or take `LATE`.

    `now`: this machine's clock, which the core trusts or refuses. `on_wire`: what the frame takes. `left`: how far off
    the meter's clock is to stay for today.
    """

    now: Callable[[], datetime]
    on_wire: timedelta
    left: timedelta = timedelta(0)

    def check(self, data: bytes, order: Order, target: Target, zone: ZoneInfo) -> None:
        if order.function is not Function.SET_TIME:
            raise NotPermitted(f"the frame does something else than {order.function} as it was ordered")
        told = datetime.fromisoformat(told_by(data, target.address))
        right = (self.now() + self.on_wire).astimezone(zone).replace(tzinfo=None) + self.left
        if abs(told - right) > LATE:
            raise NotPermitted(f"the time that it tells is {(told - right).total_seconds():+.1f} s off")


def told_by(data: bytes, address: str) -> str:
    """The time that one frame tells the meter at `address`. Raises `NotPermitted` for anything else."""
    found = FrameReader().feed(data)
    frame = found[0] if len(found) == 1 else None
    try:
        if not isinstance(frame, Frame) or frame.control != SET_TIME or frame.address != addresses.to_wire(address):
            raise NotPermitted("only the time may be told, and only to whom it was announced")
        return SetTime.parse(frame.data).time
    except (ProtocolError, ModelError, ValueError):
        raise NotPermitted("the frame tells no time that can be read") from None
