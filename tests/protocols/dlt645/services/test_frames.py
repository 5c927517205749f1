"""Each constructed and public frame of a service, both ways."""

from __future__ import annotations

import pytest

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import FOLLOWS, Frame, encode, flaw
from protocols.dlt645.services.access import Access
from protocols.dlt645.services.answer import accept, parse_answer, refuse
from protocols.dlt645.services.control import Control
from protocols.dlt645.services.edition import edition_of
from protocols.dlt645.services.order import Ordered
from protocols.dlt645.services.request import parse_request
from protocols.dlt645.services.service import refused
from protocols.dlt645.services.write import Write1997
from protocols.errors import FrameError, Refused
from tests.protocols.dlt645.conversation import frame
from tests.protocols.dlt645.services.frames import (
    ANSWERED,
    BAD_SUM_SWITCH,
    DENIED,
    SENT,
    SWITCHES,
    Answered,
    Denied,
    Sent,
    Switch,
)


def bare(raw: str) -> bytes:
    return bytes.fromhex(raw).lstrip(b"\xfe")


def named(row: Sent | Answered | Denied) -> str:
    return f"{type(row.request).__name__} {row.raw[-12:]}"


@pytest.mark.parametrize("sent", SENT, ids=named)
def test_request_is_encoded_to_the_same_bytes(sent: Sent) -> None:
    made = encode(addresses.to_wire(sent.address), sent.request.function, sent.request.data, b"")
    assert made == bare(sent.raw)


@pytest.mark.parametrize("sent", SENT, ids=named)
def test_frame_is_parsed_to_the_request(sent: Sent) -> None:
    found = frame(sent.raw)
    parsed = parse_request(found)
    if isinstance(parsed, Write1997):
        parsed = parsed.split(4)
    assert parsed == sent.request
    assert addresses.from_wire(found.address) == sent.address
    assert edition_of(found) in (None, sent.request.edition)


@pytest.mark.parametrize("answered", ANSWERED, ids=named)
def test_answer_is_encoded_to_the_same_bytes(answered: Answered) -> None:
    own = addresses.to_wire(answered.own)
    made = accept(own, answered.request, answered.value, follows=answered.follows, preamble=b"")
    assert made == bare(answered.raw)


@pytest.mark.parametrize("answered", ANSWERED, ids=named)
def test_answer_gives_its_value(answered: Answered) -> None:
    found = frame(answered.raw)
    assert found.function == answered.request.function
    assert bool(found.control & FOLLOWS) is answered.follows
    assert answered.request.decode_reply(found.data) == answered.value
    told = parse_answer(found)
    assert (told.edition, told.follows, told.refused) == (answered.request.edition, answered.follows, None)


@pytest.mark.parametrize("denied", DENIED, ids=named)
def test_refusal_both_ways(denied: Denied) -> None:
    found = frame(denied.raw)
    assert refuse(found.address, denied.request, denied.error, b"") == found.raw
    told = parse_answer(found).refused
    assert told is not None
    assert (told.code, told.meaning) == (denied.code, denied.meaning)
    if found.is_abnormal:
        assert (refused(found).code, refused(found).meaning) == (denied.code, denied.meaning)
    else:
        with pytest.raises(Refused, match=denied.meaning):
            denied.request.decode_reply(found.data)


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: switch.source)
def test_public_control_frame_says_command_operator_and_end(switch: Switch) -> None:
    found = frame(switch.raw)
    request = parse_request(found)
    assert isinstance(request, Ordered)
    assert request.order == Control(switch.command, switch.until, switch.operator, switch.n2)
    assert request.access.level == switch.level
    assert addresses.from_wire(found.address) == switch.address
    assert encode(found.address, request.function, request.data, b"") == found.raw
    assert request.acts


def test_control_frame_with_a_wrong_sum_is_none() -> None:
    raw = bytes.fromhex(BAD_SUM_SWITCH)
    assert flaw(raw) == "check sum is 95, expected D9"
    parsed = parse_request(Frame(raw))  # what it would have said
    assert isinstance(parsed, Ordered)
    assert isinstance(parsed.order, Control)
    assert (parsed.order.command.name, parsed.order.until) == ("ALARM_OFF", "2017-09-06T10:51:50")  # type: ignore[union-attr]


def test_captured_answers_of_services_are_told() -> None:
    acknowledged = parse_answer(frame("68090051050326689C00F416"))  # printed, test of a Django service
    assert (acknowledged.service, acknowledged.refused, acknowledged.item) == ("control", None, None)
    told = parse_answer(frame("FEFEFEFE6834691708172068C40137BF16")).refused  # captured, KTS-Intek/DLT645 log
    assert told is not None
    assert (told.code, told.meaning) == ("04", "wrong password")


def test_time_in_the_order_of_another_program_is_no_time() -> None:
    """The tests of PyPI dlt645 print year first; read in the standard's order it has a month 34."""
    with pytest.raises(FrameError, match="MM is 34"):
        parse_request(frame("FEFEFEFE689999999999996808065844354567897A16"))


@pytest.mark.parametrize(
    "raw",
    [
        "68953206000000680104333433336F16",  # captured: 01H with an identifier of 2007
        "68999999999999680104000100006C16",  # captured: the same, without the 33H
        "6820111221063668C503E901638516",  # captured: an answer to a maker's own service
    ],
)
def test_what_no_edition_has_is_an_error(raw: str) -> None:
    with pytest.raises(FrameError):
        parse_request(frame(raw))


def test_error_shows_the_head_of_a_frame_and_no_password() -> None:
    secret = Access(4, bytes.fromhex("563412"))
    raw = encode(bytes(6), 0x14, bytes(4) + secret.wire + bytes(3), b"")
    with pytest.raises(FrameError) as caught:
        parse_request(Frame(raw))
    assert caught.value.raw == raw[:10]
    assert "89 67 45" not in str(caught.value)
