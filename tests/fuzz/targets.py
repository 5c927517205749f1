"""What must stand anything: each target takes one input and lets through no error but its layer's own.

Readers, documents and the decoders of pushed payloads raise nothing at all; parsers raise `ProtocolError`, or `Refused`
where a server owes an exception; model files and links raise `ModelError`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from headend.errors import UsageFault
from headend.frames import PROTOCOLS, decode, flaws
from headend.frames.paste import bytes_of
from protocols import models
from protocols.dlt645.frame import Frame, encode
from protocols.dlt645.items import item
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.services.answer import parse_answer
from protocols.dlt645.services.mask import masked
from protocols.dlt645.services.read import read_item
from protocols.dlt645.services.read_1997 import read_item_1997
from protocols.dlt645.services.request import parse_request
from protocols.errors import BadAnswer, CommunicationError, FrameError, ModelError, ProtocolError, Refused
from protocols.exchange import FrameReader as Reader
from protocols.exchange import Noise
from protocols.links.url import parse_link
from protocols.meter_model import MeterModel
from protocols.modbus import pdu as modbus
from protocols.modbus.identification import ReadIdentification, decode_objects
from protocols.modbus.rtu import RtuReader
from protocols.modbus.tcp import TcpReader
from protocols.push.arrivals import Message, PayloadDecoder
from protocols.push.payloads import PAYLOADS, PayloadSettings
from tests.fuzz import inputs

METER: Final = bytes.fromhex("129078563412")
_MODELS: Final[Sequence[MeterModel | None]] = (None, models.load("eastron_sdm630"), models.load("dlt645_2007"))


@dataclass(frozen=True, slots=True)
class Target:
    """`check` raises for an input that broke it."""

    name: str
    inputs: st.SearchStrategy[Any]
    check: Callable[[Any], None]


def _events(reader: Reader[Any], stream: bytes, cuts: Sequence[int]) -> list[Any]:
    found: list[Any] = []
    at = 0
    for cut in [*cuts, len(stream)]:
        found += reader.feed(stream[at : max(at, cut)])
        at = max(at, cut)
    return [*found, *reader.flush()]


def _reader(make: Callable[[], Reader[Any]]) -> Callable[[tuple[bytes, list[int]]], None]:
    """The frames are the same however the stream was cut, and nothing is left."""

    def check(case: tuple[bytes, list[int]]) -> None:
        stream, cuts = case
        whole, pieces = make(), make()
        frames = [event for event in _events(whole, stream, []) if not isinstance(event, Noise)]
        assert [event for event in _events(pieces, stream, cuts) if not isinstance(event, Noise)] == frames
        assert whole.pending == pieces.pending == 0

    return check


def _request(frame: bytes) -> None:
    try:
        request = parse_request(Frame(frame))
    except FrameError:
        return
    assert request.data == Frame(frame).data, "a request that was read is written as it was"


def _answer(frame: bytes) -> None:
    try:
        parse_answer(Frame(frame))
    except FrameError:
        return


def _item(case: tuple[str, bytes]) -> None:
    code, data = case
    try:
        values = item(code, "2007" if len(code) == 8 else "1997").decode(data)
    except (ModelError, BadAnswer):
        return
    assert json.dumps([str(value) for value in values])


def _reading(case: tuple[str, list[tuple[int, bytes]]]) -> None:
    """A conversation about an item is sent whatever frames pass for answers."""
    code, answers = case
    try:
        found = item(code, "2007" if len(code) == 8 else "1997")
    except ModelError:
        return
    read = read_item if found.edition == "2007" else read_item_1997
    exchange = read("123456789012", found)
    ask = next(exchange)
    for control, data in answers:
        frame = Frame(encode(METER, control, (found.wire + data)[:255], b""))
        if not ask.answers(frame):
            continue
        try:
            ask = exchange.send(frame)
        except (StopIteration, CommunicationError):
            return


def _document(case: tuple[bytes, str, int]) -> None:
    stream, protocol, model = case
    documents = decode(stream, protocol, _MODELS[model])
    told = bytes.fromhex("".join(document.get("hex") or document["noise"] for document in documents))
    assert told.replace(b"\xfe", b"") == stream.replace(b"\xfe", b""), "every byte is told"
    assert json.dumps([documents, flaws(documents)])


def _paste(text: str) -> None:
    try:
        assert bytes_of(text)
    except UsageFault:
        return


def _masked(stream: bytes) -> None:
    assert len(masked(stream).split()) == len(stream)


def _modbus_request(pdu: bytes) -> None:
    try:
        request = modbus.parse_request(pdu)
    except Refused:
        return
    assert request.encode() == pdu, "a request that was read is written as it was"


def _modbus_answer(case: tuple[bytes, bytes]) -> None:
    asked, answered = case
    try:
        request = modbus.parse_request(asked)
        data = request.decode_reply(answered)
    except (Refused, ProtocolError):
        return
    if isinstance(request, ReadIdentification):
        decode_objects(data)


def _model(text: str) -> None:
    try:
        model = models.parse(text, "fuzz.toml")
    except ModelError:
        return
    assert model.plan(model.quantities) is not None


def _link(text: str) -> None:
    try:
        parse_link(text)
    except ModelError:
        return


@cache
def _payload_decoder(name: str) -> PayloadDecoder:
    return PAYLOADS[name](PayloadSettings(ZoneInfo("Europe/Berlin"), "received", edition="both"))


def _push(case: tuple[str, list[bytes], bool]) -> None:
    """Each message gives something or a reason, whatever came beside it."""
    name, payloads, repeated = case
    messages = [Message({"line": "l", "meter": "M"}, payload, 1_795_000_000_000_000, repeated) for payload in payloads]
    arrivals = _payload_decoder(name).decode(messages)
    said = {*arrivals.message.tolist(), *(reject.message for reject in arrivals.rejects)}
    assert said == set(range(len(payloads)))
    assert "\0" not in "".join(text for key in arrivals.keys for text in key)


_STREAMS: Final = st.tuples(inputs.STREAMS, inputs.CUTS)
_FRAMES: Final = st.builds(encode, inputs.ADDRESSES, inputs.CONTROLS, inputs.DATA, st.just(b""))
_CODES: Final = inputs.CODES_2007 | inputs.CODES_1997
_TEXTS: Final = st.text(max_size=60) | st.lists(
    st.sampled_from(
        ("TX:", "68", "12", " ", "\n", "0x", "[12:30:01]", "FE", "16", "\\x", "0000: ", "6812", "|", "h", "1")
    )
    | inputs.FRAMES.map(lambda raw: raw.hex(" ")),
    max_size=12,
).map("".join)
_URLS: Final = st.builds(
    "{}://{}".format,
    st.sampled_from(("serial", "tcp", "tcp-listen", "mqtt", "mqtts", "loop", "", "tcp:")),
    st.text("/:?&=@[]%.host19a-# \x00é", max_size=30),
) | st.text(max_size=30)

TARGETS: Final = (
    Target("dlt645 reader", _STREAMS, _reader(FrameReader)),
    Target("modbus rtu reader of replies", _STREAMS, _reader(RtuReader)),
    Target("modbus rtu reader of requests", _STREAMS, _reader(lambda: RtuReader("request"))),
    Target("modbus tcp reader", _STREAMS, _reader(TcpReader)),
    Target("dlt645 request", _FRAMES, _request),
    Target("dlt645 answer", _FRAMES, _answer),
    Target("dlt645 item", st.tuples(_CODES, inputs.CONTENT), _item),
    Target(
        "dlt645 reading", st.tuples(_CODES, st.lists(st.tuples(inputs.CONTROLS, inputs.CONTENT), max_size=5)), _reading
    ),
    Target("dlt645 mask", inputs.STREAMS, _masked),
    Target(
        "frame documents",
        st.tuples(inputs.STREAMS, st.sampled_from(("auto", "auto", *PROTOCOLS)), st.integers(0, len(_MODELS) - 1)),
        _document,
    ),
    Target("paste", _TEXTS, _paste),
    Target("modbus request", inputs.PDUS | st.binary(max_size=20), _modbus_request),
    Target("modbus answer", st.tuples(inputs.PDUS, inputs.PDUS), _modbus_answer),
    Target("model file", inputs.model_texts(), _model),
    Target("link", _URLS, _link),
    Target(
        "push", st.tuples(st.sampled_from(sorted(PAYLOADS)), st.lists(inputs.PUSHED, max_size=4), st.booleans()), _push
    ),
)
