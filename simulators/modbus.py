"""The meter's side of Modbus: registers (functions 3, 4, 6, 16, 23), bits (1, 2, 5, 15), exceptions.

The registers are those of the model; a read must cover whole values, as meters want it. What no register of the model
stands at is answered with zeros where the model says that holes may be read, else with "illegal data address". Settings
and bits are those that the model lets be written, and those that a test lab gives it; without any, "illegal function"
answers what is about them alone. A relay that is told `trip` cuts what flows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

from protocols.errors import Refused
from protocols.exchange import FrameReader
from protocols.modbus import rtu, tcp
from protocols.modbus.bits import READ_DISCRETE, packed, unpacked
from protocols.modbus.model import ModbusModel
from protocols.modbus.pdu import (
    READ_HOLDING,
    ReadBits,
    ReadRegisters,
    ReadWriteRegisters,
    WriteBit,
    WriteBits,
    WriteRegister,
    WriteRegisters,
    exception_reply,
    parse_request,
    refusal,
)
from protocols.modbus.plan import Ground
from protocols.modbus.reads import parse_unit
from protocols.modbus.registers import Register
from protocols.modbus.rtu import RtuFrame, RtuReader
from protocols.modbus.tcp import TcpFrame, TcpReader
from simulators.digits import factor_of
from simulators.meter import VirtualMeter
from simulators.written import at_first, is_cut

_ILLEGAL_FUNCTION: Final = 0x01
_ILLEGAL_ADDRESS: Final = 0x02
_DEVICE_BUSY: Final = 0x06
_BROADCAST: Final = 0
NO_SETTINGS: Final[Mapping[int, int]] = {}
NO_BITS: Final[Mapping[int, bool]] = {}
_WRITES: Final = frozenset(one.function for one in (WriteRegister, WriteRegisters, WriteBit, WriteBits))
Changed: TypeAlias = Callable[[VirtualMeter, datetime], None]
"""From that moment on the meter's values are other ones than they would have been."""


def _nobody(_meter: VirtualMeter, _moment: datetime) -> None:
    """Nobody wants to know."""


class ModbusStation:
    """One meter. `settings` are holding registers and `coils` bits that can be written, `inputs` bits that cannot:
    address to first value. `at_writes`: whether it does what is written; a `stuck` one says so and does nothing, one
    that is `busy` refuses (06), a `silent` one does it and does not answer, a `deaf` one neither."""

    def __init__(
        self,
        meter: VirtualMeter,
        settings: Mapping[int, int] = NO_SETTINGS,
        coils: Mapping[int, bool] = NO_BITS,
        inputs: Mapping[int, bool] = NO_BITS,
        changed: Changed = _nobody,
    ) -> None:
        model = meter.plate.model
        assert isinstance(model, ModbusModel)
        self.meter = meter
        written, bits = at_first(model)
        self.settings = written | dict(settings)
        self.coils = bits | dict(coils)
        self.inputs = dict(inputs)
        self.at_writes: Literal["obey", "stuck", "busy", "silent", "deaf"] = "obey"
        self._model = model
        self._changed = changed

    def answer(self, pdu: bytes, now: datetime) -> bytes:
        """The answer's PDU, an exception included."""
        try:
            request = parse_request(pdu)
            if isinstance(request, ReadRegisters):
                return request.encode_reply(self._read(request, now))
            if request.function in _WRITES:
                return self._obey(request, now)
            if isinstance(request, ReadWriteRegisters) and self.settings:
                return self._write_and_read(request, now)
            if isinstance(request, ReadBits):
                return self._bits(request)
            raise refusal(_ILLEGAL_FUNCTION)
        except Refused as refused:
            return exception_reply(pdu[0] if pdu else 0, int(refused.code, 16))

    def _obey(self, request: Any, now: datetime) -> bytes:
        if self.at_writes == "busy":
            raise refusal(_DEVICE_BUSY)
        before = dict(self.settings), dict(self.coils)
        answer = self._write(request) if isinstance(request, WriteRegister | WriteRegisters) else self._bits(request)
        if self.at_writes in ("stuck", "deaf"):
            self.settings, self.coils = before
        connected = not is_cut(self._model, self.settings, self.coils)
        if connected is not self.meter.era(now).connected:
            self.meter.change(now, connected=connected)
            self._changed(self.meter, now)
        return answer

    def _read(self, request: ReadRegisters, now: datetime) -> bytes:
        first, end = request.address, request.address + request.count
        if request.function == READ_HOLDING and all(address in self.settings for address in range(first, end)):
            return b"".join(self.settings[address].to_bytes(2, "big") for address in range(first, end))
        ground = self._model.grounds.get(request.function)
        if ground is None or request.count > ground.limit:
            raise refusal(_ILLEGAL_ADDRESS)
        inside = [register for register in ground.known if register.address < end and register.end > first]
        covered = len({address for register in inside for address in range(register.address, register.end)})
        if any(register.address < first or register.end > end for register in inside):
            raise refusal(_ILLEGAL_ADDRESS)
        if covered < request.count and not ground.reaches(first, end):
            raise refusal(_ILLEGAL_ADDRESS)
        quantities = {r.address: r.part.quantity for r in inside if r.part.quantity is not None}
        values = self.meter.values(now, quantities.values())
        image = bytearray(2 * request.count)
        for register in inside:
            quantity = quantities.get(register.address)
            if register.scaling:
                raw = self._factor(ground, register)
            elif quantity is None:
                continue  # texts, bits and numbers of the model's own stay zero
            elif register.factor is not None:
                raw = register.encode(values[quantity], factor_of(register))
            else:
                raw = register.encode(values[quantity])
            image[2 * (register.address - first) : 2 * (register.end - first)] = raw
        return bytes(image)

    @staticmethod
    def _factor(ground: Ground, register: Register) -> bytes:
        user = next(one for one in ground.known if one.factor == register.address)
        return register.encode(Decimal(factor_of(user)))

    def _write(self, request: WriteRegister | WriteRegisters) -> bytes:
        if isinstance(request, WriteRegister):
            words = [request.value]
        else:
            words = [int.from_bytes(request.data[i : i + 2], "big") for i in range(0, len(request.data), 2)]
        if any(request.address + index not in self.settings for index in range(len(words))):
            raise refusal(_ILLEGAL_ADDRESS)
        self.settings.update({request.address + index: word for index, word in enumerate(words)})
        return request.encode_reply(b"")

    def _write_and_read(self, request: ReadWriteRegisters, now: datetime) -> bytes:
        """Writes first (clause 6.17); nothing where the read is refused."""
        read = ReadRegisters(READ_HOLDING, request.address, request.count)
        self._read(read, now)
        self._obey(WriteRegisters(request.target, request.data), now)
        return request.encode_reply(self._read(read, now))

    def _bits(self, request: ReadBits | WriteBit | WriteBits) -> bytes:
        table = self.inputs if request.function == READ_DISCRETE else self.coils
        if not table:
            raise refusal(_ILLEGAL_FUNCTION)
        count = 1 if isinstance(request, WriteBit) else request.count
        span = range(request.address, request.address + count)
        if any(address not in table for address in span):
            raise refusal(_ILLEGAL_ADDRESS)
        if isinstance(request, ReadBits):
            return request.encode_reply(packed([table[address] for address in span]))
        bits = (request.on,) if isinstance(request, WriteBit) else unpacked(request.data, count)
        table.update(zip(span, bits, strict=True))
        return request.encode_reply()


