"""Frames as senders build them, and how a line asks."""

from __future__ import annotations

from typing import Any

from headend.safety.order import Order, Target
from protocols.dlt645.services.access import Access
from protocols.dlt645.services.control import Command, Control
from protocols.dlt645.services.field import local_text
from protocols.dlt645.services.order import Ordered
from protocols.dlt645.services.service import perform
from protocols.exchange import Ask
from tests.headend.safety.site import ZONE

SECRET = Access(2, b"\x12\x34\x56")


def control(what: Order, target: Target, command: Command = Command.TRIP, **more: Any) -> Ask[Any]:
    assert what.expires is not None
    until = more.pop("until", local_text(what.expires.astimezone(ZONE)))
    return next(perform(target.address, Ordered(Control(command, until, **more), SECRET)))
