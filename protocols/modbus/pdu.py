"""Protocol data units: the requests that meters are asked, their answers, and both ends of each.

Modbus Application Protocol V1.1b3: clauses 6.3 (read holding registers), 6.4 (read input registers), 6.6 (write single
register), 6.12 (write multiple registers) and 6.17 (read and write) here; coils and discrete inputs in `bits`, device
identification in `identification`, exceptions in `refusals`. A request knows how to spell itself, how long its answer
is and how to read it; a server reads it back with `parse_request` and answers with `encode_reply`.

Registers travel as bytes in the order of the wire: what they mean is the matter of `registers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, Final, TypeAlias

from protocols.errors import BadAnswer
from protocols.modbus.bits import (
    READ_COILS,
    READ_DISCRETE,
    WRITE_COIL,
    WRITE_COILS,
    ReadBits,
    WriteBit,
    WriteBits,
    parse_bits,
)
from protocols.modbus.identification import READ_IDENTIFICATION, ReadIdentification, parse_identification
from protocols.modbus.refusals import EXCEPTIONS, check_end, check_range, exception_reply, is_exception, refusal

__all__ = [
    "EXCEPTIONS",
    "FUNCTIONS",
    "MAX_READ",
    "MAX_READ_WRITE",
    "MAX_WRITE",
    "READ_HOLDING",
    "READ_INPUT",
    "READ_WRITE",
    "WRITE_REGISTER",
    "WRITE_REGISTERS",
    "ReadBits",
    "ReadIdentification",
    "ReadRegisters",
    "ReadWriteRegisters",
    "Request",
    "WriteBit",
    "WriteBits",
    "WriteRegister",
    "WriteRegisters",
    "exception_reply",
    "parse_request",
    "refusal",
]

READ_HOLDING: Final = 3
READ_INPUT: Final = 4
WRITE_REGISTER: Final = 6
WRITE_REGISTERS: Final = 16
READ_WRITE: Final = 23

_BITS: Final = frozenset({READ_COILS, READ_DISCRETE, WRITE_COIL, WRITE_COILS})
FUNCTIONS: Final = _BITS | {
    READ_HOLDING,
    READ_INPUT,
    WRITE_REGISTER,
    WRITE_REGISTERS,
    READ_WRITE,
    READ_IDENTIFICATION,
}
"""What is spoken here."""

MAX_READ: Final = 125
"""Registers in one read."""
MAX_WRITE: Final = 123
"""Registers in one write."""
MAX_READ_WRITE: Final = 121
"""Registers written by function 23."""

_HEAD: Final = Struct(">BHH")
_WRITE_HEAD: Final = Struct(">BHHB")
_READ_WRITE_HEAD: Final = Struct(">BHHHHB")


@dataclass(frozen=True, slots=True)
class ReadRegisters:
    """Functions 3 and 4. `address` counts from 0, as on the wire. Raises `ValueError` outside the standard's limits."""

    function: int
    address: int
    count: int

    repeatable: ClassVar[bool] = True
    acts: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.function not in (READ_HOLDING, READ_INPUT):
            raise ValueError(f"function {self.function} does not read registers, expected 3 or 4")
        check_range(self.address, self.count, MAX_READ)

    @property
    def reply_size(self) -> int:
        """Bytes of the answer's PDU."""
        return 2 + 2 * self.count

    def encode(self) -> bytes:
        return _HEAD.pack(self.function, self.address, self.count)

    def answered_by(self, pdu: bytes) -> bool:
        """Whether `pdu` can be the answer or the refusal. It says neither address nor count: only its length tells."""
        size = 2 * self.count
        return (len(pdu) == size + 2 and pdu[0] == self.function and pdu[1] == size) or is_exception(pdu, self.function)

    def decode_reply(self, pdu: bytes) -> bytes:
        """The registers' bytes. Raises `Refused` and `BadAnswer`."""
        if not self.answered_by(pdu):
            raise BadAnswer(f"not an answer to a read of {self.count} registers with function {self.function}", pdu)
        if pdu[0] & 0x80:
            raise refusal(pdu[1])
        return pdu[2:]

    def encode_reply(self, data: bytes) -> bytes:
        """What a server answers; `data` are the registers' bytes. Raises `ValueError` on another length."""
        if len(data) != 2 * self.count:
            raise ValueError(f"{len(data)} bytes for {self.count} registers")
        return bytes((self.function, len(data))) + data


@dataclass(frozen=True, slots=True)
class WriteRegister:
    """Function 6. The answer repeats the request, so on a line with local echo the echo passes for it: prefer
    `WriteRegisters` there. Raises `ValueError` outside 16 bits."""

    address: int
    value: int

    function: ClassVar[int] = WRITE_REGISTER
    repeatable: ClassVar[bool] = False
    acts: ClassVar[bool] = True
    reply_size: ClassVar[int] = 5

    def __post_init__(self) -> None:
        check_range(self.address, 1, 1)
        if not 0 <= self.value <= 0xFFFF:
            raise ValueError(f"value {self.value} does not fit a register, expected 0..65535")

    def encode(self) -> bytes:
        return _HEAD.pack(self.function, self.address, self.value)

    def answered_by(self, pdu: bytes) -> bool:
        return pdu == self.encode() or is_exception(pdu, self.function)

    def decode_reply(self, pdu: bytes) -> bytes:
        """The value's bytes. Raises `Refused` and `BadAnswer`."""
        if is_exception(pdu, self.function):
            raise refusal(pdu[1])
        if pdu != self.encode():
            raise BadAnswer(f"the answer does not repeat the write of {self.value} to register {self.address}", pdu)
        return pdu[3:]

    def encode_reply(self, data: bytes = b"") -> bytes:
        return self.encode()


