"""The one conversation that does what was ordered at a meter, and the check that its frame must pass."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from headend.collection.survey import MeterPath
from headend.safety.function import Function
from headend.safety.limit import LIMITS
from headend.safety.meaning import Dlt645, Modbus, Wire, unparameterised
from headend.safety.order import Order, Target
from headend.safety.passwords import Change
from protocols.dlt645.model import Dlt645Model
from protocols.dlt645.services.access import Access
from protocols.dlt645.services.freeze import Freeze
from protocols.dlt645.services.order import Ordered
from protocols.dlt645.services.password import ChangePassword
from protocols.dlt645.services.service import perform
from protocols.errors import ModelError, NotPermitted
from protocols.exchange import Exchange
from protocols.modbus import ModbusModel
from protocols.modbus.pdu import parse_request
from protocols.modbus.reads import parse_unit
from protocols.modbus.wire import transact
from protocols.modbus.writes import Safety, WritePoint


class Passage(Protocol):
    """`passed`: the frame was let through."""

    @property
    def passed(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Act:
    """`start` begins the conversation, for which `wire` knows what its frame must mean. It is begun once, in `around`.
    `answered` false: the meter never says that it took it."""

    wire: Wire
    start: Callable[[], Exchange[Any, Any]]
    answered: bool = True
    around: Callable[[Passage], AbstractAsyncContextManager[None]] = lambda _: nullcontext()


def act(
    meter: MeterPath,
    order: Order,
    target: Target,
    zone: ZoneInfo,
    on_line: Any,
    access: Access | None,
    change: Change | None = None,
) -> Act:
    """`on_line`: the line's wire. `access`: the meter's password, where it wants one; `change` of it, from and to.

    Raises `NotPermitted` where the meter's kind has no frame for it, or the password is not known.
    """
    model = meter.model
    if isinstance(model, ModbusModel):
        checked = Modbus(on_line.framing, point_for(model, order))
        request = parse_request(checked.wanted(order))
        return Act(checked, lambda: transact(parse_unit(target.address), request, on_line))
    if not isinstance(model, Dlt645Model) or model.edition != "2007":
        raise NotPermitted(f"meters of model {model.head.name} have no frame for {order.function}")
    known = Dlt645(model.relay.limit, change)
    want = known.wanted(order, zone)
    if isinstance(want, (Freeze, ChangePassword)):
        return Act(known, lambda: perform(target.address, want, on_line.preamble))
    if access is None:
        raise NotPermitted(f"no password is known of meter {meter.name}")
    return Act(known, lambda: perform(target.address, Ordered(want, access), on_line.preamble))


def wants_password(meter: MeterPath, order: Order) -> bool:
    """Whether the meter's safe is opened for it."""
    return isinstance(meter.model, Dlt645Model) and order.function not in (Function.FREEZE, Function.CHANGE_PASSWORD)


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


def is_possible(meter: MeterPath, order: Order, target: Target) -> str:
    """Why a meter of this kind cannot be ordered to do that; empty where it can. Asked when an order is drawn up."""
    model = meter.model
    try:
        if order.function is Function.SET_TIME:
            return _why_no_time(meter, order, target)
        if isinstance(model, ModbusModel):
            Modbus("rtu", point_for(model, order)).wanted(order)
        elif not isinstance(model, Dlt645Model) or model.edition != "2007":
            return f"meters of model {model.head.name} have no frame for {order.function}"
        else:
            if order.function is Function.CHANGE_PASSWORD:
                unparameterised(order)
            else:
                Dlt645(model.relay.limit).wanted(order, meter.zone)
            if order.function is not Function.FREEZE:
                model.check_address(target.address)
    except (NotPermitted, ModelError) as error:
        return str(error)
    return ""


def _why_no_time(meter: MeterPath, order: Order, target: Target) -> str:
    """08H is alike in both editions. Raises `ModelError`."""
    model = meter.model
    if order.parameters:
        return f"{order.function} has no frame with such parameters"
    if isinstance(model, Dlt645Model):
        model.check_address(target.address)
        return ""
    points = model.writes.values() if isinstance(model, ModbusModel) else ()
    if any(point.safety is Safety.CLOCK for point in points):
        return f"model {model.head.name} does not say how its clock is read: nothing would tell that it was set"
    return f"model {model.head.name} declares no clock"
