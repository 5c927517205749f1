"""What a frame must mean to be the one that was ordered: read back from its bytes, not believed from who built them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol
from zoneinfo import ZoneInfo

from headend.safety.function import Function
from headend.safety.limit import LIMITS, limit_kw
from headend.safety.one_frame import request_in
from headend.safety.order import Order, Target
from protocols.dlt645.items import item as item_of
from protocols.dlt645.services.clear import ClearDemand
from protocols.dlt645.services.control import Command, Control
from protocols.dlt645.services.field import NO_OPERATOR, local_text
from protocols.dlt645.services.freeze import Freeze
from protocols.dlt645.services.order import Ordered
from protocols.dlt645.services.write import Write
from protocols.errors import ModelError, NotPermitted, ProtocolError
from protocols.modbus import rtu
from protocols.modbus.reads import parse_unit
from protocols.modbus.tcp import TcpFrame, TcpReader
from protocols.modbus.writes import Safety, WritePoint


class Wire(Protocol):
    """How a meter is spoken to."""

    def check(self, data: bytes, order: Order, target: Target, zone: ZoneInfo) -> None:
        """Raises `NotPermitted` for all but one frame that does `order` at `target`; `zone` is the meter's. What is
        raised holds no bytes: they may be a password."""


_CONTROLS: Final[Mapping[Function, Command]] = MappingProxyType(
    {
        Function.TRIP: Command.TRIP,
        Function.TRIP_RECLOSE: Command.TRIP_RECLOSE,
        Function.CLOSE: Command.CLOSE,
        Function.PERMIT_CLOSE: Command.PERMIT_CLOSE,
        Function.ALARM: Command.ALARM,
        Function.ALARM_OFF: Command.ALARM_OFF,
        Function.PROTECT: Command.PROTECT,
        Function.UNPROTECT: Command.UNPROTECT,
    }
)
_OTHERS: Final[Mapping[Function, Callable[[str], Any]]] = MappingProxyType(
    {Function.FREEZE: lambda _: Freeze(), Function.RESET_DEMAND: lambda operator: ClearDemand(operator)}
)


@dataclass(frozen=True, slots=True)
class Dlt645:
    """DL/T 645-2007. Parameters: `operator`, the code that the meter records; `n2` of a trip that closes again; of a
    write `item`, a data identifier, and `data`, its bytes as on the wire (without the 33H) in hex; of a limit `kw`.

    `acts_on_limit`: the meter's model says that its relay opens above `LIMIT`; else no limit is set.

    A control frame must say that it is good until the order expires, in the meter's local time. A body that only a
    security module can read is refused.
    """

    acts_on_limit: bool = False

    def check(self, data: bytes, order: Order, target: Target, zone: ZoneInfo) -> None:
        want = self.wanted(order, zone)
        request = request_in(data, target.address)
        if (request.order if isinstance(request, Ordered) else request) != want:
            raise NotPermitted(f"the frame does something else than {order.function} as it was ordered")

    def wanted(self, order: Order, zone: ZoneInfo) -> Any:
        """What the frame is to carry. Raises `NotPermitted` where there is no such frame."""
        given = dict(order.parameters)
        operator = given.pop("operator", NO_OPERATOR)
        if order.function is Function.WRITE_PARAMETER:
            return _write(given, operator)
        if order.function in LIMITS:
            if not self.acts_on_limit:
                raise NotPermitted("its model does not say that its relay acts on a load limit ([dlt645.relay] limit)")
            return _limit(order, operator)
        n2 = given.pop("n2", "0")
        is_reclose = order.function is Function.TRIP_RECLOSE
        if given or not n2.isdecimal() or int(n2) > 0xFF or (int(n2) > 0) != is_reclose:
            raise NotPermitted(f"{order.function} has no frame with such parameters")
        if order.function in _OTHERS:
            return _OTHERS[order.function](operator)
        if order.function not in _CONTROLS or order.expires is None:
            raise NotPermitted(f"{order.function} has no frame in DL/T 645")
        return Control(_CONTROLS[order.function], local_text(order.expires.astimezone(zone)), operator, int(n2))


LIMIT: Final = "04000E01"
"""The greatest active power import, NN.NNNN kW."""
_BY_LIMIT: Final = "a power limit, which limit_load and raise_limit set"
_CREDIT: Final = "an amount of credit at which the meter cuts or stays cut, which no order writes"
_ELSEWHERE: Final[tuple[tuple[str, str], ...]] = (
    ("04000C", "a password, which no order writes"),
    ("04000101", "the date, which no order writes"),
    ("04000102", "the time, which no order writes"),
    ("0400010C", "the clock, which no order writes"),
    ("04000401", "the meter's address, which no order writes"),
    (LIMIT, _BY_LIMIT),
    ("04000E02", _BY_LIMIT),
    ("04000EFF", _BY_LIMIT),
    ("040010", _CREDIT),
    ("040014", "when and how the meter cuts by itself, which no order writes"),
)
"""Items that are not written as parameters, by the beginning of their identifiers."""


def _write(given: Mapping[str, str], operator: str) -> Write:
    """Raises `NotPermitted`."""
    if given.keys() != {"item", "data"}:
        raise NotPermitted("a write is told by item and data")
    item = given["item"].upper()
    for beginning, what in _ELSEWHERE:
        if item.startswith(beginning):
            raise NotPermitted(f"item {item} is {what}")
    try:
        return Write(item, bytes.fromhex(given["data"]), operator)
    except ValueError as error:
        raise NotPermitted(f"nothing can be written to item {item}: {error}") from None


def _limit(order: Order, operator: str) -> Write:
    """Raises `NotPermitted`."""
    item, kw = item_of(LIMIT), limit_kw(order)
    number = kw.scaleb(item.parts[0][0].decimals)
    try:
        if number != int(number):
            raise ValueError("more decimals than it has")
        return Write(LIMIT, item.encode((int(number),)), operator)
    except ValueError as error:
        raise NotPermitted(f"{kw} kW does not fit item {LIMIT}: {error}") from None


_NEEDS: Final[Mapping[Function, Safety]] = MappingProxyType(
    {
        Function.TRIP: Safety.RELAY,
        Function.CLOSE: Safety.RELAY,
        Function.PERMIT_CLOSE: Safety.RELAY,
        Function.RESET_DEMAND: Safety.RESET,
        Function.WRITE_PARAMETER: Safety.PARAMETER,
        **dict.fromkeys(LIMITS, Safety.LIMIT),
    }
)


@dataclass(frozen=True, slots=True)
class Modbus:
    """A write to `point`, which the meter's model declares. A relay's point has a word for what is ordered; of a
    load limit the parameter is `kw`; else they are `point`, its name, and `value`."""

    framing: Literal["rtu", "tcp"]
    point: WritePoint

    def check(self, data: bytes, order: Order, target: Target, zone: ZoneInfo) -> None:
        want = self.wanted(order)
        try:
            unit, pdu = self._open(data)
            same = unit == parse_unit(target.address)
        except (ProtocolError, ModelError):
            raise NotPermitted("not one sound frame") from None
        if not same or (unit == 0 and self.framing == "rtu"):
            raise NotPermitted(f"not one frame to {target.meter}")
        if pdu != want:
            raise NotPermitted(f"the frame does something else than {order.function} as it was ordered")

    def wanted(self, order: Order) -> bytes:
        """The PDU. Raises `NotPermitted` where the point does not do that."""
        given, point = dict(order.parameters), self.point
        if _NEEDS.get(order.function) is not point.safety:
            raise NotPermitted(f"{order.function} is not done by writing to {point.name}, which is {point.safety}")
        if point.safety is Safety.RELAY:
            value = order.function.value
            if given or value not in point.words:
                raise NotPermitted(f"{point.name} has no word for {value} with such parameters")
        elif point.safety is Safety.LIMIT:
            value = str(limit_kw(order))
        elif given.keys() != {"point", "value"} or given["point"] != point.name:
            raise NotPermitted(f"the order does not say what to write to {point.name}")
        else:
            value = given["value"]
        try:
            request = point.request(value)
        except ModelError as error:
            raise NotPermitted(str(error)) from None
        if point.safety is Safety.LIMIT and Decimal(point.read_back(request) or 0) != Decimal(value):
            raise NotPermitted(f"{point.name} cannot hold exactly {value} kW")
        return request.encode()

    def _open(self, data: bytes) -> tuple[int, bytes]:
        if self.framing == "rtu":
            serial = rtu.decode(data)
            if not serial.crc_ok:
                raise NotPermitted("not one sound frame")
            return serial.unit, serial.pdu
        found = TcpReader().feed(data)
        frame = found[0] if len(found) == 1 else None
        if not isinstance(frame, TcpFrame):
            raise NotPermitted("not one sound frame")
        return frame.unit, frame.pdu
