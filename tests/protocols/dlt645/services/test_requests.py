"""Properties of every service: decode of encode is the identity; any bytes raise only protocol errors."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocols.dlt645.frame import Frame, encode
from protocols.dlt645.services.access import CIPHER_LEVELS, Access
from protocols.dlt645.services.address import ReadAddress, WriteAddress
from protocols.dlt645.services.answer import accept, parse_answer, refuse
from protocols.dlt645.services.baud import ChangeBaud
from protocols.dlt645.services.clear import ClearDemand, ClearDemand1997, ClearEvents, ClearMeter
from protocols.dlt645.services.clock import SetTime
from protocols.dlt645.services.control import Command, Control
from protocols.dlt645.services.edition import edition_of
from protocols.dlt645.services.freeze import Freeze
from protocols.dlt645.services.mask import masked
from protocols.dlt645.services.order import Opaque, Ordered
from protocols.dlt645.services.password import ChangePassword, ChangePassword1997
from protocols.dlt645.services.read import FollowUp, Read
from protocols.dlt645.services.read_1997 import FollowUp1997, Read1997, ReadAgain
from protocols.dlt645.services.request import parse_request
from protocols.dlt645.services.security import Security
from protocols.dlt645.services.service import Request
from protocols.dlt645.services.terminal import Output, SetTerminal
from protocols.dlt645.services.write import Write, Write1997
from protocols.dlt645.words import BAUD_RATES, BAUD_RATES_1997, ERROR_BITS, ERROR_BITS_1997, SECURITY_ERROR_BITS
from protocols.errors import ProtocolError, Refused


def hexes(size: int) -> st.SearchStrategy[str]:
    return st.binary(min_size=size, max_size=size).map(lambda raw: raw.hex().upper())


# Of the security identifiers none is known with a DI1 of 80H or above, which is how 1997's are told from them.
security_items = st.builds(
    lambda di2, di1, di0: f"07{di2:02X}{di1:02X}{di0:02X}",
    st.integers(0, 255),
    st.integers(0, 0x7F),
    st.integers(0, 255),
)
OWN: Final = bytes.fromhex("129078563412")
moments: Final = st.datetimes(
    min_value=dt.datetime(2000, 1, 1),  # noqa: DTZ001
    max_value=dt.datetime(2099, 12, 31, 23, 59, 59),  # noqa: DTZ001
)
seconds = moments.map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S"))
minutes = moments.map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M"))
operators = hexes(4)
secrets = st.binary(min_size=3, max_size=3)
plain = st.builds(Access, st.integers(0, 255).filter(lambda level: level not in CIPHER_LEVELS), secrets)
cipher = st.builds(Access, st.sampled_from(sorted(CIPHER_LEVELS)), secrets)
levels = st.builds(Access, st.integers(0, 9), secrets)
orders: st.SearchStrategy[Any] = st.one_of(
    st.builds(Write, hexes(4), st.binary(min_size=1, max_size=60), operators),
    st.builds(ClearDemand, operators),
    st.builds(ClearMeter, operators),
    st.builds(ClearEvents, st.just("FFFFFFFF") | hexes(3).map(lambda text: text + "FF"), operators),
    st.builds(
        Control,
        st.sampled_from(Command) | st.integers(0, 255).filter(lambda n1: n1 not in list(Command)),
        seconds | st.just("000000000000") | st.just("999999999999"),
        operators,
        st.integers(0, 255),
    ),
)
opaque = st.builds(
    Opaque, st.sampled_from((0x19, 0x1A, 0x1C)), st.binary(min_size=4, max_size=40), operators
) | st.builds(Opaque, st.just(0x14), st.binary(min_size=1, max_size=40), operators, st.binary(min_size=4, max_size=4))
digits = st.text("0123456789", min_size=12, max_size=12).filter(lambda text: text != "9" * 12)
freezes = st.builds(
    lambda count, fields: Freeze(*fields[:count]),
    st.integers(0, 3),
    st.tuples(st.integers(0, 59), st.integers(0, 23), st.integers(1, 31)),
)
requests: st.SearchStrategy[Request[Any]] = st.one_of(
    st.builds(SetTime, seconds),
    st.builds(Read, hexes(4)),
    st.builds(Read, hexes(4), st.integers(0, 255), st.none() | minutes),
    st.builds(FollowUp, hexes(4), st.integers(0, 255)),
    st.just(ReadAddress()),
    st.builds(Ordered, orders, plain),
    st.builds(Ordered, opaque, cipher),
    st.builds(WriteAddress, digits),
    st.builds(WriteAddress, digits.map(lambda text: "AAAA" + text[4:]), st.just("1997")),
    freezes,
    st.builds(ChangeBaud, st.sampled_from(sorted(BAUD_RATES.values()))),
    st.builds(ChangeBaud, st.sampled_from(sorted(BAUD_RATES_1997.values())), st.just("1997")),
    st.builds(ChangePassword, levels, levels),
    st.builds(SetTerminal, st.sampled_from(Output)),
    st.builds(Security, security_items, st.binary(max_size=60), operators),
    st.builds(Read1997, hexes(2)),
    st.builds(FollowUp1997, hexes(2)),
    st.just(ReadAgain()),
    st.builds(Write1997, hexes(2), st.binary(min_size=1, max_size=40)),
    st.builds(ChangePassword1997, levels, levels),
    st.builds(ClearDemand1997, st.none() | levels),
)


def sent(request: Request[Any]) -> Frame:
    return Frame(encode(OWN, request.function, request.data, b""))


@given(request=requests)
def test_request_comes_back_from_its_frame(request: Request[Any]) -> None:
    parsed = parse_request(sent(request))
    assert parsed == request
    assert type(parsed) is type(request)
    assert parsed.data == request.data


@given(request=requests)
def test_edition_is_known_from_the_frame_but_for_the_time(request: Request[Any]) -> None:
    expected = None if isinstance(request, SetTime) else request.edition
    assert edition_of(sent(request)) == expected


@given(request=requests)
def test_every_request_can_be_refused_in_its_editions_words(request: Request[Any]) -> None:
    found = Frame(refuse(OWN, request, 0x01, b""))
    told = parse_answer(found)
    assert isinstance(told.refused, Refused)
    if isinstance(request, ChangeBaud) and request.edition == "1997":
        assert told.refused.code == "FF"
    elif isinstance(request, Security):
        assert (told.refused.code, told.refused.meaning) == ("0001", SECURITY_ERROR_BITS[0])
    else:
        bits = ERROR_BITS_1997 if request.edition == "1997" else ERROR_BITS
        assert (told.refused.code, told.refused.meaning) == ("01", bits[0])


@given(request=requests.filter(lambda request: request.reply_bytes == 0))
def test_done_is_done_whatever_stands_behind_it(request: Request[Any]) -> None:
    found = Frame(accept(OWN, request, None, preamble=b""))
    assert found.data == b""
    assert request.decode_reply(found.data) is None
    assert request.decode_reply(b"\x01\x02") is None


@given(
    request=st.builds(Read, hexes(4))
    | st.builds(FollowUp, hexes(4), st.integers(0, 255))
    | st.builds(Read1997, hexes(2))
    | st.builds(FollowUp1997, hexes(2))
    | st.builds(Security, security_items, st.binary(max_size=9)),
    value=st.binary(max_size=200),
    follows=st.booleans(),
)
def test_answer_with_data_gives_the_data(request: Request[bytes], value: bytes, follows: bool) -> None:
    found = Frame(accept(OWN, request, value, follows=follows, preamble=b""))
    assert found.follows is follows
    assert request.decode_reply(found.data) == value
    told = parse_answer(found)
    assert (told.item, told.data) == (getattr(request, "item", None), value)


@given(text=digits)
def test_address_comes_back_from_its_answer(text: str) -> None:
    assert ReadAddress().decode_reply(ReadAddress().encode_reply(text)) == text


@given(control=st.integers(0, 255), data=st.binary(max_size=80))
@example(control=0x14, data=bytes(12))
@example(control=0x18, data=bytes(12))
@example(control=0x08, data=b"\xff" * 6)
@example(control=0x15, data=b"\xaa" * 6)
@example(control=0x0A, data=b"\x12\xaa\x12\xaa\xaa\xaa")
@example(control=0x1D, data=b"\x07")
@example(control=0x1B, data=bytes(12))
def test_any_data_raise_only_protocol_errors(control: int, data: bytes) -> None:
    found = Frame(encode(OWN, control, data, b""))
    for parse in (parse_request, parse_answer):
        with contextlib.suppress(ProtocolError):
            parse(found)
    assert edition_of(found) in ("2007", "1997", None)


@given(control=st.integers(0, 0x1F), data=st.binary(max_size=20))
def test_what_is_parsed_says_what_was_sent(control: int, data: bytes) -> None:
    try:
        parsed = parse_request(Frame(encode(OWN, control, data, b"")))
    except ProtocolError:
        return
    assert (parsed.function, parsed.data) == (control, data)


@given(request=requests)
def test_shown_bytes_are_the_frame_but_for_its_secrets(request: Request[Any]) -> None:
    raw = b"\xfe\xfe" + sent(request).raw
    shown = masked(raw).split()
    assert len(shown) == len(raw)
    assert all(text in ("**", f"{byte:02X}") for text, byte in zip(shown, raw, strict=True))


@pytest.mark.parametrize("request_", [Ordered(Opaque(0x1C, b"\x01" * 20), Access(0x98)), Security("070000FF", b"")])
def test_what_only_a_security_module_reads_acts_too(request_: Request[Any]) -> None:
    assert request_.acts
