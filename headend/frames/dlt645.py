"""DL/T 645 frames, both editions, both directions, as documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from headend.frames.document import error, noise, plain_value, values_of
from protocols.dlt645 import address as addresses
from protocols.dlt645.formats import Moment
from protocols.dlt645.frame import END, OVERHEAD, START, Frame, flaw
from protocols.dlt645.items import item as item_of
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.words import BAUD_RATES, CONTROLS, ERROR_BITS, ERROR_BITS_1997, SERVICES, SERVICES_1997, refusal
from protocols.errors import BadAnswer, ModelError

_READ, _FOLLOW_UP, _WRITE = 0x11, 0x12, 0x14
_BEFORE_WRITTEN: Final = 8
"""Password and operator code stand between the identifier and what is written."""

_NO_START: Final = "no frame starts here"
_REASONS: Final = {"no frame": _NO_START, "cut short": "a frame starts here and is cut short"}

_Content = dict[str, Any]


def decode(raw: bytes) -> list[_Content]:
    """Documents of the frames and the noise in `raw`."""
    reader = FrameReader()
    documents = []
    for event in [*reader.feed(raw), *reader.flush()]:
        if isinstance(event, Frame):
            documents.append(_document(event, "ok"))
        else:
            documents += _with_bad_sums(event.raw, event.reason)
    return documents


def _with_bad_sums(raw: bytes, reason: str) -> list[_Content]:
    """Noise, in which frames are recognised whose only flaw is the check sum."""
    documents = []
    done = 0
    start = raw.find(START)
    while start >= 0:
        end = start + OVERHEAD + raw[start + 9] if len(raw) > start + 9 else len(raw) + 1
        if end <= len(raw) and raw[start + 7] == START and raw[end - 1] == END:
            before = raw[done:start].strip(b"\xfe")
            if before:
                documents.append(noise(before, _NO_START))
            document = _document(Frame(raw[start:end]), "bad")
            documents.append(document | {"note": flaw(raw[start:end])})
            done = end
            start = raw.find(START, end)
        else:
            start = raw.find(START, start + 1)
    rest = raw[done:].strip(b"\xfe")
    if rest:
        documents.append(noise(rest, _NO_START if done else _REASONS.get(reason, reason)))
    return documents


def _document(frame: Frame, checksum: str) -> _Content:
    edition = "1997" if _is_1997(frame) else "2007"
    services = SERVICES_1997 if edition == "1997" else SERVICES
    content = _refused(frame, edition) if frame.is_abnormal else _content(frame, edition)
    return {
        "protocol": "dlt645",
        "edition": edition,
        "direction": "reply" if frame.is_reply else "request",
        "address": addresses.from_wire(frame.address),
        "control": f"{frame.control:02X}",
        "service": services.get(frame.function, "unknown"),
        "item": content.pop("item", None),
        "values": content.pop("values", []),
        "follows": frame.follows,
        "error": content.pop("error", None),
        "checksum": checksum,
        "hex": frame.raw.hex().upper(),
    } | content


def _is_1997(frame: Frame) -> bool:
    """The editions' control codes differ, but for 08H (alike) and 03H (1997: without data; 2007: security)."""
    if frame.function == 0x03:
        return not frame.is_reply and not frame.data
    return frame.function in SERVICES_1997 and frame.function != 0x08


def _refused(frame: Frame, edition: str) -> _Content:
    code = frame.data[0] if frame.data else 0
    meaning = refusal(code, ERROR_BITS_1997 if edition == "1997" else ERROR_BITS)
    return {"error": error(frame.data.hex().upper() or "00", meaning)}


def _content(frame: Frame, edition: str) -> _Content:
    try:
        if edition == "1997":
            return _content_1997(frame)
        if frame.function in (_READ, _FOLLOW_UP, _WRITE):
            return _of_item(frame)
        return _of_service(frame)
    except BadAnswer as bad:
        return {"error": error("bad_answer", str(bad)), "data": frame.data.hex().upper()}


def _content_1997(frame: Frame) -> _Content:
    """The identifier has two bytes; what stands behind it is shown as it is."""
    if frame.function not in (0x01, 0x02, 0x04) or len(frame.data) < 2:
        return _raw(frame.data)
    note = {"note": "items of the 1997 edition are shown undecoded"} if len(frame.data) > 2 else {}
    return {"item": frame.data[1::-1].hex().upper()} | _raw(frame.data[2:]) | note


def _of_item(frame: Frame) -> _Content:
    """Services whose data begin with an identifier."""
    if len(frame.data) < 4:
        return _raw(frame.data)
    code = frame.data[3::-1].hex().upper()
    data = frame.data[4:]
    if frame.function == _WRITE:
        data = data[_BEFORE_WRITTEN:]
    elif not frame.is_reply:
        return {"item": code} | _raw(data)
    if frame.follows or frame.function == _FOLLOW_UP:
        return {"item": code} | _raw(data) | {"note": "one part of a longer answer, shown undecoded"}
    if frame.function == _WRITE and not data:
        return {"item": code}
    try:
        found = item_of(code)
    except ModelError as unknown:
        return {"item": code} | _raw(data) | {"note": str(unknown)}
    try:
        return {"item": code, "values": values_of(found.decode(data))}
    except BadAnswer as bad:
        return {"item": code, "error": error("bad_answer", str(bad))} | _raw(data)


def _of_service(frame: Frame) -> _Content:
    """Services whose data are no item."""
    known = _SERVICE_VALUES.get((frame.function, len(frame.data)))
    return {"values": known(frame.data)} if known else _raw(frame.data)


def _raw(data: bytes) -> _Content:
    return {"data": data.hex().upper()} if data else {}


def _address(data: bytes) -> list[_Content]:
    return [plain_value("address", addresses.from_wire(data))]


def _time(data: bytes) -> list[_Content]:
    _, text, _ = Moment("YYMMDDhhmmss").decode(data)
    return [plain_value("time", text)]


def _freeze(data: bytes) -> list[_Content]:
    return [plain_value("freeze_at_MMDDhhmm", data[::-1].hex())]


def _baud_rate(data: bytes) -> list[_Content]:
    rate = BAUD_RATES.get(data[0])
    return [plain_value("baud_rate", str(rate) if rate else f"unknown ({data[0]:02X})", "bit/s")]


def _control(data: bytes) -> list[_Content]:
    """N1 and the time until which it is valid; the password is not shown apart."""
    command = CONTROLS.get(data[8], f"unknown ({data[8]:02X})")
    return [plain_value("command", command), plain_value("valid_until_YYMMDDhhmmss", data[:9:-1].hex())]


_SERVICE_VALUES: Final[dict[tuple[int, int], Callable[[bytes], list[_Content]]]] = {
    (0x08, 6): _time,
    (0x13, 6): _address,
    (0x15, 6): _address,
    (0x16, 4): _freeze,
    (0x17, 1): _baud_rate,
    (0x1C, 16): _control,
}
"""By function and bytes of data."""
