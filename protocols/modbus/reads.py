"""One read of neighbouring registers as a conversation, and registers spelled by hand.

    input:52             the model's register there, else one unsigned 16-bit word
    holding:0x34:u32     any register, with its type
    4:52:float32:cdab    with the function code for the table's name, and the order of bytes
    holding:30:string20  a text in 20 registers; coil:7 and discrete:7 are one bit each

Addresses count from 0, as on the wire: 40001 in old manuals is holding:0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from protocols.errors import ModelError
from protocols.exchange import Exchange
from protocols.modbus.bits import ReadBits, unpacked
from protocols.modbus.pdu import ReadRegisters
from protocols.modbus.registers import BIT, BIT_FUNCTIONS, KINDS, TYPE_NAMES, Order, Register, form_of
from protocols.modbus.wire import ModbusWire, transact
from protocols.model import Part, Quantity, Unit, Value

_FUNCTIONS: Final = {name: function for function, name in KINDS.items()} | {str(f): f for f in KINDS}
_ORDERS: Final = {order.value: order for order in Order}
_SPELLING: Final = "input:52, holding:0x34:u32 or 4:52:float32:cdab"


@dataclass(frozen=True, slots=True)
class RegisterRead:
    """A request for neighbouring registers and those of them that are wanted."""

    request: ReadRegisters | ReadBits
    registers: tuple[Register, ...]

    @property
    def label(self) -> str:
        request = self.request
        last = request.address + request.count - 1
        span = f"{request.address}" if request.count == 1 else f"{request.address}..{last}"
        return f"{KINDS[request.function]} {span}"

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return tuple(r.part.quantity for r in self.registers if r.part.quantity is not None)

    def exchange(self, address: str, wire: ModbusWire) -> Exchange[Any, list[Value]]:
        """Raises `ModelError` for an address that no unit can have on this wire, `Refused` and `BadAnswer`."""
        data = yield from transact(parse_unit(address), self.request, wire)
        return self.decode(data)

    def decode(self, data: bytes) -> list[Value]:
        """The values in the registers' bytes."""
        first = self.request.address
        if isinstance(self.request, ReadBits):
            data = b"".join(b"\0\x01" if bit else b"\0\0" for bit in unpacked(data, self.request.count))

        def words(address: int, end: int) -> bytes:
            return data[2 * (address - first) : 2 * (end - first)]

        values = []
        for register in self.registers:
            power = 0
            if register.factor is not None:
                power = int.from_bytes(words(register.factor, register.factor + 1), "big", signed=True)
            values.append(register.decode(words(register.address, register.end), power))
        return values


def span_read(function: int, address: int, count: int, registers: tuple[Register, ...]) -> RegisterRead:
    """The read of `count` registers (coils, inputs) from `address` on."""
    if function in BIT_FUNCTIONS:
        return RegisterRead(ReadBits(function, address, count), registers)
    return RegisterRead(ReadRegisters(function, address, count), registers)


def parse_unit(address: str) -> int:
    """A unit's address, 0..255, decimal. Raises `ModelError`.

    The standard gives meters 1..247. 255 (or 0) is what a Modbus TCP device wants that stands behind no gateway, and
    248..255 are used by makers in spite of the standard, so they are let through; 0 is refused by the serial wire only.
    """
    text = address.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 255):
        raise ModelError(
            f"Modbus address {address!r}: expected a number 1..247 (0 and 248..255 where a device asks for it)"
        )
    return int(text)


def part_of(function: int, address: int, quantity: Quantity | None = None) -> Part:
    """What is known of a register by its place, and by its quantity if it has one."""
    item = f"{KINDS[function]} {address}"
    if quantity is None:
        return Part(item, item, item, None, Unit.NONE, 0, None)
    return Part(item, quantity.name, quantity.name_zh, quantity.obis, quantity.unit, quantity.decimals, quantity)


def single(register: Register) -> RegisterRead:
    """The read of one register, and of its scale factor if it has one."""
    return span_read(register.function, register.low, register.high - register.low, (register,))


def is_raw(item: str) -> bool:
    """Whether `item` is spelled as a register rather than as a quantity."""
    return item.partition(":")[0].strip().lower() in _FUNCTIONS


def raw_place(item: str) -> tuple[int, int, bool]:
    """Function and address of a register spelled by hand, and whether a type stands with it. Raises `ModelError`."""
    kind, _, rest = item.strip().lower().partition(":")
    number, _, form = rest.partition(":")
    try:
        function, address = _FUNCTIONS[kind], int(number, 0)
    except (KeyError, ValueError):
        raise ModelError(f"unknown register {item!r}: expected {_SPELLING}") from None
    if not 0 <= address <= 0xFFFF:
        raise ModelError(f"register {item!r}: the address is outside 0..65535")
    return function, address, bool(form)


def raw_read(item: str, order: Order = Order.ABCD) -> RegisterRead:
    """The read of a register that no model describes; `order` holds where the item names none. Raises `ModelError`."""
    function, address, _ = raw_place(item)
    name, _, letters = item.strip().lower().partition(":")[2].partition(":")[2].partition(":")
    if function in BIT_FUNCTIONS:
        if name and name != BIT.name:
            raise ModelError(f"register {item!r}: type {name!r}, a {KINDS[function]} is a bit")
        return single(Register(function, address, BIT, part_of(function, address)))
    form = form_of(name or "u16")
    if form is None:
        raise ModelError(f"register {item!r}: unknown type {name!r}, expected one of {TYPE_NAMES}")
    if letters and letters not in _ORDERS:
        raise ModelError(f"register {item!r}: unknown order {letters!r}, expected one of {', '.join(_ORDERS)}")
    if address + form.words > 0x10000:
        raise ModelError(f"register {item!r}: {form.name} reaches past register 65535")
    return single(Register(function, address, form, part_of(function, address), _ORDERS.get(letters, order)))
