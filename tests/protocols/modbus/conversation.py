"""Drives an exchange by hand: no link, no clock."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from protocols.exchange import Ask, Exchange, Noise
from protocols.modbus.wire import RtuWire, TcpWire


def opened(exchange: Exchange[Any, Any]) -> Ask[Any]:
    """The first request of a conversation."""
    return next(exchange)


def answered(exchange: Exchange[Any, Any], frame: object) -> Any:
    """What the conversation returns when it is sent `frame` and needs no more."""
    try:
        exchange.send(frame)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("the conversation asks on")


def frames(events: Iterable[object]) -> list[Any]:
    return [event for event in events if not isinstance(event, Noise)]


def received(wire: RtuWire | TcpWire, *chunks: bytes) -> list[Any]:
    """Frames that a fresh reader of `wire` finds in `chunks` and the silence behind them."""
    reader = wire.reader()
    events: list[object] = []
    for chunk in chunks:
        events += reader.feed(chunk)
    return frames([*events, *reader.flush()])


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """`data` in the pieces between `places`."""
    edges = sorted({0, len(data), *(place for place in places if place < len(data))})
    return [data[low:high] for low, high in pairwise(edges)]
