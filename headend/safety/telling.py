"""Telling one meter the time: what a frame 08H says, read back from its bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from headend.safety.function import Function
from headend.safety.one_frame import only, request_in
from headend.safety.order import Order, Target
from protocols.dlt645.services.clock import SetTime
from protocols.errors import NotPermitted

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
        only(order, Function.SET_TIME)
        told = datetime.fromisoformat(told_by(data, target.address))
        right = (self.now() + self.on_wire).astimezone(zone).replace(tzinfo=None) + self.left
        if abs(told - right) > LATE:
            raise NotPermitted(f"the time that it tells is {(told - right).total_seconds():+.1f} s off")


def told_by(data: bytes, address: str) -> str:
    """The time that one frame tells the meter at `address`. Raises `NotPermitted` for anything else."""
    request = request_in(data, address)
    if not isinstance(request, SetTime):
        raise NotPermitted("only the time may be told")
    return request.time
