"""What a Modbus PDU says, whatever frames it: RTU and TCP differ in their frames alone."""

from __future__ import annotations

from typing import Any, Final

from headend.frames.document import BAD_ANSWER, Document, Row, error, plain_value
from headend.frames.registers import Map
from protocols.errors import BadAnswer, Refused
from protocols.modbus.bits import ReadBits, WriteBit, WriteBits, unpacked
from protocols.modbus.identification import OBJECTS, ReadIdentification, decode_objects, reply_length
from protocols.modbus.pdu import (
    EXCEPTIONS,
    READ_HOLDING,
    ReadRegisters,
    ReadWriteRegisters,
    Request,
    WriteRegister,
    WriteRegisters,
    parse_request,
)
from protocols.modbus.registers import KINDS

SERVICES: Final = {
    1: "read coils",
    2: "read discrete inputs",
    3: "read holding registers",
    4: "read input registers",
    5: "write single coil",
    6: "write single register",
    15: "write multiple coils",
    16: "write multiple registers",
    23: "write and read holding registers",
    43: "read device identification",
}
_EXCEPTION: Final = 0x80
_BITS: Final = frozenset((1, 2))
_WORDS: Final = frozenset((3, 4, 23))
_ECHOING: Final = frozenset((5, 6))
_NOT_ASKED: Final = "a reply does not say which registers it holds: counted from 0"


class Conversation:
    """Frames of one paste in order: a reply is understood by the request before it, a TCP one by the transaction."""

    __slots__ = ("_asked", "_map")

    def __init__(self, known: Map | None = None) -> None:
        self._asked: dict[tuple[int, int], bytes] = {}
        self._map = known or Map()

    def document(
        self, protocol: str, unit: int, pdu: bytes, raw: bytes, checksum: str | None, transaction: int = -1
    ) -> Document:
        """`checksum` is "ok" or "bad"; None where the framing has none."""
        function = pdu[0] & ~_EXCEPTION
        key = (unit, transaction)
        asked = self._asked.get(key, b"")
        is_reply = _is_reply(pdu, asked)
        if is_reply:
            self._asked.pop(key, None)
        else:
            if transaction < 0:
                self._asked.clear()  # a serial line waits for one answer at a time
            self._asked[key] = pdu
        request = _parsed(asked if is_reply else pdu)
        if request is not None and request.function != function:
            request = None
        if pdu[0] & _EXCEPTION:
            content = _refused(pdu) | ({"asked": label(request)} if request else {})
        elif is_reply:
            content = self._answer(pdu, request)
        else:
            content = self._request(pdu, request)
        return {
            "protocol": protocol,
            "edition": None,
            "direction": "reply" if is_reply else "request",
            "address": str(unit),
            "control": f"{pdu[0]:02X}",
            "service": SERVICES.get(function, "unknown"),
            "item": content.pop("item", None),
            "values": content.pop("values", []),
            "follows": False,
            "error": content.pop("error", None),
            "checksum": checksum,
            "hex": raw.hex().upper(),
        } | content

    def _request(self, pdu: bytes, request: Request | None) -> Document:
        if request is None:
            return {"data": pdu[1:].hex().upper()}
        told: Document = {"item": label(request)}
        match request:
            case WriteBit() | WriteBits():
                return told | {"values": _written_bits(request)}
            case WriteRegister(address=address, value=value):
                return told | {"values": self._map.rows(READ_HOLDING, address, value.to_bytes(2, "big"))}
            case WriteRegisters(address=address, data=data):
                return told | {"values": self._map.rows(READ_HOLDING, address, data)}
            case ReadWriteRegisters(target=target, data=data):
                return told | {"values": self._map.rows(READ_HOLDING, target, data)}
            case ReadRegisters() | ReadBits():
                names = self._map.names(request.function, request.address, request.count)
                return told | ({"asks": names} if names else {})
        return told

    def _answer(self, pdu: bytes, request: Request | None) -> Document:
        function = pdu[0]
        if request is None:
            return self._unasked(pdu)
        told: Document = {"item": label(request)}
        try:
            data = request.decode_reply(pdu)
        except Refused as no:
            return told | {"error": error(no.code, no.meaning)}
        except BadAnswer as bad:
            return self._unasked(pdu) | {"note": f"does not answer the request before it: {bad.args[0]}"}
        match request:
            case ReadRegisters(address=address) | ReadWriteRegisters(address=address):
                table = function if function in KINDS else READ_HOLDING
                return told | {"values": self._map.rows(table, address, data)}
            case ReadBits(address=address, count=count):
                return told | {"values": self._map.bit_rows(function, address, unpacked(data, count))}
            case ReadIdentification():
                return told | _identification(data)
        return told

    def _unasked(self, pdu: bytes) -> Document:
        """A reply whose request is not here."""
        function = pdu[0]
        data = pdu[2:]
        plain = Map()
        if function in _WORDS:
            return {"values": plain.rows(READ_HOLDING, 0, data), "note": _NOT_ASKED}
        if function in _BITS:
            rows = plain.bit_rows(function, 0, unpacked(data, 8 * len(data)))
            return {"values": rows, "note": _NOT_ASKED.replace("registers", "bits")}
        if function == 43:
            return _identification(pdu[3:])
        if function in (15, 16):
            first, count = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
            return {"item": _span("coil" if function == 15 else "holding", first, count)}
        return {"data": pdu[1:].hex().upper()}


