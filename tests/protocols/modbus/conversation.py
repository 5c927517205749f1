"""Drives an exchange by hand: no link, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any

from protocols.errors import NoAnswer
from protocols.exchange import Ask, Exchange, Noise
from protocols.modbus import rtu
from protocols.modbus.identification import Identification, ReadIdentification, encode_objects
from protocols.modbus.pdu import ReadRegisters, Request, exception_reply, parse_request
from protocols.modbus.rtu import RtuFrame
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


class Image:
    """A unit's registers by function and address; what is not there is refused. Holds what it was asked."""

    def __init__(self, registers: Mapping[int, Mapping[int, int]], objects: Mapping[int, bytes] | None = None) -> None:
        self.registers = registers
        self.objects = objects
        self.asked: list[Request] = []

    def put(self, function: int, address: int, raw: bytes) -> None:
        table = dict(self.registers.get(function, {}))
        table.update({address + at // 2: int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)})
        self.registers = {**self.registers, function: table}

    def answer(self, pdu: bytes) -> bytes:
        request = parse_request(pdu)
        self.asked.append(request)
        if isinstance(request, ReadIdentification) and self.objects is not None:
            return request.encode_reply(encode_objects(Identification(0x81, self.objects, None)))
        if not isinstance(request, ReadRegisters):
            return exception_reply(request.function, 1)
        table = self.registers.get(request.function, {})
        span = range(request.address, request.address + request.count)
        if not all(address in table for address in span):
            return exception_reply(request.function, 2)
        return request.encode_reply(b"".join(table[address].to_bytes(2, "big") for address in span))


def driven(exchange: Exchange[Any, Any], units: Mapping[int, Callable[[bytes], bytes]]) -> Any:
    """What a conversation over RTU returns; `units` answer PDUs, the others are silent."""
    try:
        ask = next(exchange)
        while True:
            assert not ask.acts, "a reading conversation wrote"
            asked = rtu.decode(ask.data)
            if asked.unit not in units:
                ask = exchange.throw(NoAnswer("no answer"))
                continue
            ask = exchange.send(RtuFrame(asked.unit, units[asked.unit](asked.pdu)))
    except StopIteration as stop:
        return stop.value