class ModbusStations:
    """All meters of a line, RTU or TCP framed; a meter comes to life when it is first asked.

    A unit that is not there is silent, as on a serial line. Unit 0 is the broadcast on a serial line: all do what is
    written, and nobody answers; with TCP framing it is a unit like any other.
    """

    def __init__(
        self,
        meters: Iterable[VirtualMeter],
        framing: Literal["rtu", "tcp"] = "rtu",
        settings: Mapping[int, int] = NO_SETTINGS,
        coils: Mapping[int, bool] = NO_BITS,
        inputs: Mapping[int, bool] = NO_BITS,
        changed: Changed = _nobody,
    ) -> None:
        self._framing = framing
        self._meters = {parse_unit(meter.address): meter for meter in meters}
        self._begins = (settings, coils, inputs, changed)
        self._awake: dict[int, ModbusStation] = {}

    def reader(self) -> FrameReader[RtuFrame | TcpFrame]:
        return RtuReader("request") if self._framing == "rtu" else TcpReader()

    def answers(self, frame: RtuFrame | TcpFrame, now: datetime) -> list[bytes]:
        """One answer or none."""
        if isinstance(frame, TcpFrame):
            told = self._told(frame.unit, frame.pdu, now)
            return [] if told is None else [tcp.encode(frame.transaction, frame.unit, told)]
        if frame.unit == _BROADCAST:
            if frame.pdu[0] in _WRITES:
                for unit in self._meters:
                    self.station(unit).answer(frame.pdu, now)
            return []
        told = self._told(frame.unit, frame.pdu, now)
        return [] if told is None else [rtu.encode(frame.unit, told)]

    def _told(self, unit: int, pdu: bytes, now: datetime) -> bytes | None:
        """None: silence."""
        meter = self._meters.get(unit)
        if meter is None or not meter.era(now).awake:
            return None
        station = self.station(unit)
        answer = station.answer(pdu, now)
        return None if pdu[:1] and pdu[0] in _WRITES and station.at_writes in ("silent", "deaf") else answer

    def tell(self, frame: RtuFrame | TcpFrame | bytes) -> dict[str, str]:
        """A frame for the wire log."""
        if isinstance(frame, TcpFrame):
            frame = tcp.encode(frame.transaction, frame.unit, frame.pdu)
        elif isinstance(frame, RtuFrame):
            frame = rtu.encode(frame.unit, frame.pdu)
        return {"hex": frame.hex(" ").upper()}

    def station(self, unit: int) -> ModbusStation:
        """Raises `KeyError` for a unit that is not on the line."""
        station = self._awake.get(unit)
        if station is None:
            station = self._awake[unit] = ModbusStation(self._meters[unit], *self._begins)
        return station
