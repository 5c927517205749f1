"""Reads a Modbus model file's tables into a `ModbusModel`; what they may say is described in `model`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import msgspec

from protocols.errors import ModelError
from protocols.modbus.bits import MAX_READ_BITS
from protocols.modbus.identity import IdentityClue, IdentityRegister
from protocols.modbus.model import ModbusModel
from protocols.modbus.model_tables import Bytes, Defaults, Identify, Row, Tables, Words, Write
from protocols.modbus.pdu import MAX_READ
from protocols.modbus.plan import Ground
from protocols.modbus.reads import part_of
from protocols.modbus.registers import (
    BIT,
    BIT_FUNCTIONS,
    TYPE_NAMES,
    TYPES,
    Order,
    Register,
    RegisterType,
    form_of,
    scale_of,
)
from protocols.modbus.writes import WRITE_FUNCTIONS, Safety, WritePoint
from protocols.model import Obis, Part, Quantity, Unit
from protocols.quantities import BY_NAME, BY_OBIS
from protocols.quantities import quantity as find_quantity

if TYPE_CHECKING:
    from protocols.meter_model import Head

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

_UNKNOWN_SIZES: Final = frozenset({form.size for form in TYPES.values()})
_ANY_HOLE: Final = 0x10000

_ORDER: Final[Mapping[tuple[Words, Bytes], Order]] = {
    ("high", "big"): Order.ABCD,
    ("low", "big"): Order.CDAB,
    ("high", "little"): Order.BADC,
    ("low", "little"): Order.DCBA,
}


def parse_model(head: Head, tables: dict[str, Any]) -> ModbusModel:
    """The model in the tables behind the head. Raises `ModelError` naming the key and what was expected."""
    try:
        parsed = msgspec.convert(tables, Tables)
    except msgspec.ValidationError as error:
        raise ModelError(str(error)) from error
    defaults = parsed.modbus
    if not 1 <= defaults.max_registers <= MAX_READ:
        raise ModelError(f"modbus.max_registers is {defaults.max_registers}, expected 1..{MAX_READ}")
    if not isinstance(defaults.holes, bool) and not 0 <= defaults.holes < MAX_READ:
        raise ModelError(f"modbus.holes is {defaults.holes}, expected true, false or 0..{MAX_READ - 1} registers")
    if isinstance(defaults.not_available, dict):
        for name in defaults.not_available:
            if name not in TYPES:
                raise ModelError(f"modbus.not_available.{name}: expected a type of {', '.join(TYPES)}")
            _absent(None, TYPES[name], "", defaults)
    if not parsed.register:
        raise ModelError("register: expected at least one [[register]]")
    registers = [_register(row, f"register[{index}]", defaults) for index, row in enumerate(parsed.register)]
    by_name = _named(registers)
    grounds = {}
    for function in sorted({register.function for register in registers}):
        values = [register for register in registers if register.function == function]
        factors = _factors(values, defaults)
        grounds[function] = _ground(function, [*values, *factors], defaults)
    writes = {w.name: w for w in (_write(row, f"write[{i}]", defaults) for i, row in enumerate(parsed.write))}
    if len(writes) != len(parsed.write):
        raise ModelError("write.name: the same name stands twice")
    return ModbusModel(
        head,
        grounds,
        {register.part.quantity.id: register for register in registers if register.part.quantity is not None},
        _ORDER[defaults.word_order, defaults.byte_order],
        by_name,
        writes,
        _identity(parsed.identify, defaults),
    )


def _named(registers: Sequence[Register]) -> dict[str, Register]:
    by_name: dict[str, Register] = {}
    by_obis: dict[Obis, Register] = {}
    for index, register in enumerate(registers):
        part = register.part
        if by_name.setdefault(part.name, register) is not register:
            key = "quantity" if part.quantity is not None else "name"
            raise ModelError(f"register[{index}].{key}: {part.name} stands in the model twice")
        if part.obis is not None and by_obis.setdefault(part.obis, register) is not register:
            raise ModelError(f"register[{index}].obis: {part.obis} is {by_obis[part.obis].part.name} too")
    return by_name


def _factors(values: Sequence[Register], defaults: Defaults) -> list[Register]:
    order = _ORDER["high", defaults.byte_order]
    found = {}
    for register in values:
        if register.factor is not None and register.factor not in found:
            part = part_of(register.function, register.factor)
            found[register.factor] = Register(
                register.function, register.factor, TYPES["s16"], part, order, scaling=True
            )
    return list(found.values())


def _ground(function: int, registers: Sequence[Register], defaults: Defaults) -> Ground:
    known = tuple(sorted(registers, key=lambda r: (r.address, r.form.bit or 0)))
    for low, high in pairwise(known):
        bits = low.form.bit is not None and high.form.bit is not None and low.form.bit != high.form.bit
        if high.address < low.end and not (bits and low.address == high.address and function not in BIT_FUNCTIONS):
            raise ModelError(
                f"register.address: {high.part.name} at {high.part.item} overlaps {low.part.name} at "
                f"{low.part.item}, expected {low.end} or above (counted from 0)"
            )
    blocks = []
    for index, block in enumerate(defaults.block):
        first, end = block.first - defaults.address_base, block.last - defaults.address_base + 1
        if not 0 <= first < end <= 0x10000:
            raise ModelError(f"modbus.block[{index}]: {block.first}..{block.last}, expected first <= last in 0..65535")
        if (block.function or defaults.function) == function:
            blocks.append((first, end))
    holes = (_ANY_HOLE if defaults.holes else 0) if isinstance(defaults.holes, bool) else defaults.holes
    limit = MAX_READ_BITS if function in BIT_FUNCTIONS else defaults.max_registers
    ground = Ground(known, limit, holes, tuple(blocks))
    run_of = {register.address: run for run in ground.runs() for register in run}
    for register in known:
        if register.factor is not None:
            if register.high - register.low > limit:
                raise ModelError(f"register.scale_register of {register.part.name} is further away than one read goes")
            if run_of[register.factor] is not run_of[register.address]:
                raise ModelError(
                    f"register.scale_register of {register.part.name}: unknown registers lie between, "
                    "expected modbus.holes or a [[modbus.block]] that covers both"
                )
    return ground


def _register(row: Row, where: str, defaults: Defaults) -> Register:
    function = row.function or defaults.function
    if function is None:
        raise ModelError(
            f"{where}.function is missing, here and in [modbus]: expected 1 (coils), 2 (discrete inputs), 3 (holding) "
            "or 4 (input)"
        )
    form = _form(row.type or defaults.type, where, defaults)
    if function in BIT_FUNCTIONS:
        if row.type not in (None, BIT.name):
            raise ModelError(f'{where}.type is {row.type!r}, a coil or discrete input is a "bit"')
        form = BIT
    address = _address(row.address, form, where, defaults)
    part = _part(row, where, function, address)
    factor = None
    if row.scale_register is not None:
        if form.text or form.bit is not None or form.floating:
            raise ModelError(f"{where}.scale_register: {form.name} has no scale factor, expected a whole number's type")
        factor = _address(row.scale_register, TYPES["s16"], f"{where}.scale_register", defaults)
        if address <= factor < address + form.words:
            raise ModelError(f"{where}.scale_register is {row.scale_register}: that is the register itself")
    return Register(
        function,
        address,
        form,
        part,
        _ORDER[row.word_order or defaults.word_order, row.byte_order or defaults.byte_order],
        _scale(row, where, part.quantity),
        _absent(row.not_available, form, where, defaults),
        factor,
    )


def _form(name: str | None, where: str, defaults: Defaults) -> RegisterType:
    form = BIT if name == BIT.name else form_of(name or "")
    if form is None:
        raise ModelError(f"{where}.type is {name!r}, expected one of {TYPE_NAMES}")
    if form.words > defaults.max_registers:
        raise ModelError(f"{where}.type: {name} takes {form.words} registers, modbus.max_registers allows fewer")
    return form


def _address(number: int, form: RegisterType, where: str, defaults: Defaults) -> int:
    address = number - defaults.address_base
    if address < 0 or address + form.words > 0x10000:
        raise ModelError(
            f"{where}.address is {number}: from modbus.address_base {defaults.address_base} that is {address}, "
            f"expected 0..{0x10000 - form.words}"
        )
    return address


def _part(row: Row, where: str, function: int, address: int) -> Part:
    if (row.quantity is None) == (row.name is None):
        raise ModelError(f"{where}: expected either quantity or name")
    if row.quantity is not None:
        if row.obis is not None:
            raise ModelError(f"{where}.obis: a quantity has its own, expected only beside name")
        try:
            return part_of(function, address, find_quantity(row.quantity))
        except ModelError as error:
            raise ModelError(f"{where}.quantity: {error}") from error
    name = row.name or ""
    if not name.isidentifier() or not name.islower() or name in BY_NAME:
        raise ModelError(f"{where}.name is {name!r}, expected lower_case words that are no quantity of the system")
    obis = None
    if row.obis is not None:
        try:
            obis = Obis.parse(row.obis)
        except ValueError as error:
            raise ModelError(f"{where}.obis: {error}") from error
        if obis in BY_OBIS:
            raise ModelError(f"{where}.obis: {obis} is the quantity {BY_OBIS[obis].name}, expected quantity")
    try:
        unit = Unit(row.unit or "")
    except ValueError:
        raise ModelError(f"{where}.unit is {row.unit!r}, expected one of {', '.join(filter(None, Unit))}") from None
    return part_of(function, address)._replace(name=name, name_zh=name, obis=obis, unit=unit)


def _scale(row: Row, where: str, quantity: Quantity | None) -> tuple[int, int]:
    if quantity is not None and row.unit is not None and row.unit != quantity.unit:
        allowed = _PREFIXED.get(quantity.unit, ())
        if row.unit not in allowed:
            raise ModelError(
                f"{where}.unit is {row.unit!r}, {quantity.name} is kept in {quantity.unit.value or 'no unit'}: "
                f"expected {' or '.join(repr(unit) for unit in (quantity.unit.value, *allowed))}"
            )
        if row.scale is None:
            raise ModelError(f"{where}.scale is missing: expected what leads from {row.unit} to {quantity.unit.value}")
    return _decimal_scale(row.scale, where)


def _decimal_scale(text: str | None, where: str) -> tuple[int, int]:
    try:
        scale = Decimal(text if text is not None else "1")
    except InvalidOperation:
        scale = Decimal(0)
    if not scale.is_finite() or not scale or not -40 <= scale.adjusted() <= 40:
        raise ModelError(f'{where}.scale is {text!r}, expected a decimal number other than 0 such as "0.001"')
    return scale_of(scale)


def _absent(own: list[str] | None, form: RegisterType, where: str, defaults: Defaults) -> frozenset[bytes]:
    if own is not None:
        words, strict = own, True
    elif isinstance(defaults.not_available, dict):
        stated = defaults.not_available.get(form.name, [])
        words, strict, where = [stated] if isinstance(stated, str) else stated, True, f"modbus ({form.name})"
    else:
        words, strict = defaults.not_available, False
    found = set()
    for word in words:
        try:
            raw = bytes.fromhex(word)
        except ValueError:
            raw = b""
        if len(raw) not in _UNKNOWN_SIZES or (strict and len(raw) != form.size):
            expected = 2 * form.size if strict else "4, 8, 12 or 16"
            raise ModelError(f"{where}.not_available: {word!r}, expected {expected} hex digits")
        if len(raw) == form.size:
            found.add(raw)
    return frozenset(found)


def _write(row: Write, where: str, defaults: Defaults) -> WritePoint:
    if row.function not in WRITE_FUNCTIONS:
        raise ModelError(f"{where}.function is {row.function}, expected one of {', '.join(map(str, WRITE_FUNCTIONS))}")
    coil = row.function in (5, 15)
    form = BIT if coil else _form(row.type or defaults.type, where, defaults)
    if row.function == 6 and form.words != 1:
        raise ModelError(f"{where}.type: {form.name} does not fit function 6, which writes one register")
    if form.bit is not None and not coil:
        raise ModelError(f"{where}.type: {form.name} would write the register's other bits too")
    address = _address(row.address, form, where, defaults)
    words = {}
    for word, number in row.values.items():
        try:
            words[word] = Decimal(number)
        except InvalidOperation:
            raise ModelError(f"{where}.values.{word} is {number!r}, expected a decimal number") from None
    unit = Unit.KW if row.safety is Safety.LIMIT else Unit.NONE
    part = Part(f"write {address}", row.name, row.name, None, unit, 0, None)
    order = _ORDER[row.word_order or defaults.word_order, row.byte_order or defaults.byte_order]
    register = Register(row.function, address, form, part, order, _decimal_scale(row.scale, where))
    point = WritePoint(row.name, row.safety, register, words)
    for word in words:
        point.request(word)
    return point


def _identity(row: Identify, defaults: Defaults) -> IdentityClue:
    registers = []
    for index, clue in enumerate(row.register):
        where = f"identify.register[{index}]"
        form = _form(clue.type, where, defaults)
        address = _address(clue.address, form, where, defaults)
        if not clue.equals:
            raise ModelError(f"{where}.equals: expected at least one value")
        part = part_of(clue.function, address)
        order = _ORDER[defaults.word_order, defaults.byte_order]
        register = Register(clue.function, address, form, part, order)
        registers.append(IdentityRegister(register, tuple(clue.equals)))
    return IdentityClue(tuple(row.vendor), tuple(row.product), tuple(registers))
