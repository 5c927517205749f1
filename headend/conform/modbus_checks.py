"""What a Modbus meter is asked in a conformance run: reads alone.

Clauses: `AP` Modbus Application Protocol V1.1b3, `SL` Modbus over Serial Line V1.02, `TCP` Modbus Messaging on TCP/IP
Implementation Guide V1.0b.
"""

from __future__ import annotations

from typing import Final

from headend.conform.check import Check, Verdict, failed, lacking, passed, unclear
from headend.conform.probe import Heard, Probe
from protocols.modbus import ModbusModel, rtu, tcp
from protocols.modbus.bits import ReadBits
from protocols.modbus.pdu import ReadRegisters
from protocols.modbus.plausible import judged

_SILENT_UNITS: Final = (247, 246, 245)
_EXCEPTION: Final = 0x80
_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 1, 2, 3
_LEAST_RTU: Final = 5
_GATEWAY: Final = (0x0A, 0x0B)
"""A gateway's exceptions: the unit behind it does not answer (AP 7)."""


class ModbusBench:
    """A Modbus meter, its requests as raw as a check wants them. `framing` is rtu or tcp."""

    def __init__(self, probe: Probe, unit: int, model: ModbusModel, framing: str) -> None:
        self.probe = probe
        self.unit = unit
        self.model = model
        self.framing = framing
        self.transaction = 0

    @property
    def first(self) -> ReadRegisters | ReadBits:
        """The request for the model's first quantity."""
        return self.model.plan(self.model.quantities[:1])[0].request

    def whole(self, pdu: bytes, unit: int | None = None) -> bytes:
        """The PDU in its frame."""
        to = self.unit if unit is None else unit
        if self.framing == "rtu":
            return rtu.encode(to, pdu)
        self.transaction = self.transaction % 0xFFFF + 1
        return tcp.encode(self.transaction, to, pdu)

    async def ask(self, pdu: bytes, unit: int | None = None) -> Heard:
        return await self.probe.ask(self.whole(pdu, unit))

    def answer(self, heard: Heard) -> bytes | None:
        """The PDU of the meter's answer."""
        for frame in heard.frames:
            if frame.unit == self.unit and (self.framing == "rtu" or frame.transaction == self.transaction):
                pdu: bytes = frame.pdu
                return pdu
        return None


def told(heard: Heard) -> str:
    """What was heard, in words."""
    if heard.silent:
        return "silence"
    if not heard.frames:
        return f"{len(heard.raw)} bytes that are no frame"
    return "; ".join(f"unit {frame.unit}: {frame.pdu[:8].hex(' ').upper()}" for frame in heard.frames)


async def _read(bench: ModbusBench) -> Verdict:
    request = bench.first
    heard = await bench.ask(request.encode())
    pdu = bench.answer(heard)
    if pdu is None:
        return failed(told(heard))
    if pdu[0] != request.function or len(pdu) != request.reply_size or pdu[1] != len(pdu) - 2:
        return failed(f"function, byte count and registers do not fit: {pdu.hex(' ').upper()}")
    return passed(f"{len(pdu) - 2} bytes")


async def _once(bench: ModbusBench) -> Verdict:
    heard = await bench.ask(bench.first.encode())
    if len(heard.frames) == 1 and not heard.noise:
        return passed()
    return failed(f"{told(heard)}; {sum(len(noise.raw) for noise in heard.noise)} bytes beside it")


async def _bad_crc(bench: ModbusBench) -> Verdict:
    raw = bench.whole(bench.first.encode())
    heard = await bench.probe.ask(raw[:-1] + bytes((raw[-1] ^ 0x01,)))
    return passed() if heard.silent else failed(told(heard))


async def _stranger(bench: ModbusBench) -> Verdict:
    unit = next(unit for unit in _SILENT_UNITS if unit != bench.unit)
    heard = await bench.ask(bench.first.encode(), unit)
    if heard.silent:
        return passed()
    if bench.framing == "tcp":
        gateway = [frame for frame in heard.frames if frame.pdu[0] & _EXCEPTION and frame.pdu[1] in _GATEWAY]
        return passed("a gateway's exception") if gateway else unclear(f"a meter that looks at no unit: {told(heard)}")
    return failed(told(heard))


def _exception(bench: ModbusBench, heard: Heard, function: int, *codes: int) -> Verdict:
    pdu = bench.answer(heard)
    if pdu is None:
        return failed(f"expected an exception: {told(heard)}")
    if pdu[0] != function | _EXCEPTION:
        return failed(f"expected an exception, answered with {pdu[:8].hex(' ').upper()}")
    if len(pdu) != 2:
        return failed(f"an exception of {len(pdu)} bytes, expected 2")
    if pdu[1] not in codes:
        return failed(f"exception {pdu[1]:02X}, expected {' or '.join(f'{code:02X}' for code in codes)}")
    return passed(f"exception {pdu[1]:02X}")


