"""Control: trip, close, alarm, keep supply (1CH, a supplement to DL/T 645-2007).

    N1 command | N2 | N3..N8 valid until, ss mm hh DD MM YY

The answer says that the command was accepted, not that a relay moved: status word 3 (04000503) tells, b4 open.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final

from protocols.dlt645.services.field import NO_OPERATOR, SECONDS, exactly
from protocols.dlt645.services.field import moment as parse_moment
from protocols.errors import FrameError

CONTROL: Final = 0x1C
_LENGTH: Final = 8


class Command(IntEnum):
    """N1."""

    TRIP = 0x1A
    PERMIT_CLOSE = 0x1B
    """The customer must press the meter's key."""
    CLOSE = 0x1C
    TRIP_RECLOSE = 0x1D
    """Newer meters: trip, and close again by itself after the time that N2 says."""
    TRIP_RECLOSE_SILENTLY = 0x1E
    ALARM = 0x2A
    ALARM_OFF = 0x2B
    PROTECT = 0x3A
    """Keep supply: the meter itself refuses a trip."""
    UNPROTECT = 0x3B


@dataclass(frozen=True, slots=True)
class Control:
    """One command: an order.

    `until` is the meter's local time after which it does not obey, ``2026-12-31T23:59:59``; where the six bytes are no
    moment, as some masters send, their digits from year to second (``000000000000``). `command` is a number where a
    maker has one of his own. `n2` is 0 but for closing again.
    """

    command: Command | int
    until: str
    operator: str = NO_OPERATOR
    n2: int = 0

    function: ClassVar[int] = CONTROL
    di: ClassVar[bytes] = b""

    def __post_init__(self) -> None:
        if not 0 <= self.command <= 0xFF or not 0 <= self.n2 <= 0xFF:
            raise ValueError("N1 and N2 have one byte each")
        _until_to_wire(self.until)

    @property
    def body(self) -> bytes:
        return bytes((self.command, self.n2)) + _until_to_wire(self.until)

    @classmethod
    def parse(cls, body: bytes, operator: str = NO_OPERATOR) -> Control:
        exactly(body, _LENGTH)
        command = body[0]
        known = command in Command._value2member_map_
        return cls(Command(command) if known else command, _until(body[2:]), operator, body[1])


def _until(raw: bytes) -> str:
    try:
        return parse_moment(raw, SECONDS)
    except FrameError:
        return raw[::-1].hex().upper()


def _until_to_wire(text: str) -> bytes:
    if "-" in text:
        return SECONDS.encode(text)
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != 6 or len(text) != 12:
        raise ValueError(f"{text!r} is no moment such as 2026-12-31T23:59:59")
    return raw[::-1]
