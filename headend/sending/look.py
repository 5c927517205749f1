"""What a meter shows before and after a command: relay, voltage, power, what it froze, its limit, or the item that was
written. Nothing here acts."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, Final

from headend.collection.line import Line
from headend.collection.survey import MeterPath
from headend.safety.function import Function
from headend.safety.limit import LIMITS, limit_kw
from headend.safety.meaning import LIMIT
from headend.safety.order import Order
from headend.safety.verification import FREEZES, Seen
from headend.sending.acts import point_for
from protocols import models
from protocols.dlt645.model import Dlt645Model
from protocols.errors import BadAnswer, CommunicationError, LinkError, ModelError, NoAnswer, NotPermitted, Refused
from protocols.meter_model import Read
from protocols.modbus import ModbusModel
from protocols.modbus.bits import WRITE_COIL, WRITE_COILS, ReadBits
from protocols.modbus.pdu import ReadRegisters
from protocols.modbus.reads import parse_unit
from protocols.modbus.wire import transact
from protocols.modbus.writes import Safety, WritePoint
from protocols.model import Value
from protocols.quantities import BY_NAME

_STATUS: Final = "04000503"
_POWER: Final = "active_power"
_OPEN, _TRIP, _ALARM, _KEPT = 1 << 4, 1 << 6, 1 << 7, 1 << 12
_NO_WORD: Final = 0xFFFF
"""What a meter says that has no such word."""
_FROZEN: Final = "050100{:02X}"
_DEMANDS: Final = ("01010000",)
_COILS, _HOLDING = 1, 3


async def look(line: Line, meter: MeterPath, order: Order) -> Seen:
    """What tells whether `order` was done. What the meter refuses to say is not known.

    Raises `NoAnswer` and `LinkError`: a silent meter shows nothing.
    """
    if isinstance(meter.model, ModbusModel):
        return await _look_modbus(line, meter, meter.model, order)
    assert isinstance(meter.model, Dlt645Model)
    if order.function is Function.WRITE_PARAMETER:
        return Seen(as_written=await _holds(line, meter, order))
    if order.function is Function.RESET_DEMAND:
        return Seen(as_written=await _is_reset(line, meter))
    if order.function is Function.FREEZE:
        return Seen(frozen=await _frozen(line, meter))
    if order.function in LIMITS:
        return _limited(order, next((v.decimal for v in await _values(line, meter, _read(meter, LIMIT))), None))
    word = _number(await _values(line, meter, _read(meter, _STATUS)))
    power = _watts(await _values(line, meter, _read(meter, _POWER))) if order.traits.moves else None
    if word is None or word == _NO_WORD:
        return Seen(power_w=power)
    return Seen(
        bool(word & _OPEN), power_w=power, told_to_trip=bool(word & _TRIP), alarm=bool(word & _ALARM),
        kept=bool(word & _KEPT), has_kept=meter.model.relay.kept or None,
    )  # fmt: skip


async def _look_modbus(line: Line, meter: MeterPath, model: ModbusModel, order: Order) -> Seen:
    try:
        point = point_for(model, order)
    except NotPermitted:
        return Seen()
    state = await _state(line, meter, point)
    if point.safety is Safety.LIMIT:
        return _limited(order, _decimal(state))
    if point.safety is not Safety.RELAY:
        wanted = dict(order.parameters).get("value")
        return Seen(as_written=None if state is None or wanted is None else _is_same(point, state, wanted))
    known = BY_NAME[_POWER]
    reads = model.plan([known]) if known in model.quantities else ()
    power = _watts([v for read in reads for v in await _values(line, meter, read)]) if order.traits.moves else None
    is_open = {"trip": True, "close": False}.get(state or "")
    return Seen(is_open, power_w=power)


async def _state(line: Line, meter: MeterPath, point: WritePoint) -> str | None:
    """What stands at the point, one of its words where it has one for it."""
    register = point.register
    of_bit = register.function in (WRITE_COIL, WRITE_COILS)
    request: Any = (
        ReadBits(_COILS, register.address, 1)
        if of_bit
        else ReadRegisters(_HOLDING, register.address, register.form.size // 2)
    )
    try:
        answer = await line.run(transact(parse_unit(meter.address), request, line.wire), meter.name)  # type: ignore[arg-type]
    except (NoAnswer, LinkError):
        raise
    except CommunicationError:
        return None
    raw = bytes((0, answer[0] & 1)) if of_bit else bytes(answer)
    value = register.decode(raw)
    return next((word for word, number in point.words.items() if number == value.decimal), str(value))


def _limited(order: Order, shown: Decimal | None) -> Seen:
    """`shown`: kW."""
    try:
        return Seen(limit_kw=shown, as_written=None if shown is None else shown == limit_kw(order))
    except NotPermitted:
        return Seen(limit_kw=shown)


def _decimal(state: str | None) -> Decimal | None:
    try:
        return None if state is None else Decimal(state)
    except InvalidOperation:
        return None


async def _frozen(line: Line, meter: MeterPath) -> tuple[str, ...] | None:
    """When it froze at once, the latest first; None where what it says cannot be read."""
    times: list[str] = []
    for number in range(1, FREEZES + 1):
        try:
            read = _read(meter, _FROZEN.format(number))
            values = await line.run(read.exchange(meter.address, line.wire), meter.name)
        except (NoAnswer, LinkError):
            raise
        except Refused:
            break
        except (CommunicationError, ModelError):
            return None
        if not values or not values[0].text:
            break
        times.append(values[0].text)
    return tuple(times)


def _is_same(point: WritePoint, state: str, wanted: str) -> bool:
    try:
        number = point.words.get(wanted, Decimal(wanted)) if not point.register.form.text else None
    except ArithmeticError:
        return False
    if number is None or state in point.words:
        return state == wanted or (state in point.words and point.words[state] == number)
    return Decimal(state) == number


async def _holds(line: Line, meter: MeterPath, order: Order) -> bool | None:
    """Whether the item that was written reads as it was written; None where it cannot be read."""
    given = dict(order.parameters)
    read = _read(meter, given["item"])
    values = await _values(line, meter, read)
    try:
        wanted = read.item.decode(bytes.fromhex(given["data"]))  # type: ignore[attr-defined]
    except (BadAnswer, ValueError):
        return None
    if not values:
        return None
    return [(v.number, v.text) for v in values] == [(w.number, w.text) for w in wanted]


async def _is_reset(line: Line, meter: MeterPath) -> bool | None:
    """Whether the greatest demand is nought; a demand that has come since says nothing."""
    found = [await _values(line, meter, _read(meter, code)) for code in _DEMANDS]
    numbers = [values[0].number for values in found if values]
    return True if numbers and not any(numbers) else None


def _read(meter: MeterPath, item: str) -> Read:
    """As the meter's model has it, else as the standard does."""
    try:
        return meter.model.read(item)
    except ModelError:
        return models.load("dlt645_2007").read(item)


async def _values(line: Line, meter: MeterPath, read: Read) -> list[Value]:
    try:
        return list(await line.run(read.exchange(meter.address, line.wire), meter.name))
    except (NoAnswer, LinkError):
        raise
    except (CommunicationError, ModelError):
        return []


def _number(values: list[Value]) -> int | None:
    return values[0].number if values else None


def _watts(values: list[Value]) -> int | None:
    """Whole watts, less than one counts as none."""
    for value in values:
        if value.part.quantity is not None and value.part.quantity.name == _POWER and value.decimal is not None:
            return int(abs(value.decimal) * (1000 if str(value.part.unit) == "kW" else 1))
    return None
