"""Modbus requests put together from numbers."""

from __future__ import annotations

from collections.abc import Sequence

from headend.errors import UsageFault
from protocols.modbus import rtu, tcp
from protocols.modbus.pdu import ReadRegisters, Request, WriteRegister, WriteRegisters


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
