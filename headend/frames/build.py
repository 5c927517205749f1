"""Frames put together from what people write: for documentation, tests and other programs; nothing is sent."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from headend.errors import UsageFault
from protocols import models
from protocols.dlt645 import address as addresses
from protocols.dlt645.formats import Bits, Format, Number
from protocols.dlt645.frame import encode
from protocols.dlt645.item import Item
from protocols.dlt645.model import ItemRead
from protocols.dlt645.services.read import READ
from protocols.modbus import rtu, tcp
from protocols.modbus.pdu import ReadRegisters, Request, WriteRegister, WriteRegisters

_REPLY = 0x80
_NOTHING = "null"
_STANDARD = "dlt645_2007"


def read_request(address: str, item: str, preamble: int) -> bytes:
    """A DL/T 645-2007 read of `item` (identifier, quantity or OBIS code). Raises `ModelError`, `UsageFault`."""
    return encode(addresses.to_wire(address), READ, _item(item).wire, _preamble(preamble))


def read_reply(address: str, item: str, values: Sequence[str], preamble: int) -> bytes:
    """The answer to that read: `values` as people write them, ``null`` for FF. Raises `ModelError`, `UsageFault`."""
    found = _item(item)
    try:
        data = found.encode([_raw(value, form) for value, (_, form) in zip(values, found.parts, strict=False)])
        if len(values) > len(found.parts):
            raise ValueError(f"item {found.code} takes up to {len(found.parts)} values, not {len(values)}")
        return encode(addresses.to_wire(address), _REPLY | READ, found.wire + data, _preamble(preamble))
    except ValueError as error:
        raise UsageFault(str(error)) from error


def modbus_request(
    unit: int, function: int, register: int, count: int | None, values: Sequence[int], framing: str, transaction: int
) -> bytes:
    """A Modbus request. Raises `UsageFault`."""
    try:
        pdu = _request(function, register, count, values).encode()
        return rtu.encode(unit, pdu) if framing == "rtu" else tcp.encode(transaction, unit, pdu)
    except ValueError as error:
        raise UsageFault(str(error)) from error


def _request(function: int, register: int, count: int | None, values: Sequence[int]) -> Request:
    if function in (3, 4):
        if values:
            raise ValueError(f"function {function} reads: expected --count, not --value")
        return ReadRegisters(function, register, 1 if count is None else count)
    if count is not None:
        raise ValueError(f"function {function} writes: expected --value, not --count")
    if function == 6:
        if len(values) != 1:
            raise ValueError(f"function 6 writes one register: expected one --value, not {len(values)}")
        return WriteRegister(register, values[0])
    for value in values:
        if not 0 <= value <= 0xFFFF:
            raise ValueError(f"value {value} does not fit a register, expected 0..65535")
    return WriteRegisters(register, b"".join(value.to_bytes(2, "big") for value in values))


def _item(item: str) -> Item:
    read = models.load(_STANDARD).read(item)
    assert isinstance(read, ItemRead)
    return read.item


def _preamble(count: int) -> bytes:
    if not 0 <= count <= 16:
        raise UsageFault(f"--preamble is {count}, expected 0..16 bytes FE")
    return b"\xfe" * count


def _raw(text: str, form: Format) -> int | str | None:
    """What `form` encodes: a whole number of its last decimals, or the text. Raises `ValueError`."""
    if text.lower() == _NOTHING:
        return None
    if isinstance(form, Bits):
        return int(text, 0)
    if not isinstance(form, Number):
        return text
    try:
        scaled = Decimal(text).scaleb(form.decimals)
        whole = int(scaled)
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no number") from error
    if whole != scaled:
        raise ValueError(f"{text} has more than the item's {form.decimals} decimals")
    return whole
