"""What a meter of the 2007 edition does when it is asked: one function a service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from protocols.dlt645.services.address import READ_ADDRESS, WRITE_ADDRESS, WriteAddress
from protocols.dlt645.services.baud import CHANGE_BAUD, ChangeBaud
from protocols.dlt645.services.clear import CLEAR_DEMAND, CLEAR_EVENTS, CLEAR_METER, ClearEvents
from protocols.dlt645.services.clock import SET_TIME, SetTime
from protocols.dlt645.services.control import CONTROL, Control
from protocols.dlt645.services.field import from_wire
from protocols.dlt645.services.freeze import FREEZE, Freeze
from protocols.dlt645.services.order import Opaque, Ordered
from protocols.dlt645.services.password import CHANGE_PASSWORD, ChangePassword
from protocols.dlt645.services.read import FOLLOW_UP, READ, FollowUp, Read
from protocols.dlt645.services.security import SECURITY, Security
from protocols.dlt645.services.service import Request
from protocols.dlt645.services.terminal import SET_TERMINAL, SetTerminal
from protocols.dlt645.services.write import WRITE
from protocols.dlt645.words import BAUD_RATES
from protocols.errors import FrameError
from simulators.dlt645.piece import Piece
from simulators.dlt645.refusal import AUTHENTICATION_FAILED, BAUD, NO_DATA, NOT_AUTHORISED, OTHER, Refusal
from simulators.dlt645.writing import write

if TYPE_CHECKING:
    from simulators.dlt645.station import Dlt645Station

Service: TypeAlias = Callable[["Dlt645Station", Any, datetime], bytes | Piece | None]
"""Does what a request asks and gives the data of the answer; None for silence. Raises `Refusal`."""

_WRITE_LEVEL: Final = 4
_CLEAR_LEVEL: Final = 2
_PORT: Final = ("04000703", "baud_port_1")


def _read(station: Dlt645Station, request: Read, now: datetime) -> Piece | None:
    return station.give(request.di, station.contents.data(request, now))


def _follow_up(station: Dlt645Station, request: FollowUp, now: datetime) -> Piece:
    """As often as it is asked for: an answer may be lost on its way."""
    piece = station.long.numbered(request.di, request.sequence)
    if piece is None:
        raise Refusal(NO_DATA)
    return piece


def _read_address(station: Dlt645Station, request: Request[Any], now: datetime) -> bytes:
    return station.own


def _write_address(station: Dlt645Station, request: WriteAddress, now: datetime) -> bytes | None:
    """Without the programming key nobody answers."""
    if not station.key_pressed(now):
        return None
    station.move(request.new)
    return b""


def _set_time(station: Dlt645Station, request: SetTime, now: datetime) -> None:
    """Nobody answers, whether the time is taken or not."""
    station.memory(now).hear_time(datetime.fromisoformat(request.time), now)


def _freeze(station: Dlt645Station, request: Freeze, now: datetime) -> bytes:
    station.memory(now).freezes.order(request, now)
    return b""


def _change_baud(station: Dlt645Station, request: ChangeBaud, now: datetime) -> bytes:
    """The line itself takes no notice: its rate is that of the scenario."""
    if request.rate > station.setup.quirks.most_baud:
        raise Refusal(BAUD)
    word = next(z for z, rate in BAUD_RATES.items() if rate == request.rate)
    station.memory(now).parameters[_PORT] = word
    return request.data


def _write(station: Dlt645Station, request: Ordered[Any], now: datetime) -> bytes:
    body = _opened(station, request, _WRITE_LEVEL, now, key=True)
    write(station, from_wire(request.order.di), body, request.order.operator, now)
    return b""


def _change_password(station: Dlt645Station, request: ChangePassword, now: datetime) -> bytes:
    """Whoever has a level may change its password and those below."""
    if not station.key_pressed(now) or not station.memory(now).passwords.admits(request.old, request.new.level, now):
        raise Refusal(NOT_AUTHORISED)
    station.memory(now).passwords.change(request.new)
    return request.new.wire


def _clear_demand(station: Dlt645Station, request: Ordered[Any], now: datetime) -> bytes:
    _opened(station, request, _WRITE_LEVEL, now, key=True)
    station.memory(now).clear_demand(request.order.operator, now)
    return b""


def _clear_meter(station: Dlt645Station, request: Ordered[Any], now: datetime) -> bytes:
    _opened(station, request, _CLEAR_LEVEL, now, key=True)
    station.memory(now).clear_meter(request.order.operator, now)
    return b""


def _clear_events(station: Dlt645Station, request: Ordered[Any], now: datetime) -> bytes:
    body = _opened(station, request, _CLEAR_LEVEL, now, key=True)
    try:
        events = ClearEvents(from_wire(body)).events
    except ValueError:  # what a signer sealed was no identifier
        raise Refusal(OTHER) from None
    station.memory(now).clear_events(events, request.order.operator, now)
    return b""


def _control(station: Dlt645Station, request: Ordered[Any], now: datetime) -> bytes:
    body = _opened(station, request, _WRITE_LEVEL, now, key=False)
    try:
        order = Control.parse(body, request.order.operator)
    except FrameError:
        raise Refusal(OTHER) from None
    if not station.memory(now).control(order, now):
        raise Refusal(OTHER)
    return b""


def _set_terminal(station: Dlt645Station, request: SetTerminal, now: datetime) -> bytes:
    return request.data


def _security(station: Dlt645Station, request: Security, now: datetime) -> bytes:
    verifier = station.setup.verifier
    answer = AUTHENTICATION_FAILED if verifier is None else verifier.security(station.address, request)
    if isinstance(answer, int):
        raise Refusal(answer)
    return request.encode_reply(answer)


def _opened(station: Dlt645Station, request: Ordered[Any], level: int, now: datetime, *, key: bool) -> bytes:
    """The body of an order that is allowed: by a password of `level` or above, where `key` says so with the
    programming key pressed, or by the security module, which needs no key. Raises `Refusal`."""
    if isinstance(request.order, Opaque):
        verifier = station.setup.verifier
        body = verifier.open(station.address, request) if verifier is not None else None
        if body is None:
            raise Refusal(NOT_AUTHORISED)
        return body
    if not station.memory(now).passwords.admits(request.access, level, now) or (key and not station.key_pressed(now)):
        raise Refusal(NOT_AUTHORISED)
    return cast(bytes, request.order.body)


SERVICES: Final[Mapping[int, Service]] = {
    SECURITY: _security,
    SET_TIME: _set_time,
    READ: _read,
    FOLLOW_UP: _follow_up,
    READ_ADDRESS: _read_address,
    WRITE: _write,
    WRITE_ADDRESS: _write_address,
    FREEZE: _freeze,
    CHANGE_BAUD: _change_baud,
    CHANGE_PASSWORD: _change_password,
    CLEAR_DEMAND: _clear_demand,
    CLEAR_METER: _clear_meter,
    CLEAR_EVENTS: _clear_events,
    CONTROL: _control,
    SET_TERMINAL: _set_terminal,
}
BROADCAST: Final = frozenset((SET_TIME, FREEZE))
"""What all meters do when all are addressed; none answers."""
SILENT: Final = frozenset((SET_TIME, READ_ADDRESS, WRITE_ADDRESS))
"""What has no refusal."""
