"""The one conversation that does what was ordered at a meter, and the check that its frame must pass."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from headend.collection.survey import MeterPath
from headend.safety.function import Function
from headend.safety.limit import LIMITS
from headend.safety.meaning import Dlt645, Modbus, Wire
from headend.safety.order import Order, Target
from headend.sending.gate import Gate
from protocols.dlt645.model import Dlt645Model
from protocols.dlt645.services.access import Access
from protocols.dlt645.services.freeze import Freeze
from protocols.dlt645.services.order import Ordered
from protocols.dlt645.services.service import perform
from protocols.errors import NotPermitted
from protocols.exchange import Exchange
from protocols.modbus import ModbusModel
from protocols.modbus.pdu import parse_request
from protocols.modbus.reads import parse_unit
from protocols.modbus.wire import transact
from protocols.modbus.writes import Safety, WritePoint


@dataclass(frozen=True, slots=True)
class Act:
    """`start` begins the conversation, for which `wire` knows what its frame must mean. It is begun once, in `around`.
    `answered` false: the meter never says that it took it."""

    wire: Wire
    start: Callable[[], Exchange[Any, Any]]
    answered: bool = True
    around: Callable[[Gate], AbstractAsyncContextManager[None]] = lambda _: nullcontext()


def act(meter: MeterPath, order: Order, target: Target, zone: ZoneInfo, on_line: Any, access: Access | None) -> Act:
    """What is ordered by a frame of its own. `on_line`: the line's wire. `access`: the meter's password, where it wants
    one.

    Raises `NotPermitted` where the meter's kind has no frame for it, or the password is not known.
    """
    model = meter.model
    if isinstance(model, ModbusModel):
        checked = Modbus(on_line.framing, point_for(model, order))
        request = parse_request(checked.wanted(order))
        return Act(checked, lambda: transact(parse_unit(target.address), request, on_line))
    if not isinstance(model, Dlt645Model) or model.edition != "2007":
        raise NotPermitted(no_frame(meter, order))
    known = Dlt645(model.relay.limit)
    want = known.wanted(order, zone)
    if isinstance(want, Freeze):
        return Act(known, lambda: perform(target.address, want, on_line.preamble))
    if access is None:
        raise NotPermitted(f"no password is known of meter {meter.name}")
    return Act(known, lambda: perform(target.address, Ordered(want, access), on_line.preamble))


def wants_password(meter: MeterPath, order: Order) -> bool:
    """Whether the meter's safe is opened for it."""
    return isinstance(meter.model, Dlt645Model) and order.function is not Function.FREEZE


def point_for(model: ModbusModel, order: Order) -> WritePoint:
    """Where the model lets it be done. Raises `NotPermitted`."""
    given = dict(order.parameters)
    if "point" in given:
        found = [model.writes[given["point"]]] if given["point"] in model.writes else []
    elif order.function in LIMITS:
        found = [p for p in model.writes.values() if p.safety is Safety.LIMIT]
    else:
        found = [p for p in model.writes.values() if p.safety is Safety.RELAY and order.function.value in p.words]
    if len(found) != 1:
        raise NotPermitted(f"model {model.head.name} declares no register for {order.function}")
    return found[0]


def why_not(meter: MeterPath, order: Order, target: Target) -> str:
    """Why a meter of this kind has no such frame; empty where it has. Raises `NotPermitted`, `ModelError`."""
    model = meter.model
    if isinstance(model, ModbusModel):
        Modbus("rtu", point_for(model, order)).wanted(order)
    elif not isinstance(model, Dlt645Model) or model.edition != "2007":
        return no_frame(meter, order)
    else:
        Dlt645(model.relay.limit).wanted(order, meter.zone)
        if order.function is not Function.FREEZE:
            model.check_address(target.address)
    return ""


def no_frame(meter: MeterPath, order: Order) -> str:
    return f"meters of model {meter.model.head.name} have no frame for {order.function}"
