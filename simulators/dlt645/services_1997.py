"""What a meter of the 1997 edition does when it is asked: one function a service."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

from protocols.dlt645.services.access import LOWEST_LEVEL, Access
from protocols.dlt645.services.address import WRITE_ADDRESS_1997, WriteAddress
from protocols.dlt645.services.baud import CHANGE_BAUD_1997, ChangeBaud
from protocols.dlt645.services.clear import CLEAR_DEMAND_1997, ClearDemand1997
from protocols.dlt645.services.clock import SET_TIME, SetTime
from protocols.dlt645.services.field import NO_OPERATOR
from protocols.dlt645.services.password import CHANGE_PASSWORD_1997, ChangePassword1997
from protocols.dlt645.services.read import Read
from protocols.dlt645.services.read_1997 import (
    FOLLOW_UP_1997,
    READ_1997,
    READ_AGAIN,
    FollowUp1997,
    Read1997,
    ReadAgain,
)
from protocols.dlt645.services.write import WRITE_1997, Write1997
from simulators.dlt645.piece import Piece
from simulators.dlt645.refusal import BAUD, NO_DATA, NOT_AUTHORISED, OTHER, Refusal
from simulators.dlt645.services_2007 import Service
from simulators.dlt645.writing import write

if TYPE_CHECKING:
    from simulators.dlt645.station import Dlt645Station

_LEVEL: Final = 4


def _read(station: Dlt645Station, request: Read1997, now: datetime) -> Piece | None:
    return station.give(request.data, station.contents.data(Read(request.item), now))


def _follow_up(station: Dlt645Station, request: FollowUp1997, now: datetime) -> Piece:
    """Nobody says which, so the meter goes on each time it is asked."""
    piece = station.long.next(request.data)
    if piece is None:
        raise Refusal(NO_DATA)
    return piece


def _read_again(station: Dlt645Station, request: ReadAgain, now: datetime) -> Piece:
    """The last answer that held data, once more."""
    if station.last is None:
        raise Refusal(NO_DATA)
    return station.last


def _write(station: Dlt645Station, request: Write1997, now: datetime) -> bytes:
    """The base text has no password, only the programming key; who sends one must send the right one."""
    item = station.contents.item(request.item)
    if item is None or not item.writable:
        raise Refusal(NO_DATA)
    request = request.split(item.longest)
    _allow(station, request.access, now)
    write(station, request.item, request.value, NO_OPERATOR, now)
    return b""


def _set_time(station: Dlt645Station, request: SetTime, now: datetime) -> None:
    station.memory(now).hear_time(datetime.fromisoformat(request.time), now)


def _write_address(station: Dlt645Station, request: WriteAddress, now: datetime) -> bytes | None:
    if not station.key_pressed(now):
        return None
    station.move(request.new)
    return b""


def _change_baud(station: Dlt645Station, request: ChangeBaud, now: datetime) -> bytes:
    """For this session only, which the line takes no notice of."""
    if request.rate > station.setup.quirks.most_baud:
        raise Refusal(BAUD)
    return request.data


def _change_password(station: Dlt645Station, request: ChangePassword1997, now: datetime) -> bytes:
    passwords = station.memory(now).passwords
    if request.new.level > LOWEST_LEVEL:
        raise Refusal(OTHER)
    if not station.key_pressed(now) or not passwords.admits(request.old, request.new.level, now):
        raise Refusal(NOT_AUTHORISED)
    passwords.change(request.new)
    return request.new.wire


def _clear_demand(station: Dlt645Station, request: ClearDemand1997, now: datetime) -> bytes:
    _allow(station, request.access, now)
    station.memory(now).clear_demand(NO_OPERATOR, now)
    return b""


def _allow(station: Dlt645Station, access: Access | None, now: datetime) -> None:
    """Raises `Refusal`."""
    if access is not None and not station.memory(now).passwords.admits(access, _LEVEL, now):
        raise Refusal(NOT_AUTHORISED)
    if not station.key_pressed(now):
        raise Refusal(NOT_AUTHORISED)


SERVICES: Final[Mapping[int, Service]] = {
    READ_1997: _read,
    FOLLOW_UP_1997: _follow_up,
    READ_AGAIN: _read_again,
    WRITE_1997: _write,
    SET_TIME: _set_time,
    WRITE_ADDRESS_1997: _write_address,
    CHANGE_BAUD_1997: _change_baud,
    CHANGE_PASSWORD_1997: _change_password,
    CLEAR_DEMAND_1997: _clear_demand,
}
BROADCAST: Final = frozenset((SET_TIME,))
ANSWERED_BROADCAST: Final = frozenset((READ_1997, FOLLOW_UP_1997, READ_AGAIN, WRITE_ADDRESS_1997))
"""There is no "read address": a meter that is alone on its line is reached at 99..99, and answers as itself."""
SILENT: Final = frozenset((SET_TIME, WRITE_ADDRESS_1997))
