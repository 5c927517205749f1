"""What one frame of DL/T 645 asks a meter for, read from its bytes."""

from __future__ import annotations

from typing import Any

from headend.safety.order import Order
from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import Frame
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.services.request import parse_request
from protocols.errors import ModelError, NotPermitted, ProtocolError


def request_in(data: bytes, address: str) -> Any:
    """What the one frame in `data` asks of the meter at `address`. Raises `NotPermitted`, without bytes: they may be a
    password."""
    try:
        to = addresses.to_wire(address)
    except ModelError as error:
        raise NotPermitted(str(error)) from None
    found = FrameReader().feed(data)
    frame = found[0] if len(found) == 1 else None
    if not isinstance(frame, Frame) or frame.address != to:
        raise NotPermitted(f"not one frame to the meter at {address}")
    try:
        return parse_request(frame)
    except (ProtocolError, ValueError):
        raise NotPermitted("the frame is no request that can be read") from None


def without_parameters(order: Order) -> None:
    """Raises `NotPermitted` where the order has any: its frame has no place for them."""
    if order.parameters:
        raise NotPermitted(f"{order.function} has no frame with such parameters")


def only(order: Order, function: str) -> None:
    """Raises `NotPermitted` for an order of something else, and where it has parameters."""
    if order.function != function:
        raise NotPermitted(f"the frame does something else than {order.function} as it was ordered")
    without_parameters(order)
