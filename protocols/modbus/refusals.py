"""How a server says no: exception codes (Modbus Application Protocol V1.1b3, clause 7)."""

from __future__ import annotations

from typing import Final

from protocols.errors import Refused

EXCEPTIONS: Final = {
    0x01: "illegal function",
    0x02: "illegal data address",
    0x03: "illegal data value",
    0x04: "device failure",
    0x05: "acknowledged, still working on it",
    0x06: "device busy",
    0x07: "negative acknowledgement",
    0x08: "memory parity error",
    0x0A: "gateway path unavailable",
    0x0B: "gateway target device failed to respond",
}
"""Exception codes in words (07 is from the older Modicon guide and still met in the field)."""


def refusal(code: int) -> Refused:
    """The exception code as the error that people see."""
    return Refused(f"{code:02X}", EXCEPTIONS.get(code, "exception code that the standard does not know"))


def exception_reply(function: int, code: int) -> bytes:
    """What a server sends when it refuses a request of `function`."""
    return bytes(((function | 0x80) & 0xFF, code))


def is_exception(pdu: bytes, function: int) -> bool:
    """Whether `pdu` refuses a request of `function`."""
    return len(pdu) == 2 and pdu[0] == function | 0x80


def check_range(address: int, count: int, limit: int, what: str = "registers") -> None:
    """Raises `ValueError` outside the standard's limits."""
    if not 1 <= count <= limit:
        raise ValueError(f"{count} {what} in one request, expected 1..{limit}")
    if address < 0 or address + count > 0x10000:
        raise ValueError(f"{what} {address}..{address + count - 1} are outside 0..65535")


def check_end(address: int, count: int) -> None:
    """Raises the refusal that a server owes for a request past the last address."""
    if address + count > 0x10000:
        raise refusal(0x02)
