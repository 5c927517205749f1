"""Modbus requests, replies and refusals put together from what a person writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from headend.errors import UsageFault
from protocols.modbus import rtu, tcp
from protocols.modbus.bits import READ_COILS, READ_DISCRETE, WRITE_COIL, WRITE_COILS, ReadBits, WriteBit, WriteBits
from protocols.modbus.bits import packed as packed_bits
from protocols.modbus.identification import (
    BASIC,
    EXTENDED,
    READ_IDENTIFICATION,
    REGULAR,
    SINGLE,
    Identification,
    ReadIdentification,
    encode_objects,
)
from protocols.modbus.pdu import (
    READ_HOLDING,
    READ_INPUT,
    READ_WRITE,
    WRITE_REGISTER,
    WRITE_REGISTERS,
    ReadRegisters,
    ReadWriteRegisters,
    Request,
    WriteRegister,
    WriteRegisters,
    exception_reply,
)

CATEGORIES: Final[Mapping[str, int]] = {"basic": BASIC, "regular": REGULAR, "extended": EXTENDED, "single": SINGLE}

_READ: Final = ("register", "count")
_WRITE: Final = ("register", "value")
TAKES: Final[Mapping[int, tuple[str, ...]]] = {
    READ_COILS: _READ,
    READ_DISCRETE: _READ,
    READ_HOLDING: _READ,
    READ_INPUT: _READ,
    WRITE_COIL: _WRITE,
    WRITE_REGISTER: _WRITE,
    WRITE_COILS: _WRITE,
    WRITE_REGISTERS: _WRITE,
    READ_WRITE: (*_READ, "write-register", "value"),
    READ_IDENTIFICATION: ("category", "object", "next-object"),
}
"""Function to the options that say what is asked."""
_NEEDED: Final = frozenset({"register", "write-register"})
_BITS: Final = frozenset({READ_COILS, READ_DISCRETE})
_REPLY_SAYS_ALL: Final = _BITS | {READ_HOLDING, READ_INPUT, READ_WRITE}
"""Of these the reply holds values alone: what was asked does not stand in it."""
_WORDS: Final[Mapping[str, bool]] = {"0": False, "1": True, "off": False, "on": True}


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be built. `given` are the options of `TAKES` that were written. `reply` are the values of a reply,
    empty for one that holds none, None for a request; `refuse` is an exception code in hex."""

    function: int
    given: Mapping[str, int | str | Sequence[str]]
    reply: Sequence[str] | None = None
    refuse: str | None = None


def modbus_frame(order: Order, unit: int, framing: str, transaction: int) -> bytes:
    """The frame. Raises `UsageFault` naming the option that is wrong."""
    try:
        if not 0 <= unit <= 0xFF:
            raise ValueError(f"--unit {unit}: expected 0..255")
        pdu = _pdu(order)
        return rtu.encode(unit, pdu) if framing == "rtu" else tcp.encode(transaction, unit, pdu)
    except ValueError as error:
        raise UsageFault(str(error)) from error


def _pdu(order: Order) -> bytes:
    takes = TAKES[order.function]
    for option in order.given:
        if option not in takes:
            known = ", ".join(f"--{one}" for one in takes)
            raise ValueError(f"function {order.function} takes {known}, not --{option}")
    if order.refuse is not None:
        return exception_reply(order.function, _code(order.refuse))
    if order.reply is None and "next-object" in order.given:
        raise ValueError("--next-object stands in a reply")
    request = _request(order)
    return request.encode() if order.reply is None else request.encode_reply(_reply(request, order))


def _code(text: str) -> int:
    try:
        code = int(text, 16)
    except ValueError:
        code = 0
    if not 1 <= code <= 0xFF:
        raise ValueError(f"--refuse {text!r}: expected an exception code in hex, 01..FF")
    return code


