"""A Modbus meter model: the register map in a model file, after the head that all model files have.

    [modbus]                     # what holds for every register that does not say otherwise
    function = 4                 # 3 holding, 4 input
    type = "float32"             # u16 s16 u32 s32 u64 s64 float32 float64
    word_order = "high"          # which register of a longer number stands first: "high" or "low"
    byte_order = "big"           # "little": low byte first in each register
    address_base = 0             # taken off every address: 0 as on the wire, 1 or 30001 as many manuals count
    max_registers = 125          # in one read
    holes = false                # whether registers between the known ones may be read with them
    not_available = ["FFFFFFFF"] # words that mean "no value", hex, high byte first; held against types of their length

    [[register]]
    quantity = "active_power"    # a name of protocols/quantities.py; its unit is what `scale` must lead to
    address = 52
    unit = "W"                   # the raw number's unit where it is not the quantity's: then `scale` must be given
    scale = "0.001"              # value = raw number * scale; a string, so that it is exact
    # and any of function, type, word_order, byte_order, not_available

Labels and items ("input 52") always count from 0, as on the wire.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from protocols.errors import BadAnswer, FrameError, ModelError
from protocols.exchange import FrameReader
from protocols.modbus.pdu import MAX_READ, ReadRegisters, parse_request
from protocols.modbus.plan import Ground, plan_reads
from protocols.modbus.reads import RegisterRead, is_raw, parse_unit, part_of, raw_place, raw_read, single
from protocols.modbus.registers import TYPES, Order, Register, scale_of
from protocols.modbus.rtu import RtuFrame, RtuReader
from protocols.modbus.tcp import TcpFrame, TcpReader
from protocols.model import Quantity, Unit, Value
from protocols.quantities import quantity as find_quantity

if TYPE_CHECKING:
    from protocols.meter_model import Golden, Head

_PREFIXED: Final = {
    Unit.KWH: ("Wh", "MWh"),
    Unit.KVARH: ("varh", "Mvarh"),
    Unit.KVAH: ("VAh", "MVAh"),
    Unit.KW: ("W", "MW"),
    Unit.KVAR: ("var", "Mvar"),
    Unit.KVA: ("VA", "MVA"),
    Unit.VOLT: ("mV", "kV"),
    Unit.AMPERE: ("mA", "kA"),
    Unit.HERTZ: ("mHz",),
    Unit.NONE: ("%",),
}
"""The units in which a raw register may hold what a quantity keeps in its own."""

_Words = Literal["high", "low"]
_Bytes = Literal["big", "little"]
_Function = Literal[3, 4]


class _Defaults(msgspec.Struct, forbid_unknown_fields=True):
    function: _Function | None = None
    type: str | None = None
    word_order: _Words = "high"
    byte_order: _Bytes = "big"
    address_base: int = 0
    max_registers: int = MAX_READ
    holes: bool = False
    not_available: list[str] = []


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    quantity: str
    address: int
    function: _Function | None = None
    type: str | None = None
    word_order: _Words | None = None
    byte_order: _Bytes | None = None
    scale: str | None = None
    unit: str | None = None
    not_available: list[str] | None = None


class _Tables(msgspec.Struct, forbid_unknown_fields=True):
    modbus: _Defaults
    register: list[_Row]


_ORDER: Final[Mapping[tuple[_Words, _Bytes], Order]] = {
    ("high", "big"): Order.ABCD,
    ("low", "big"): Order.CDAB,
    ("high", "little"): Order.BADC,
    ("low", "little"): Order.DCBA,
}


@dataclass(frozen=True, slots=True, eq=False)
class ModbusModel:
    """A kind of meter. Immutable; equal to itself alone."""

    head: Head
    grounds: Mapping[int, Ground]
    """By function code."""
    by_quantity: Mapping[int, Register]
    """By quantity id."""
    order: Order
    """Holds for registers that are spelled by hand too."""

    @property
    def registers(self) -> tuple[Register, ...]:
        """The whole map, by function and address."""
        return tuple(register for ground in self.grounds.values() for register in ground.known)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return tuple(r.part.quantity for r in self.by_quantity.values() if r.part.quantity is not None)

    def register(self, quantity: Quantity) -> Register:
        """Where the model keeps `quantity`. Raises `ModelError`."""
        found = self.by_quantity.get(quantity.id)
        if found is None:
            raise ModelError(f"model {self.head.name} has no {quantity.name}")
        return found

    def plan(self, wanted: Collection[Quantity]) -> tuple[RegisterRead, ...]:
        lacking = sorted(q.name for q in wanted if q.id not in self.by_quantity)
        if lacking:
            raise ModelError(f"model {self.head.name} has no {', '.join(lacking)}")
        registers = [self.by_quantity[number] for number in {q.id for q in wanted}]
        return tuple(
            read
            for function, ground in self.grounds.items()
            for read in plan_reads([r for r in registers if r.function == function], ground)
        )

    def read(self, item: str) -> RegisterRead:
        """`item` is a quantity's name, an OBIS code, or a register: "input:52", "4:0x34", "holding:100:u32"."""
        if not is_raw(item):
            return single(self.register(find_quantity(item)))
        function, address, typed = raw_place(item)
        if not typed and function in self.grounds:
            for register in self.grounds[function].known:
                if register.address == address:
                    return single(register)
        return raw_read(item, self.order)

    def check_address(self, address: str) -> str:
        return str(parse_unit(address))

    def decode_golden(self, golden: Golden) -> list[Value]:
        """All registers of the model that the conversation covers. RTU or TCP framing, as the bytes show."""
        asked, answer = _only_frame(golden.request, "request"), _only_frame(golden.reply, "reply")
        if type(asked) is not type(answer) or asked.unit != answer.unit:
            raise BadAnswer("the reply is another unit's or framing's than the request", golden.reply)
        if isinstance(asked, TcpFrame) and isinstance(answer, TcpFrame) and asked.transaction != answer.transaction:
            raise BadAnswer("the reply is another transaction's", golden.reply)
        request = parse_request(asked.pdu)
        if not isinstance(request, ReadRegisters):
            raise BadAnswer("the golden request reads no registers", golden.request)
        ground = self.grounds.get(request.function)
        end = request.address + request.count
        inside = tuple(r for r in ground.known if r.address >= request.address and r.end <= end) if ground else ()
        return RegisterRead(request, inside).decode(request.decode_reply(answer.pdu))


