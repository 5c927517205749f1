"""Device identification: function 43, MEI type 14 (Modbus Application Protocol V1.1b3, clause 6.21).

Objects 0..6 have a meaning in the standard; 0..2 are the basic category that a device which speaks this at all must
have. An answer says itself whether more follows and with which object to go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

from protocols.errors import BadAnswer
from protocols.modbus.refusals import is_exception, refusal

READ_IDENTIFICATION: Final = 43
MEI_IDENTIFICATION: Final = 14

BASIC: Final = 1
REGULAR: Final = 2
EXTENDED: Final = 3
SINGLE: Final = 4

OBJECTS: Final = {
    0: "vendor_name",
    1: "product_code",
    2: "revision",
    3: "vendor_url",
    4: "product_name",
    5: "model_name",
    6: "application_name",
}
"""Object id to its name; 7..127 are reserved, 128..255 the maker's own."""

_HEAD: Final = 7
"""Bytes before the first object: function, MEI, code, conformity, more follows, next object, number of objects."""
_LONGEST: Final = 253


class Identification(NamedTuple):
    """One answer. `following` is the object to go on with, None when this was all."""

    conformity: int
    objects: Mapping[int, bytes]
    following: int | None


@dataclass(frozen=True, slots=True)
class ReadIdentification:
    """`code`: 1 basic, 2 regular, 3 extended category as a stream, 4 one object. Raises `ValueError` outside that."""

    code: int = BASIC
    first: int = 0

    function: ClassVar[int] = READ_IDENTIFICATION
    repeatable: ClassVar[bool] = True
    acts: ClassVar[bool] = False
    reply_size: ClassVar[int] = _LONGEST
    """The longest answer: how long it is stands in it."""

    def __post_init__(self) -> None:
        if not BASIC <= self.code <= SINGLE or not 0 <= self.first <= 0xFF:
            raise ValueError(f"identification code {self.code}, object {self.first}: expected 1..4 and 0..255")

    def encode(self) -> bytes:
        return bytes((self.function, MEI_IDENTIFICATION, self.code, self.first))

    def answered_by(self, pdu: bytes) -> bool:
        return pdu[:3] == self.encode()[:3] or is_exception(pdu, self.function)

    def decode_reply(self, pdu: bytes) -> bytes:
        """The answer's bytes from the conformity level on, for `decode_objects`. Raises `Refused` and `BadAnswer`."""
        if is_exception(pdu, self.function):
            raise refusal(pdu[1])
        if not self.answered_by(pdu) or reply_length(pdu) != len(pdu):
            raise BadAnswer("not an answer to a read of the device identification", pdu)
        return pdu[3:]

    def encode_reply(self, data: bytes) -> bytes:
        return self.encode()[:3] + data


def decode_objects(data: bytes) -> Identification:
    """What `decode_reply` gave."""
    objects: dict[int, bytes] = {}
    at = _HEAD - 3
    for _ in range(data[3]):
        objects[data[at]] = data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + data[at + 1]
    return Identification(data[0], objects, data[2] if data[1] else None)


def encode_objects(identification: Identification) -> bytes:
    """The reverse, for a server."""
    following = identification.following
    head = (identification.conformity, 0 if following is None else 0xFF, following or 0, len(identification.objects))
    return bytes(head) + b"".join(bytes((n, len(text))) + text for n, text in identification.objects.items())


def reply_length(pdu: bytes | bytearray, start: int = 0) -> int:
    """Length of the answer that begins at `start`, as far as its bytes tell; 0 while they do not, -1 if it cannot be.

    `pdu` may go on behind the answer.
    """
    held = len(pdu) - start
    if (held > 1 and pdu[start + 1] != MEI_IDENTIFICATION) or (held > 2 and not BASIC <= pdu[start + 2] <= SINGLE):
        return -1
    if held > 4 and pdu[start + 4] not in (0, 0xFF):
        return -1
    if held < _HEAD:
        return 0
    length = _HEAD
    for _ in range(pdu[start + 6]):
        if held < length + 2:
            return 0 if length + 2 <= _LONGEST else -1
        length += 2 + pdu[start + length + 1]
    return length if length <= _LONGEST else -1


def parse_identification(pdu: bytes) -> ReadIdentification:
    """What a server was asked. Raises `Refused` with the exception that it owes."""
    if len(pdu) < 2 or pdu[1] != MEI_IDENTIFICATION:
        raise refusal(0x01)
    if len(pdu) != 4 or not BASIC <= pdu[2] <= SINGLE:
        raise refusal(0x03)
    return ReadIdentification(pdu[2], pdu[3])
