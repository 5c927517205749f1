"""What a meter's frame answers, in values, but for what is read: that may take several frames (`parts`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from headend.frames.asked import access, baud_rate, shown_data, terminal
from headend.frames.document import BAD_ANSWER, Document, error, plain_value
from headend.frames.items import raw
from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import Frame
from protocols.dlt645.services.access import Access
from protocols.dlt645.services.address import READ_ADDRESS, WRITE_ADDRESS, WRITE_ADDRESS_1997
from protocols.dlt645.services.baud import CHANGE_BAUD, CHANGE_BAUD_1997, REFUSED_1997, ChangeBaud
from protocols.dlt645.services.clear import CLEAR_DEMAND, CLEAR_DEMAND_1997, CLEAR_EVENTS, CLEAR_METER
from protocols.dlt645.services.control import CONTROL
from protocols.dlt645.services.field import exactly, from_wire
from protocols.dlt645.services.freeze import FREEZE
from protocols.dlt645.services.password import CHANGE_PASSWORD, CHANGE_PASSWORD_1997
from protocols.dlt645.services.security import AUTHENTICATION, SECURITY
from protocols.dlt645.services.service import refused
from protocols.dlt645.services.terminal import SET_TERMINAL, Output
from protocols.dlt645.services.write import WRITE, WRITE_1997
from protocols.dlt645.words import ERROR_BITS
from protocols.errors import FrameError


def answered(frame: Frame, service_known: bool) -> Document:
    """What the answer in `frame` says."""
    if frame.is_abnormal:
        return _refusal(frame, service_known)
    if frame.function == CHANGE_BAUD_1997 and frame.data == REFUSED_1997:
        return {"error": error("FF", ERROR_BITS[3])}
    tell = _TELLERS.get(frame.function)
    if tell is None:
        return shown_data(frame) if frame.data else {}
    try:
        return tell(frame.data)
    except (FrameError, ValueError) as bad:
        return {"error": error(BAD_ANSWER, str(bad.args[0]))} | shown_data(frame)


def _refusal(frame: Frame, service_known: bool) -> Document:
    if not service_known:
        code = frame.data.hex().upper() or "00"
        return {"error": error(code, "refused: a service that is not described here")}
    why = refused(frame)
    more = raw(frame.data) if len(frame.data) > 2 else {}
    return {"error": error(why.code, why.meaning)} | more


def _address(data: bytes) -> Document:
    return {"values": [plain_value("address", addresses.from_wire(exactly(data, 6)))]}


def _baud(data: bytes) -> Document:
    return {"values": [baud_rate(ChangeBaud.parse(data, "2007").rate)]}


def _baud_1997(data: bytes) -> Document:
    return {"values": [baud_rate(ChangeBaud.parse(data, "1997").rate)]}


def _password(data: bytes) -> Document:
    return {"values": access(Access.parse(exactly(data, 4)), "new_")}


def _terminal(data: bytes) -> Document:
    return {"values": [terminal(Output(exactly(data, 1)[0]))]}


def _security(data: bytes) -> Document:
    if len(data) < 4:
        return raw(data)
    item, body = from_wire(data[:4]), data[4:]
    if item == AUTHENTICATION and len(body) == 12:
        rows = [plain_value("random_2", body[:4].hex().upper()), plain_value("esam_serial", body[4:].hex().upper())]
        return {"item": item, "values": rows}
    return {"item": item} | raw(body)


def _accepted(data: bytes) -> Document:
    return raw(data) | {"note": "accepted"}


def _control(data: bytes) -> Document:
    return raw(data) | {"note": "command accepted; whether the relay moved, status word 3 (04000503) tells"}


_TELLERS: Final[Mapping[int, Callable[[bytes], Document]]] = {
    READ_ADDRESS: _address,
    WRITE: _accepted,
    WRITE_1997: _accepted,
    WRITE_ADDRESS: _accepted,
    WRITE_ADDRESS_1997: _accepted,
    FREEZE: _accepted,
    CHANGE_BAUD: _baud,
    CHANGE_BAUD_1997: _baud_1997,
    CHANGE_PASSWORD: _password,
    CHANGE_PASSWORD_1997: _password,
    CLEAR_DEMAND: _accepted,
    CLEAR_DEMAND_1997: _accepted,
    CLEAR_METER: _accepted,
    CLEAR_EVENTS: _accepted,
    CONTROL: _control,
    SET_TERMINAL: _terminal,
    SECURITY: _security,
}
