"""A Modbus meter model: the register map in a model file, after the head that all model files have.

    [modbus]                     # what holds for every register that does not say otherwise
    function = 4                 # 1 coils, 2 discrete inputs, 3 holding, 4 input registers
    type = "float32"             # u16 s16 u32 s32 u48 s48 u64 s64 float32 float64, bcd16 bcd32 bcd48 bcd64,
                                 # bit0..bit15 (one bit of a register), string1..string125 (a text in that many
                                 # registers); coils and discrete inputs are always "bit"
    word_order = "high"          # which register of a longer number stands first: "high" or "low"
    byte_order = "big"           # "little": low byte first in each register
    address_base = 0             # taken off every address: 0 as on the wire, 1 or 30001 as many manuals count
    max_registers = 125          # in one read
    holes = false                # whether registers between the known ones may be read with them; a number: how many
    not_available = ["FFFFFFFF"] # words that mean "no value", hex, high byte first; held against types of their length,
                                 # or by type: { u32 = "FFFFFFFF", s32 = "7FFFFFFF" }

    [[modbus.block]]             # where stated, the only spans that reads may reach over, holes and all
    first = 0
    last = 79
    function = 4                 # if not that of [modbus]

    [[register]]
    quantity = "active_power"    # a name of protocols/quantities.py; its unit is what `scale` must lead to
    address = 52
    unit = "W"                   # the raw number's unit where it is not the quantity's: then `scale` must be given
    scale = "0.001"              # value = raw number * scale; a string, so that it is exact
    scale_register = 56          # value = raw number * 10**(what stands there, signed) * scale; read with the value
    # and any of function, type, word_order, byte_order, not_available

    [[register]]
    name = "serial_number"       # instead of a quantity: can be read by name, is not stored
    obis = "0-0:96.1.0"          # if it has one
    unit = ""                    # of the scaled number
    address = 64512
    type = "u32"

    [[write]]                    # described, encoded and decoded; sending it is the matter of orders
    name = "relay"
    class = "relay"              # relay, limit, clock, reset or parameter: what it does to people
    function = 6                 # 5, 6, 15 or 16 (default)
    address = 100
    type = "u16"                 # and word_order, byte_order, scale; a limit's scale leads to kW
    values = { trip = "0", close = "1" }

    [identify]                   # how a scan knows it
    vendor = ["Schneider"]       # parts of what function 43/14 says; of one list any will do
    product = ["iEM3"]
    [[identify.register]]
    address = 11
    function = 3
    type = "u16"
    equals = ["341", "345"]      # a number, or the beginning of a text

Labels and items ("input 52") always count from 0, as on the wire. `model_file` reads all this.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from protocols.errors import BadAnswer, FrameError, ModelError
from protocols.exchange import FrameReader
from protocols.modbus.bits import ReadBits
from protocols.modbus.identity import IdentityClue
from protocols.modbus.pdu import ReadRegisters, parse_request
from protocols.modbus.plan import Ground, learn, plan_reads
from protocols.modbus.reads import RegisterRead, is_raw, parse_unit, raw_place, raw_read, single
from protocols.modbus.registers import Order, Register
from protocols.modbus.rtu import RtuFrame, RtuReader
from protocols.modbus.tcp import TcpFrame, TcpReader
from protocols.modbus.writes import WritePoint
from protocols.model import Quantity, Value
from protocols.quantities import quantity as find_quantity
from protocols.recall import RecallPlan, Wanted, nothing_kept

if TYPE_CHECKING:
    from protocols.meter_model import Golden, Head


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
    by_name: Mapping[str, Register]
    """Registers with and without a quantity."""
    writes: Mapping[str, WritePoint] = field(default_factory=dict)
    identity: IdentityClue = field(default_factory=IdentityClue)

    @property
    def registers(self) -> tuple[Register, ...]:
        """The whole map, by function and address."""
        return tuple(r for ground in self.grounds.values() for r in ground.known if not r.scaling)

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

    def without(self, refused: RegisterRead) -> ModbusModel:
        """The model of one meter that refused this read for its address or its length: see `plan.learn`.

        What the meter turns out not to have is no longer among the quantities.
        """
        function = refused.request.function
        ground = learn(self.grounds[function], refused)
        left = {id(register) for register in ground.known}
        gone = {id(register) for register in self.grounds[function].known} - left
        return replace(
            self,
            grounds={**self.grounds, function: ground},
            by_quantity={number: r for number, r in self.by_quantity.items() if id(r) not in gone},
            by_name={name: r for name, r in self.by_name.items() if id(r) not in gone},
        )

    def read(self, item: str) -> RegisterRead:
        """`item` is a quantity's name, an OBIS code, a name of the model, or a register: "input:52", "4:0x34",
        "holding:100:u32"."""
        if item in self.by_name:
            return single(self.by_name[item])
        if not is_raw(item):
            for register in self.by_name.values():
                if register.part.quantity is None and register.part.obis and item == str(register.part.obis):
                    return single(register)
            return single(self.register(find_quantity(item)))
        function, address, typed = raw_place(item)
        if not typed and function in self.grounds:
            for register in self.grounds[function].known:
                if register.address == address and not register.scaling:
                    return single(register)
        return raw_read(item, self.order)

    def digits(self, quantity: Quantity) -> int | None:
        """A register map does not say where a counter starts again."""
        return None

    def check_address(self, address: str) -> str:
        return str(parse_unit(address))

    def recall(self, wanted: Wanted, zone: ZoneInfo, now: datetime, without: Collection[str] = ()) -> RecallPlan:
        """Modbus has no records."""
        return nothing_kept(wanted)

    def decode_golden(self, golden: Golden) -> list[Value]:
        """All registers of the model that the conversation covers. RTU or TCP framing, as the bytes show."""
        asked, answer = _only_frame(golden.request, "request"), _only_frame(golden.reply, "reply")
        if type(asked) is not type(answer) or asked.unit != answer.unit:
            raise BadAnswer("the reply is another unit's or framing's than the request", golden.reply)
        if isinstance(asked, TcpFrame) and isinstance(answer, TcpFrame) and asked.transaction != answer.transaction:
            raise BadAnswer("the reply is another transaction's", golden.reply)
        request = parse_request(asked.pdu)
        if not isinstance(request, ReadRegisters | ReadBits):
            raise BadAnswer("the golden request reads no registers", golden.request)
        ground = self.grounds.get(request.function)
        end = request.address + request.count
        known = ground.known if ground else ()
        inside = tuple(r for r in known if r.low >= request.address and r.high <= end and not r.scaling)
        return RegisterRead(request, inside).decode(request.decode_reply(answer.pdu))


def _only_frame(raw: bytes, direction: Literal["request", "reply"]) -> RtuFrame | TcpFrame:
    readers: tuple[FrameReader[RtuFrame] | FrameReader[TcpFrame], ...] = (RtuReader(direction), TcpReader())
    for reader in readers:
        found = [*reader.feed(raw), *reader.flush()]
        if len(found) == 1 and isinstance(found[0], RtuFrame | TcpFrame):
            return found[0]
    raise FrameError(f"not one sound RTU or TCP {direction}", raw)
