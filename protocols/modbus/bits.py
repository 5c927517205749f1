"""Coils and discrete inputs: functions 1, 2, 5, 15 (Modbus Application Protocol V1.1b3, clauses 6.1, 6.2, 6.5, 6.11).

Bits travel packed, the first in the lowest bit of the first byte; what is left of the last byte is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, Final

from protocols.errors import BadAnswer
from protocols.modbus.refusals import check_end, check_range, is_exception, refusal

READ_COILS: Final = 1
READ_DISCRETE: Final = 2
WRITE_COIL: Final = 5
WRITE_COILS: Final = 15

MAX_READ_BITS: Final = 2000
"""Bits in one read."""
MAX_WRITE_BITS: Final = 1968
"""Bits in one write."""

_HEAD: Final = Struct(">BHH")
_WRITE_HEAD: Final = Struct(">BHHB")
_ON: Final = 0xFF00


def packed(bits: Sequence[bool]) -> bytes:
    """As they travel."""
    whole = sum(1 << place for place, bit in enumerate(bits) if bit)
    return whole.to_bytes((len(bits) + 7) // 8, "little")


def unpacked(data: bytes, count: int) -> tuple[bool, ...]:
    """The first `count` of the bits in `data`."""
    whole = int.from_bytes(data, "little")
    return tuple(bool(whole >> place & 1) for place in range(count))


@dataclass(frozen=True, slots=True)
class ReadBits:
    """Functions 1 and 2. `address` counts from 0, as on the wire. Raises `ValueError` outside the standard's limits."""

    function: int
    address: int
    count: int

    repeatable: ClassVar[bool] = True
    acts: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.function not in (READ_COILS, READ_DISCRETE):
            raise ValueError(f"function {self.function} does not read bits, expected 1 or 2")
        check_range(self.address, self.count, MAX_READ_BITS, "bits")

    @property
    def size(self) -> int:
        """Bytes that the bits take."""
        return (self.count + 7) // 8

    @property
    def reply_size(self) -> int:
        """Bytes of the answer's PDU."""
        return 2 + self.size

    def encode(self) -> bytes:
        return _HEAD.pack(self.function, self.address, self.count)

    def answered_by(self, pdu: bytes) -> bool:
        """Whether `pdu` can be the answer or the refusal: only its length tells, and not to the bit."""
        size = self.size
        return (len(pdu) == size + 2 and pdu[0] == self.function and pdu[1] == size) or is_exception(pdu, self.function)

    def decode_reply(self, pdu: bytes) -> bytes:
        """The packed bits; see `unpacked`. Raises `Refused` and `BadAnswer`."""
        if not self.answered_by(pdu):
            raise BadAnswer(f"not an answer to a read of {self.count} bits with function {self.function}", pdu)
        if pdu[0] & 0x80:
            raise refusal(pdu[1])
        return pdu[2:]

    def encode_reply(self, data: bytes) -> bytes:
        """What a server answers; `data` are the packed bits. Raises `ValueError` on another length."""
        if len(data) != self.size:
            raise ValueError(f"{len(data)} bytes for {self.count} bits")
        return bytes((self.function, len(data))) + data


@dataclass(frozen=True, slots=True)
class WriteBit:
    """Function 5. The answer repeats the request, so on a line with local echo the echo passes for it.

    Raises `ValueError` outside 0..65535.
    """

    address: int
    on: bool

    function: ClassVar[int] = WRITE_COIL
    repeatable: ClassVar[bool] = False
    acts: ClassVar[bool] = True
    reply_size: ClassVar[int] = 5

    def __post_init__(self) -> None:
        check_range(self.address, 1, 1, "bits")

    def encode(self) -> bytes:
        return _HEAD.pack(self.function, self.address, _ON if self.on else 0)

    def answered_by(self, pdu: bytes) -> bool:
        return pdu == self.encode() or is_exception(pdu, self.function)

    def decode_reply(self, pdu: bytes) -> bytes:
        """The bit, packed. Raises `Refused` and `BadAnswer`."""
        if is_exception(pdu, self.function):
            raise refusal(pdu[1])
        if pdu != self.encode():
            raise BadAnswer(f"the answer does not repeat the write of {int(self.on)} to coil {self.address}", pdu)
        return bytes((self.on,))

    def encode_reply(self, data: bytes = b"") -> bytes:
        return self.encode()


@dataclass(frozen=True, slots=True)
class WriteBits:
    """Function 15; `data` are `count` packed bits. Raises `ValueError` outside the standard's limits."""

    address: int
    count: int
    data: bytes

    function: ClassVar[int] = WRITE_COILS
    repeatable: ClassVar[bool] = False
    acts: ClassVar[bool] = True
    reply_size: ClassVar[int] = 5

    def __post_init__(self) -> None:
        check_range(self.address, self.count, MAX_WRITE_BITS, "bits")
        if len(self.data) != (self.count + 7) // 8:
            raise ValueError(f"{len(self.data)} bytes for {self.count} bits")

    def encode(self) -> bytes:
        return _WRITE_HEAD.pack(self.function, self.address, self.count, len(self.data)) + self.data

    def answered_by(self, pdu: bytes) -> bool:
        return pdu == self.encode_reply() or is_exception(pdu, self.function)

    def decode_reply(self, pdu: bytes) -> bytes:
        """The bits that are now written, packed. Raises `Refused` and `BadAnswer`."""
        if is_exception(pdu, self.function):
            raise refusal(pdu[1])
        if pdu != self.encode_reply():
            raise BadAnswer(f"the answer does not confirm {self.count} coils from {self.address}", pdu)
        return self.data

    def encode_reply(self, data: bytes = b"") -> bytes:
        return _HEAD.pack(self.function, self.address, self.count)


def parse_bits(pdu: bytes) -> ReadBits | WriteBit | WriteBits:
    """What a server was asked with one of these functions. Raises `Refused` with the exception that it owes."""
    if len(pdu) < 5:
        raise refusal(0x03)
    function, address, word = _HEAD.unpack_from(pdu)
    if function == WRITE_COILS:
        data = pdu[6:]
        size = (word + 7) // 8
        if not 1 <= word <= MAX_WRITE_BITS or len(pdu) < 6 or pdu[5] != size or len(data) != size:
            raise refusal(0x03)
        check_end(address, word)
        return WriteBits(address, word, data)
    if len(pdu) != 5:
        raise refusal(0x03)
    if function == WRITE_COIL:
        if word not in (0, _ON):
            raise refusal(0x03)
        return WriteBit(address, word == _ON)
    if not 1 <= word <= MAX_READ_BITS:
        raise refusal(0x03)
    check_end(address, word)
    return ReadBits(function, address, word)