def _only_frame(raw: bytes, direction: Literal["request", "reply"]) -> RtuFrame | TcpFrame:
    readers: tuple[FrameReader[RtuFrame] | FrameReader[TcpFrame], ...] = (RtuReader(direction), TcpReader())
    for reader in readers:
        found = [*reader.feed(raw), *reader.flush()]
        if len(found) == 1 and isinstance(found[0], RtuFrame | TcpFrame):
            return found[0]
    raise FrameError(f"not one sound RTU or TCP {direction}", raw)


def parse_model(head: Head, tables: dict[str, Any]) -> ModbusModel:
    """The model in the tables behind the head. Raises `ModelError` naming the key and what was expected."""
    try:
        parsed = msgspec.convert(tables, _Tables)
    except msgspec.ValidationError as error:
        raise ModelError(str(error)) from error
    defaults = parsed.modbus
    if not 1 <= defaults.max_registers <= MAX_READ:
        raise ModelError(f"modbus.max_registers is {defaults.max_registers}, expected 1..{MAX_READ}")
    if not parsed.register:
        raise ModelError("register: expected at least one [[register]]")
    registers = [_register(row, f"register[{index}]", defaults) for index, row in enumerate(parsed.register)]
    by_quantity: dict[int, Register] = {}
    for index, register in enumerate(registers):
        assert register.part.quantity is not None
        if by_quantity.setdefault(register.part.quantity.id, register) is not register:
            raise ModelError(f"register[{index}].quantity: {register.part.name} stands in the model twice")
    grounds = {}
    for function in sorted({register.function for register in registers}):
        known = tuple(sorted((r for r in registers if r.function == function), key=lambda r: r.address))
        for low, high in pairwise(known):
            if high.address < low.end:
                raise ModelError(
                    f"register.address: {high.part.name} at {high.part.item} overlaps {low.part.name} at "
                    f"{low.part.item}, expected {low.end} or above (counted from 0)"
                )
        grounds[function] = Ground(known, defaults.max_registers, defaults.holes)
    return ModbusModel(head, grounds, by_quantity, _ORDER[defaults.word_order, defaults.byte_order])


def _register(row: _Row, where: str, defaults: _Defaults) -> Register:
    function = row.function or defaults.function
    if function is None:
        raise ModelError(f"{where}.function is missing, here and in [modbus]: expected 3 (holding) or 4 (input)")
    name = row.type or defaults.type
    form = TYPES.get(name or "")
    if form is None:
        raise ModelError(f"{where}.type is {name!r}, expected one of {', '.join(TYPES)}")
    if form.words > defaults.max_registers:
        raise ModelError(f"{where}.type: {name} takes {form.words} registers, modbus.max_registers allows fewer")
    address = row.address - defaults.address_base
    if address < 0 or address + form.words > 0x10000:
        raise ModelError(
            f"{where}.address is {row.address}: from modbus.address_base {defaults.address_base} that is {address}, "
            f"expected 0..{0x10000 - form.words}"
        )
    try:
        quantity = find_quantity(row.quantity)
    except ModelError as error:
        raise ModelError(f"{where}.quantity: {error}") from error
    words = row.not_available if row.not_available is not None else defaults.not_available
    return Register(
        function,
        address,
        form,
        part_of(function, address, quantity),
        _ORDER[row.word_order or defaults.word_order, row.byte_order or defaults.byte_order],
        _scale(row, where, quantity),
        _absent(words, form.size, where, strict=row.not_available is not None),
    )


def _scale(row: _Row, where: str, quantity: Quantity) -> tuple[int, int]:
    if row.unit is not None and row.unit != quantity.unit:
        allowed = _PREFIXED.get(quantity.unit, ())
        if row.unit not in allowed:
            raise ModelError(
                f"{where}.unit is {row.unit!r}, {quantity.name} is kept in {quantity.unit.value or 'no unit'}: "
                f"expected {' or '.join(repr(unit) for unit in (quantity.unit.value, *allowed))}"
            )
        if row.scale is None:
            raise ModelError(f"{where}.scale is missing: expected what leads from {row.unit} to {quantity.unit.value}")
    text = row.scale if row.scale is not None else "1"
    try:
        scale = Decimal(text)
    except InvalidOperation:
        scale = Decimal(0)
    if not scale.is_finite() or not scale or not -40 <= scale.adjusted() <= 40:
        raise ModelError(f'{where}.scale is {text!r}, expected a decimal number other than 0 such as "0.001"')
    return scale_of(scale)


def _absent(words: list[str], size: int, where: str, *, strict: bool) -> frozenset[bytes]:
    found = set()
    for word in words:
        try:
            raw = bytes.fromhex(word)
        except ValueError:
            raw = b""
        if len(raw) not in {form.size for form in TYPES.values()} or (strict and len(raw) != size):
            expected = 2 * size if strict else "4, 8 or 16"
            raise ModelError(f"{where}.not_available: {word!r}, expected {expected} hex digits")
        if len(raw) == size:
            found.add(raw)
    return frozenset(found)