@dataclass(frozen=True, slots=True)
class WriteRegisters:
    """Function 16; `data` are the registers' bytes. Raises `ValueError` outside the standard's limits."""

    address: int
    data: bytes

    function: ClassVar[int] = WRITE_REGISTERS
    repeatable: ClassVar[bool] = False
    acts: ClassVar[bool] = True
    reply_size: ClassVar[int] = 5

    def __post_init__(self) -> None:
        if len(self.data) % 2:
            raise ValueError(f"{len(self.data)} bytes are no whole number of registers")
        check_range(self.address, self.count, MAX_WRITE)

    @property
    def count(self) -> int:
        return len(self.data) // 2

    def encode(self) -> bytes:
        return _WRITE_HEAD.pack(self.function, self.address, self.count, len(self.data)) + self.data

    def answered_by(self, pdu: bytes) -> bool:
        return pdu == self.encode_reply() or is_exception(pdu, self.function)

    def decode_reply(self, pdu: bytes) -> bytes:
        """The registers' bytes that are now written. Raises `Refused` and `BadAnswer`."""
        if is_exception(pdu, self.function):
            raise refusal(pdu[1])
        if pdu != self.encode_reply():
            raise BadAnswer(f"the answer does not confirm {self.count} registers from {self.address}", pdu)
        return self.data

    def encode_reply(self, data: bytes = b"") -> bytes:
        return _HEAD.pack(self.function, self.address, self.count)


@dataclass(frozen=True, slots=True)
class ReadWriteRegisters:
    """Function 23: writes `data` from `target` on, then reads `count` holding registers from `address` on.

    Raises `ValueError` outside the standard's limits.
    """

    address: int
    count: int
    target: int
    data: bytes

    function: ClassVar[int] = READ_WRITE
    repeatable: ClassVar[bool] = False
    acts: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if len(self.data) % 2:
            raise ValueError(f"{len(self.data)} bytes are no whole number of registers")
        check_range(self.address, self.count, MAX_READ)
        check_range(self.target, len(self.data) // 2, MAX_READ_WRITE)

    @property
    def reply_size(self) -> int:
        """Bytes of the answer's PDU."""
        return 2 + 2 * self.count

    def encode(self) -> bytes:
        size = len(self.data)
        head = (self.function, self.address, self.count, self.target, size // 2, size)
        return _READ_WRITE_HEAD.pack(*head) + self.data

    def answered_by(self, pdu: bytes) -> bool:
        size = 2 * self.count
        return (len(pdu) == size + 2 and pdu[0] == self.function and pdu[1] == size) or is_exception(pdu, self.function)

    def decode_reply(self, pdu: bytes) -> bytes:
        """The registers' bytes that were read. Raises `Refused` and `BadAnswer`."""
        if is_exception(pdu, self.function):
            raise refusal(pdu[1])
        if not self.answered_by(pdu):
            raise BadAnswer(f"not an answer to a write and read of {self.count} registers", pdu)
        return pdu[2:]

    def encode_reply(self, data: bytes) -> bytes:
        """What a server answers; `data` are the registers' bytes. Raises `ValueError` on another length."""
        if len(data) != 2 * self.count:
            raise ValueError(f"{len(data)} bytes for {self.count} registers")
        return bytes((self.function, len(data))) + data


Request: TypeAlias = (
    ReadRegisters
    | WriteRegister
    | WriteRegisters
    | ReadWriteRegisters
    | ReadBits
    | WriteBit
    | WriteBits
    | ReadIdentification
)


def parse_request(pdu: bytes) -> Request:
    """What a server was asked. Raises `Refused` with the exception that it owes: 01 for a function that is not spoken
    here, 03 for a wrong count or length, 02 for registers past 65535 (in the order of the standard's flow charts)."""
    function = pdu[0] if pdu else 0
    if function not in FUNCTIONS:
        raise refusal(0x01)
    if function in _BITS:
        return parse_bits(pdu)
    if function == READ_IDENTIFICATION:
        return parse_identification(pdu)
    if function == READ_WRITE:
        return _parse_read_write(pdu)
    if len(pdu) < 5:
        raise refusal(0x03)
    _, address, word = _HEAD.unpack_from(pdu)
    if function == WRITE_REGISTERS:
        data = pdu[6:]
        if not 1 <= word <= MAX_WRITE or len(pdu) < 6 or pdu[5] != 2 * word or len(data) != 2 * word:
            raise refusal(0x03)
        check_end(address, word)
        return WriteRegisters(address, data)
    if len(pdu) != 5:
        raise refusal(0x03)
    if function == WRITE_REGISTER:
        return WriteRegister(address, word)
    if not 1 <= word <= MAX_READ:
        raise refusal(0x03)
    check_end(address, word)
    return ReadRegisters(function, address, word)


def _parse_read_write(pdu: bytes) -> ReadWriteRegisters:
    if len(pdu) < _READ_WRITE_HEAD.size:
        raise refusal(0x03)
    _, address, count, target, written, size = _READ_WRITE_HEAD.unpack_from(pdu)
    data = pdu[_READ_WRITE_HEAD.size :]
    if not 1 <= count <= MAX_READ or not 1 <= written <= MAX_READ_WRITE or not size == len(data) == 2 * written:
        raise refusal(0x03)
    check_end(address, count)
    check_end(target, written)
    return ReadWriteRegisters(address, count, target, data)
