"""What a master's frame asks for, in values: every service of DL/T 645, both editions. Passwords are not shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from headend.frames.document import BAD_REQUEST, HIDDEN, Document, Row, error, plain_value
from headend.frames.items import DI_BYTES, Items, raw
from protocols.dlt645.formats import Moment
from protocols.dlt645.frame import Frame
from protocols.dlt645.services.access import Access
from protocols.dlt645.services.address import WriteAddress
from protocols.dlt645.services.baud import ChangeBaud
from protocols.dlt645.services.clear import ALL_EVENTS, ClearDemand, ClearDemand1997, ClearEvents, ClearMeter
from protocols.dlt645.services.clock import SET_TIME, SetTime
from protocols.dlt645.services.control import Command, Control
from protocols.dlt645.services.field import from_wire
from protocols.dlt645.services.freeze import Freeze
from protocols.dlt645.services.mask import masked
from protocols.dlt645.services.order import Opaque, Ordered
from protocols.dlt645.services.password import ChangePassword, ChangePassword1997
from protocols.dlt645.services.read import FOLLOW_UP, READ, FollowUp, Read
from protocols.dlt645.services.read_1997 import FOLLOW_UP_1997, READ_1997, FollowUp1997, Read1997
from protocols.dlt645.services.request import parse_request
from protocols.dlt645.services.security import AUTHENTICATION, Security
from protocols.dlt645.services.terminal import Output, SetTerminal
from protocols.dlt645.services.write import WRITE, WRITE_1997, Write, Write1997
from protocols.dlt645.words import CONTROLS
from protocols.errors import BadAnswer, FrameError, ModelError

CONTROLS_ZH: Final[Mapping[int, str]] = {
    Command.TRIP: "拉闸",
    Command.PERMIT_CLOSE: "合闸允许",
    Command.CLOSE: "直接合闸",
    Command.TRIP_RECLOSE: "跳闸延时自动合闸",
    Command.TRIP_RECLOSE_SILENTLY: "跳闸延时自动合闸",
    Command.ALARM: "报警",
    Command.ALARM_OFF: "报警解除",
    Command.PROTECT: "保电",
    Command.UNPROTECT: "保电解除",
}
OUTPUTS: Final[Mapping[Output, tuple[str, str]]] = {
    Output.SECOND_PULSE: ("clock second pulse", "时钟秒脉冲"),
    Output.DEMAND_PERIOD: ("demand period", "需量周期"),
    Output.RATE_SWITCH: ("rate switch", "时段投切"),
}
_WITH_DI: Final = frozenset((READ, FOLLOW_UP, WRITE, READ_1997, FOLLOW_UP_1997, WRITE_1997))


def asked(frame: Frame, edition: str, items: Items) -> Document:
    """What the request in `frame` says; a wrong one shows its bytes with the reason."""
    try:
        request = parse_request(frame)
    except FrameError as bad:
        return _odd(frame, edition, items, str(bad.args[0]))
    tell = _TELLERS.get(type(request))
    return tell(request, items) if tell else {}


def shown_data(frame: Frame) -> Document:
    """The data without the 33H, ``**`` for bytes of a password."""
    hidden = masked(frame.raw).split()[10:-2]
    return {"data": "".join("**" if h == "**" else f"{d:02X}" for h, d in zip(hidden, frame.data, strict=True))}


def access(granted: Access, before: str = "") -> list[Row]:
    """A level, and that there is a password; ciphertext levels have none."""
    level = plain_value(before + "level", f"{granted.level:02X}")
    return [level] if granted.is_cipher else [level, plain_value(before + "password", HIDDEN)]


def baud_rate(rate: int) -> Row:
    return plain_value("baud_rate", str(rate), "bit/s")


def terminal(output: Output) -> Row:
    en, zh = OUTPUTS[output]
    return plain_value("output", en, zh=zh)


def _odd(frame: Frame, edition: str, items: Items, reason: str) -> Document:
    """A request that its service cannot have. Behind an identifier masters send many things: that is a remark only."""
    data = shown_data(frame) if frame.data else {}
    size = DI_BYTES[edition]
    if frame.function in _WITH_DI and len(frame.data) >= size:
        code = from_wire(frame.data[:size])
        rest = {"data": data["data"][2 * size :]} if len(frame.data) > size else {}
        return {"item": code} | rest | {"note": reason} | items.name(code, edition)
    if reason.endswith("is no request"):
        return data | {"note": "no service that is described here"}
    told: Document = data | {"error": error(BAD_REQUEST, reason)}
    if frame.function == SET_TIME and len(frame.data) == 6:
        try:
            _, turned, _ = Moment("YYMMDDhhmmss").decode(frame.data[::-1])
        except BadAnswer:
            return told
        told["note"] = f"the bytes stand in the wrong order: turned round they are {turned}"
    return told


def _read(request: Read, items: Items) -> Document:
    rows = [] if request.count is None else [plain_value("records", str(request.count))]
    if request.since is not None:
        rows.append(plain_value("since", request.since))
    return {"item": request.item, "values": rows} | items.name(request.item, "2007")


def _follow_up(request: FollowUp, items: Items) -> Document:
    return {"item": request.item, "sequence": request.sequence} | items.name(request.item, "2007")


def _read_1997(request: Read1997, items: Items) -> Document:
    return {"item": request.item} | items.name(request.item, "1997")


def _ordered(request: Ordered[Any], items: Items) -> Document:
    order = request.order
    rows = [*access(request.access), plain_value("operator", order.operator)]
    content = _ORDERS[type(order)](order, items)
    return content | {"values": rows + content.get("values", [])}


def _write(order: Write, items: Items) -> Document:
    return items.content(order.item, "2007", order.value, BAD_REQUEST)


def _opaque(order: Opaque, items: Items) -> Document:
    item = {"item": from_wire(order.di)} if order.di else {}
    return item | {"values": [plain_value("sealed", order.body.hex().upper())]}


def _clear_events(order: ClearEvents, items: Items) -> Document:
    if order.events == ALL_EVENTS:
        return {"values": [plain_value("events", "all", zh="全部")]}
    return {"values": [plain_value("events", order.events)]}


def _control(order: Control, items: Items) -> Document:
    command = int(order.command)
    word = CONTROLS.get(command, f"unknown ({command:02X})")
    rows = [plain_value("command", word, zh=CONTROLS_ZH.get(command)), plain_value("n2", f"{order.n2:02X}")]
    return {"values": [*rows, plain_value("valid_until", order.until)]}


def _write_address(request: WriteAddress, items: Items) -> Document:
    return {"values": [plain_value("address", request.new)]}


def _set_time(request: SetTime, items: Items) -> Document:
    return {"values": [plain_value("time", request.time)]}


def _freeze(when: Freeze, items: Items) -> Document:
    if when.minute is None:
        en, zh = "now", "立即"
    elif when.hour is None:
        en, zh = f"every hour at minute {when.minute:02d}", f"每小时{when.minute:02d}分"
    elif when.day is None:
        en, zh = f"every day at {when.hour:02d}:{when.minute:02d}", f"每日{when.hour:02d}:{when.minute:02d}"
    else:
        time = f"{when.hour:02d}:{when.minute:02d}"
        en, zh = f"every month on day {when.day:02d} at {time}", f"每月{when.day}日{time}"
    return {"values": [plain_value("freeze", en, zh=zh), plain_value("pattern_MMDDhhmm", when.data[::-1].hex())]}


def _change_baud(request: ChangeBaud, items: Items) -> Document:
    return {"values": [baud_rate(request.rate)]}


def _change_password(request: ChangePassword | ChangePassword1997, items: Items) -> Document:
    item = {"item": from_wire(request.data[:4])} if isinstance(request, ChangePassword) else {}
    return item | {"values": [*access(request.old, "old_"), *access(request.new, "new_")]}


def _clear_demand_1997(request: ClearDemand1997, items: Items) -> Document:
    return {"values": access(request.access) if request.access else []}


def _write_1997(request: Write1997, items: Items) -> Document:
    """Whether a password stands before the value is known by the item's length alone."""
    try:
        split = request.split(items.find(request.item, "1997").longest)
    except ModelError as unknown:
        note = f"{unknown}; a password may stand before the value: three bytes are not shown"
        value = request.value
        shown = value[:1].hex() + "**" * len(value[1:4]) + value[4:].hex()
        return {"item": request.item, "data": shown.upper(), "note": note}
    rows = access(split.access) if split.access else []
    content = items.content(split.item, "1997", split.value, BAD_REQUEST)
    if "error" in content:  # what could not be split may hold a password
        content = {
            "item": split.item,
            "error": error(BAD_REQUEST, f"{len(split.value)} bytes are no value of item {split.item}"),
        }
    return content | {"values": rows + content.get("values", [])}


