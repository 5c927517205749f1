"""What a master's frame asks for: the meter's side of every service, of both editions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from protocols.dlt645.frame import Frame
from protocols.dlt645.services.access import Access
from protocols.dlt645.services.address import (
    READ_ADDRESS,
    WRITE_ADDRESS,
    WRITE_ADDRESS_1997,
    ReadAddress,
    WriteAddress,
)
from protocols.dlt645.services.baud import CHANGE_BAUD, CHANGE_BAUD_1997, ChangeBaud
from protocols.dlt645.services.clear import (
    CLEAR_DEMAND,
    CLEAR_DEMAND_1997,
    CLEAR_EVENTS,
    CLEAR_METER,
    ClearDemand,
    ClearDemand1997,
    ClearEvents,
    ClearMeter,
)
from protocols.dlt645.services.clock import SET_TIME, SetTime
from protocols.dlt645.services.control import CONTROL, Control
from protocols.dlt645.services.field import at_least, exactly, from_wire
from protocols.dlt645.services.freeze import FREEZE, Freeze
from protocols.dlt645.services.order import Opaque, Order, Ordered
from protocols.dlt645.services.password import (
    CHANGE_PASSWORD,
    CHANGE_PASSWORD_1997,
    ChangePassword,
    ChangePassword1997,
)
from protocols.dlt645.services.read import FOLLOW_UP, READ, FollowUp, Read
from protocols.dlt645.services.read_1997 import (
    FOLLOW_UP_1997,
    READ_1997,
    READ_AGAIN,
    FollowUp1997,
    Read1997,
    ReadAgain,
)
from protocols.dlt645.services.security import SECURITY, Security
from protocols.dlt645.services.service import Request
from protocols.dlt645.services.terminal import SET_TERMINAL, SetTerminal
from protocols.dlt645.services.write import WRITE, WRITE_1997, Write, Write1997
from protocols.errors import FrameError

assert SECURITY == READ_AGAIN
_HEAD: Final = 10
"""Bytes of a frame before its data."""


def parse_request(frame: Frame) -> Request[Any]:
    """The typed request in `frame`.

    Raises `FrameError` for an answer, an unknown service, or data that the service cannot have. The error carries the
    frame's head only: behind it may stand a password.
    """
    parse = None if frame.is_reply else _PARSERS.get(frame.control)
    if parse is None:
        raise FrameError(f"{frame.control:02X} is no request", frame.raw[:_HEAD])
    try:
        return parse(frame.data)
    except (FrameError, ValueError) as error:
        reason = error.args[0]
        raise FrameError(f"service {frame.function:02X}: {reason}", frame.raw[:_HEAD]) from None


def _write(data: bytes) -> Ordered[Order]:
    at_least(data, 13)
    access, operator = Access.parse(data[4:8]), from_wire(data[8:12])
    if access.is_cipher:
        return Ordered(Opaque(WRITE, data[12:], operator, data[:4]), access)
    return Ordered(Write(from_wire(data[:4]), data[12:], operator), access)


def _clear(make: Callable[[str], Order], data: bytes) -> Ordered[Order]:
    at_least(data, 8)
    access, operator = Access.parse(data), from_wire(data[4:8])
    order = make(operator)
    if access.is_cipher:
        return Ordered(Opaque(order.function, data[8:], operator), access)
    exactly(data, 8)
    return Ordered(order, access)


def _clear_events(data: bytes) -> Ordered[Order]:
    at_least(data, 12)
    access, operator = Access.parse(data), from_wire(data[4:8])
    if access.is_cipher:
        return Ordered(Opaque(CLEAR_EVENTS, data[8:], operator), access)
    return Ordered(ClearEvents(from_wire(exactly(data, 12)[8:]), operator), access)


def _control(data: bytes) -> Ordered[Order]:
    at_least(data, 8)
    access, operator = Access.parse(data), from_wire(data[4:8])
    if access.is_cipher:
        return Ordered(Opaque(CONTROL, data[8:], operator), access)
    return Ordered(Control.parse(data[8:], operator), access)


def _again_or_security(data: bytes) -> Request[Any]:
    return Security.parse(data) if data else ReadAgain()


_PARSERS: Final[Mapping[int, Callable[[bytes], Request[Any]]]] = {
    READ_1997: Read1997.parse,
    FOLLOW_UP_1997: FollowUp1997.parse,
    SECURITY: _again_or_security,
    WRITE_1997: Write1997.parse,
    SET_TIME: SetTime.parse,
    WRITE_ADDRESS_1997: partial(WriteAddress.parse, edition="1997"),
    CHANGE_BAUD_1997: partial(ChangeBaud.parse, edition="1997"),
    CHANGE_PASSWORD_1997: ChangePassword1997.parse,
    CLEAR_DEMAND_1997: ClearDemand1997.parse,
    READ: Read.parse,
    FOLLOW_UP: FollowUp.parse,
    READ_ADDRESS: ReadAddress.parse,
    WRITE: _write,
    WRITE_ADDRESS: partial(WriteAddress.parse, edition="2007"),
    FREEZE: Freeze.parse,
    CHANGE_BAUD: partial(ChangeBaud.parse, edition="2007"),
    CHANGE_PASSWORD: ChangePassword.parse,
    CLEAR_DEMAND: partial(_clear, ClearDemand),
    CLEAR_METER: partial(_clear, ClearMeter),
    CLEAR_EVENTS: _clear_events,
    CONTROL: _control,
    SET_TERMINAL: SetTerminal.parse,
}