async def _unknown_function(bench: ModbusBench) -> Verdict:
    """63H is neither a public function nor one of those that makers may use (65 to 72, 100 to 110)."""
    heard = await bench.ask(b"\x63")
    if bench.framing == "rtu":
        if heard.silent:
            return unclear("silence: it may have taken the request for none, whose length nothing tells")
        if len(heard.raw) < _LEAST_RTU or rtu.crc16(heard.raw):
            return failed(f"expected an exception: {told(heard)}")
        heard.frames.append(rtu.decode(heard.raw))
    return _exception(bench, heard, 0x63, _ILLEGAL_FUNCTION)


async def _no_register(bench: ModbusBench) -> Verdict:
    """Beyond the last register that can be."""
    function = bench.first.function
    heard = await bench.ask(bytes((function,)) + b"\xff\xff\x00\x02")
    return _exception(bench, heard, function, _ILLEGAL_ADDRESS)


def _count(count: int) -> Check[ModbusBench]:
    async def run(bench: ModbusBench) -> Verdict:
        request = bench.first
        heard = await bench.ask(
            bytes((request.function,)) + request.address.to_bytes(2, "big") + count.to_bytes(2, "big")
        )
        return _exception(bench, heard, request.function, _ILLEGAL_VALUE)

    return Check(f"count_{count}", f"A read of {count} registers is refused with exception 03", "AP 6.3, 6.4", run)


async def _long_read(bench: ModbusBench) -> Verdict:
    reads = bench.model.plan(bench.model.quantities)
    longest = max((read.request for read in reads), key=lambda request: request.count)
    heard = await bench.ask(longest.encode())
    pdu = bench.answer(heard)
    if pdu is None:
        return failed(told(heard))
    if pdu[0] & _EXCEPTION:
        return lacking(f"{longest.count} registers at {longest.address}: exception {pdu[1]:02X}")
    good = len(pdu) == longest.reply_size
    return passed(f"{longest.count} registers") if good else failed(f"{len(pdu)} bytes, expected {longest.reply_size}")


async def _values(bench: ModbusBench) -> Verdict:
    good, refused, wrong = 0, 0, []
    for read in bench.model.plan(bench.model.quantities):
        heard = await bench.ask(read.request.encode())
        pdu = bench.answer(heard)
        if pdu is None:
            return failed(f"{read.label}: {told(heard)}")
        if pdu[0] & _EXCEPTION:
            refused += 1
            continue
        for value, verdict in judged(read, read.request.decode_reply(pdu)):
            if verdict is not None and not verdict.plausible:
                wrong.append(f"{value.part.name} {value}, expected {verdict.expected}")
            else:
                good += 1
    if wrong:
        return unclear(f"not plausible: {'; '.join(wrong[:5])}")
    if not good:
        return failed("every read of the model is refused")
    return passed(f"{good} values" + (f", {refused} reads refused" if refused else ""))


async def _identification(bench: ModbusBench) -> Verdict:
    heard = await bench.ask(b"\x2b\x0e\x01\x00")
    pdu = bench.answer(heard)
    if pdu is None:
        return failed(told(heard))
    if pdu[0] & _EXCEPTION:
        return lacking(f"exception {pdu[1]:02X}") if pdu[1] == _ILLEGAL_FUNCTION else failed(f"exception {pdu[1]:02X}")
    good = pdu[:3] == b"\x2b\x0e\x01" and len(pdu) >= 7
    return passed(f"{pdu[6]} objects") if good else failed(pdu.hex(" ").upper())


async def _transactions(bench: ModbusBench) -> Verdict:
    for _ in range(3):
        heard = await bench.ask(bench.first.encode())
        if bench.answer(heard) is None:
            return failed(f"transaction {bench.transaction}: {told(heard)}")
    return passed()


_COMMON: Final[tuple[Check[ModbusBench], ...]] = (
    Check("read", "The model's first register is read", "AP 6.3, 6.4", _read),
    Check("answers_once", "A request is answered once, with one sound frame", "SL 2.4.1; TCP 4.4", _once),
    Check("stranger", "A request to another unit is not answered", "SL 2.2", _stranger),
    Check("unknown_function", "An unknown function is refused with exception 01", "AP 7", _unknown_function),
    Check("no_register", "Registers beyond the last are refused with exception 02", "AP 6.3, 6.4", _no_register),
    _count(0),
    _count(126),
    Check("long_read", "The model's longest read is answered whole", "AP 6.3, 6.4", _long_read),
    Check("values", "All values of the model are read and plausible", "the model", _values),
    Check("identification", "The device tells who it is", "AP 6.21", _identification),
)

CHECKS: Final = {
    "rtu": (*_COMMON, Check("bad_crc", "A request with a wrong CRC is not answered", "SL 2.5.1.2", _bad_crc)),
    "tcp": (*_COMMON, Check("transactions", "Answers carry their request's number", "TCP 3.1.3", _transactions)),
}
"""By framing."""