def _security(request: Security, items: Items) -> Document:
    rows = [plain_value("operator", request.operator)]
    body = request.body
    if request.item == AUTHENTICATION and len(body) == 24:
        names = ("ciphertext_1", "random_1", "factor")
        rows += [plain_value(name, body[8 * n : 8 * n + 8].hex().upper()) for n, name in enumerate(names)]
        return {"item": request.item, "values": rows}
    return {"item": request.item, "values": rows} | raw(body)


def _set_terminal(request: SetTerminal, items: Items) -> Document:
    return {"values": [terminal(request.output)]}


def _nothing(order: Any, items: Items) -> Document:
    return {}


_Teller = Callable[[Any, Items], Document]
_ORDERS: Final[Mapping[type, _Teller]] = {
    Write: _write,
    Opaque: _opaque,
    ClearDemand: _nothing,
    ClearMeter: _nothing,
    ClearEvents: _clear_events,
    Control: _control,
}
_TELLERS: Final[Mapping[type, _Teller]] = {
    Read: _read,
    FollowUp: _follow_up,
    Read1997: _read_1997,
    FollowUp1997: _read_1997,
    Ordered: _ordered,
    WriteAddress: _write_address,
    SetTime: _set_time,
    Freeze: _freeze,
    ChangeBaud: _change_baud,
    ChangePassword: _change_password,
    ChangePassword1997: _change_password,
    ClearDemand1997: _clear_demand_1997,
    Write1997: _write_1997,
    Security: _security,
    SetTerminal: _set_terminal,
}