def label(request: Request) -> str:
    """What a request is about: ``holding 0..1``, counted from 0 as on the wire."""
    match request:
        case ReadRegisters() | ReadBits():
            return _span(KINDS[request.function], request.address, request.count)
        case WriteBit(address=address):
            return _span("coil", address, 1)
        case WriteBits(address=address, count=count):
            return _span("coil", address, count)
        case WriteRegister(address=address):
            return _span("holding", address, 1)
        case WriteRegisters(address=address, count=count) | ReadWriteRegisters(address=address, count=count):
            return _span("holding", address, count)
        case ReadIdentification():
            return "identification"


def plausible(pdu: bytes) -> bool:
    """Whether function code and length fit each other."""
    if pdu[0] & _EXCEPTION:
        return pdu[0] & ~_EXCEPTION in SERVICES and len(pdu) == 2
    return _parsed(pdu) is not None or _can_be_reply(pdu)


def _can_be_reply(pdu: bytes) -> bool:
    function = pdu[0]
    if function in _BITS:
        return len(pdu) > 2 and len(pdu) == 2 + pdu[1]
    if function in _WORDS:
        return len(pdu) > 3 and len(pdu) == 2 + pdu[1] and not pdu[1] & 1
    if function in (15, 16):
        return len(pdu) == 5
    if function == 43:
        return reply_length(pdu) == len(pdu)
    return False


def _is_reply(pdu: bytes, asked: bytes) -> bool:
    """A read of bits and its answer may have one length: then what was asked before decides."""
    if pdu[0] & _EXCEPTION:
        return True
    if pdu[0] in _ECHOING:
        return asked == pdu
    if not _can_be_reply(pdu):
        return False
    if _parsed(pdu) is None:
        return True
    request = _parsed(asked)
    return request is not None and request.answered_by(pdu)


def _parsed(pdu: bytes) -> Request | None:
    try:
        return parse_request(pdu)
    except Refused:  # no request: an answer, or what no server would take
        return None


def _refused(pdu: bytes) -> Document:
    code = pdu[1] if len(pdu) > 1 else 0
    return {"error": error(f"{code:02X}", EXCEPTIONS.get(code, "exception code that the standard does not know"))}


def _written_bits(request: WriteBit | WriteBits) -> list[Row]:
    bits = (request.on,) if isinstance(request, WriteBit) else unpacked(request.data, request.count)
    return [plain_value(f"coil_{request.address + n}", str(int(bit))) for n, bit in enumerate(bits)]


def _identification(data: bytes) -> Document:
    try:
        found = decode_objects(data)
    except IndexError:
        return {"data": data.hex().upper(), "error": error(BAD_ANSWER, "the objects are cut short")}
    rows: list[dict[str, Any]] = [
        plain_value(OBJECTS.get(number, f"object_{number}"), text.decode("latin-1"))
        for number, text in found.objects.items()
    ]
    more = {} if found.following is None else {"note": f"more objects follow, from number {found.following} on"}
    return {"values": rows} | more


def _span(table: str, first: int, count: int) -> str:
    return f"{table} {first}" if count == 1 else f"{table} {first}..{first + count - 1}"