def _request(order: Order) -> Request:
    function, given = order.function, order.given
    if function == READ_IDENTIFICATION:
        first = _number(given, "object", 0)
        category = given.get("category", "single" if "object" in given else "basic")
        return ReadIdentification(CATEGORIES[str(category)], first)
    counted = order.reply if function in _REPLY_SAYS_ALL else None
    if counted is None:
        for option in TAKES[function]:
            if option in _NEEDED and option not in given:
                raise ValueError(f"function {function} needs --{option}")
    register = _number(given, "register", 0)
    count = _number(given, "count", 1 if counted is None else len(counted))
    if counted is not None and count != len(counted):
        raise ValueError(f"--count {count}, but --reply with {len(counted)} values")
    if function in _BITS:
        return ReadBits(function, register, count)
    if function in (READ_HOLDING, READ_INPUT):
        return ReadRegisters(function, register, count)
    values = _texts(given)
    if function == READ_WRITE:
        data = _registers("value", values) if values or counted is None else bytes(2)
        return ReadWriteRegisters(register, count, _number(given, "write-register", 0), data)
    return _write(function, register, values)


def _write(function: int, register: int, values: Sequence[str]) -> Request:
    if function in (WRITE_COIL, WRITE_REGISTER) and len(values) != 1:
        what = "coil" if function == WRITE_COIL else "register"
        raise ValueError(f"function {function} writes one {what}: expected one --value, not {len(values)}")
    if function == WRITE_COIL:
        return WriteBit(register, *_bits("value", values))
    if function == WRITE_REGISTER:
        return WriteRegister(register, int.from_bytes(_registers("value", values), "big"))
    if function == WRITE_COILS:
        return WriteBits(register, len(values), packed_bits(_bits("value", values)))
    return WriteRegisters(register, _registers("value", values))


def _reply(request: Request, order: Order) -> bytes:
    values = order.reply or ()
    if isinstance(request, ReadIdentification):
        return _objects(values, order.given)
    if order.function not in _REPLY_SAYS_ALL:
        if values:
            raise ValueError(f"the reply of function {order.function} repeats the request: --reply takes no values")
        return b""
    return packed_bits(_bits("reply", values)) if order.function in _BITS else _registers("reply", values)


def _objects(texts: Sequence[str], given: Mapping[str, object]) -> bytes:
    objects: dict[int, bytes] = {}
    for text in texts:
        number, is_object, content = text.partition("=")
        if not (is_object and number.isascii() and number.isdecimal() and int(number) <= 0xFF):
            raise ValueError(f"--reply {text!r}: expected an object as NUMBER=TEXT, numbers 0..255")
        if int(number) in objects:
            raise ValueError(f"--reply {text!r}: object {int(number)} stands there twice")
        try:
            objects[int(number)] = content.encode("latin-1")
        except UnicodeEncodeError:
            raise ValueError(f"--reply {text!r}: an object's text is ASCII, at most Latin-1") from None
    length = sum(2 + len(text) for text in objects.values())
    if not objects or length > _LONGEST_OBJECTS:
        raise ValueError(f"--reply with objects of {length} bytes: expected some, {_LONGEST_OBJECTS} bytes at most")
    last = max(objects)
    highest = BASIC if last <= _LAST_BASIC else REGULAR if last <= _LAST_REGULAR else EXTENDED
    following = _number(given, "next-object", 0) if "next-object" in given else None
    if following is not None and not 0 <= following <= 0xFF:
        raise ValueError(f"--next-object {following}: expected 0..255")
    return encode_objects(Identification(_SINGLE_TOO | highest, objects, following))


_LONGEST_OBJECTS: Final = 253 - 7
_LAST_BASIC: Final = 2
_LAST_REGULAR: Final = 0x7F
_SINGLE_TOO: Final = 0x80
"""Conformity level: objects can be asked for one by one as well (clause 6.21)."""


def _number(given: Mapping[str, object], option: str, default: int) -> int:
    value = given.get(option, default)
    assert isinstance(value, int)
    return value


def _texts(given: Mapping[str, int | str | Sequence[str]]) -> Sequence[str]:
    values = given.get("value", ())
    assert not isinstance(values, int | str)
    return values


def _registers(option: str, texts: Sequence[str]) -> bytes:
    data = bytearray()
    for text in texts:
        try:
            data += int(text, 0).to_bytes(2, "big")
        except (ValueError, OverflowError):
            raise ValueError(f"--{option} {text!r} does not fit a register, expected 0..65535") from None
    return bytes(data)


def _bits(option: str, texts: Sequence[str]) -> list[bool]:
    for text in texts:
        if text not in _WORDS:
            raise ValueError(f"--{option} {text!r} is no bit, expected 0, 1, off or on")
    return [_WORDS[text] for text in texts]
