"""Showing bytes of a line without the passwords in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from protocols.dlt645.frame import OVERHEAD, REPLY, START, Frame
from protocols.dlt645.services.clear import CLEAR_DEMAND, CLEAR_DEMAND_1997, CLEAR_EVENTS, CLEAR_METER
from protocols.dlt645.services.control import CONTROL
from protocols.dlt645.services.password import CHANGE_PASSWORD, CHANGE_PASSWORD_1997
from protocols.dlt645.services.read import FOLLOW_UP, READ
from protocols.dlt645.services.write import WRITE, WRITE_1997

_DATA: Final = 10
_ALL: Final = 255
_ACCESS: Final = range(1, 4)
_BEHIND_DI: Final = range(4, _ALL)

# C to the places in the data where a password stands; the level before it may be seen.
_SECRETS: Final[dict[int, tuple[range, ...]]] = {
    WRITE_1997: (range(3, 6),),
    REPLY | CHANGE_PASSWORD_1997: (_ACCESS,),
    CHANGE_PASSWORD_1997: (_ACCESS, range(5, 8)),
    CLEAR_DEMAND_1997: (_ACCESS,),
    WRITE: (range(5, 8),),
    CHANGE_PASSWORD: (range(5, 8), range(9, 12)),
    REPLY | CHANGE_PASSWORD: (_ACCESS,),
    CLEAR_DEMAND: (_ACCESS,),
    CLEAR_METER: (_ACCESS,),
    CLEAR_EVENTS: (_ACCESS,),
    CONTROL: (_ACCESS,),
}
# Items 04000C01 to 04000C0A are passwords: all behind the identifier.
_OF_ITEMS: Final = frozenset((REPLY | READ, REPLY | FOLLOW_UP, WRITE))
_PASSWORD_ITEM: Final = bytes.fromhex("0C0004")


def masked(raw: bytes) -> str:
    """`raw` in hex, ``**`` for each byte of a password and for the check sum that would tell about it.

    Looks at whatever has the shape of a frame, whole or cut short, with a good check sum or not.
    """
    hidden = {at for start in _starts(raw) for at in _hidden(raw, start)}
    return " ".join("**" if at in hidden else f"{byte:02X}" for at, byte in enumerate(raw))


def _starts(raw: bytes) -> Iterator[int]:
    for at in range(len(raw) - _DATA):
        if raw[at] == START and raw[at + 7] == START:
            yield at


def _hidden(raw: bytes, start: int) -> list[int]:
    control, length = raw[start + 8], raw[start + 9]
    places = _SECRETS.get(control, ())
    data = Frame(raw[start:] + b"\0\0").data[:length]
    if control & ~0x20 in _OF_ITEMS and data[1:4] == _PASSWORD_ITEM:
        places = (_BEHIND_DI,)
    found = [start + _DATA + at for place in places for at in place if at < length]
    return [*found, start + OVERHEAD + length - 2] if found else []
