"""Published frames decode to what their publishers saw."""

from __future__ import annotations

import pytest

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import Frame, encode, flaw
from protocols.dlt645.items import item
from protocols.dlt645.services.address import read_address
from protocols.dlt645.services.read import read_item
from protocols.errors import BadAnswer, Refused
from protocols.exchange import Noise
from protocols.model import Quality
from tests.protocols.dlt645.conversation import converse, events, frame
from tests.protocols.dlt645.vectors import (
    BAD_SUMS,
    CONSTRUCTED,
    MESSAGES,
    NO_BCD_REPLY,
    PREFIXED_REPLY,
    REPLIES,
    WILDCARD_REPLY,
    WRONG_LENGTH_REPLY,
    Message,
    Reply,
)


@pytest.mark.parametrize("reply", [*REPLIES, *CONSTRUCTED], ids=lambda reply: f"{reply.item} {reply.source}")
def test_reply_gives_exact_values(reply: Reply) -> None:
    values, _ = converse(read_item(reply.address, item(reply.item)), [frame(reply.raw)])
    assert tuple(str(value) for value in values) == reply.values
    assert all(value.quality is Quality.GOOD for value in values)


@pytest.mark.parametrize("reply", [*REPLIES, *CONSTRUCTED], ids=lambda reply: f"{reply.item} {reply.source}")
def test_reply_is_encoded_to_the_same_bytes(reply: Reply) -> None:
    found = item(reply.item)
    numbers = [
        int(text.replace(".", "")) if form.decimals else text
        for text, (_, form) in zip(reply.values, found.parts, strict=False)
    ]
    raw = encode(addresses.to_wire(reply.address), 0x91, found.wire + found.encode(numbers), b"")
    assert raw == bytes.fromhex(reply.raw).lstrip(b"\xfe")


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.source)
def test_message_shows_address_control_and_data(message: Message) -> None:
    found = frame(message.raw)
    assert addresses.from_wire(found.address) == message.address
    assert found.control == message.control
    assert found.data.hex().upper() == message.data
    assert encode(found.address, found.control, found.data, b"") == found.raw


@pytest.mark.parametrize("raw", BAD_SUMS)
def test_wrong_check_sum_gives_no_frame(raw: str) -> None:
    assert flaw(bytes.fromhex(raw)) is not None
    assert "check sum" in str(flaw(bytes.fromhex(raw)))
    (noise,) = events(bytes.fromhex(raw))
    assert isinstance(noise, Noise)
    assert noise.raw == bytes.fromhex(raw)
    assert "check sum" in noise.reason


def test_wildcard_is_answered_with_the_wildcard() -> None:
    values, _ = converse(read_item(addresses.WILDCARD, item("02010100")), [frame(WILDCARD_REPLY.raw)])
    assert [str(value) for value in values] == ["0.0"]


def test_dtu_prefix_is_noise_and_the_frame_behind_it_counts() -> None:
    noise, reply = events(bytes.fromhex(PREFIXED_REPLY.raw))
    assert isinstance(noise, Noise)
    assert noise.raw.startswith(bytes.fromhex("D8B04CBDD147"))
    assert isinstance(reply, Frame)
    values, _ = converse(read_item(PREFIXED_REPLY.address, item(PREFIXED_REPLY.item)), [reply])
    assert [str(value) for value in values] == ["221.6"]


def test_digit_that_is_no_bcd_is_an_error_and_no_guess() -> None:
    with pytest.raises(BadAnswer, match="BCD") as caught:
        converse(read_item(NO_BCD_REPLY.address, item(NO_BCD_REPLY.item)), [frame(NO_BCD_REPLY.raw)])
    assert caught.value.raw == bytes.fromhex("00000e00")


def test_length_that_the_item_cannot_have_is_an_error_and_no_guess() -> None:
    reply = WRONG_LENGTH_REPLY
    with pytest.raises(BadAnswer, match="has 27 bytes of data, expected 4"):
        converse(read_item(reply.address, item(reply.item)), [frame(reply.raw)])


@pytest.mark.parametrize(
    ("raw", "address", "code", "meaning"),
    [
        # printed by public readers, except 04: constructed from the standard
        ("6837030092813968D101355D16", "398192000337", "02", "no requested data"),
        ("68 12 90 78 56 34 12 68 D1 01 37 8F 16", "123456789012", "04", "wrong password or not authorised"),
        ("6812907856341268D101399116", "123456789012", "06", "no requested data, wrong password or not authorised"),
    ],
)
def test_refusal_is_told_in_words(raw: str, address: str, code: str, meaning: str) -> None:
    with pytest.raises(Refused) as caught:
        converse(read_item(address, item("00010000")), [frame(raw)])
    assert (caught.value.code, caught.value.meaning) == (code, meaning)


def test_refusal_without_an_error_byte_is_still_a_refusal() -> None:
    with pytest.raises(Refused, match="no reason given"):
        converse(read_item("1", item("00010000")), [frame(encode(addresses.to_wire("1"), 0xD1))])


def test_answer_without_data_is_an_error() -> None:
    """91H with L = 0 is sent by meters in the field."""
    with pytest.raises(BadAnswer, match="without data"):
        converse(read_item("1", item("00010000")), [frame(encode(addresses.to_wire("1"), 0x91))])


def test_identifier_without_data_is_an_error() -> None:
    found = item("00010000")
    with pytest.raises(BadAnswer, match="0 bytes"):
        converse(read_item("1", found), [frame(encode(addresses.to_wire("1"), 0x91, found.wire))])


@pytest.mark.parametrize("code", ["00010000", "02010100", "02030000", "02060000", "0280000A", "04000402", "04000403"])
def test_all_ff_is_the_meters_nothing_and_no_error(code: str) -> None:
    found = item(code)
    reply = encode(addresses.to_wire("1"), 0x91, found.wire + b"\xff" * found.longest)
    values, _ = converse(read_item("1", found), [frame(reply)])
    assert [(value.number, value.text, value.quality) for value in values] == [(None, None, Quality.NOT_AVAILABLE)]
    assert str(values[0]) == ""


def test_one_phase_of_a_block_may_have_nothing() -> None:
    found = item("0201FF00")
    reply = encode(addresses.to_wire("1"), 0x91, found.wire + found.encode([2203, None, None]))
    values, _ = converse(read_item("1", found), [frame(reply)])
    assert [(value.number, value.quality) for value in values] == [
        (2203, Quality.GOOD),
        (None, Quality.NOT_AVAILABLE),
        (None, Quality.NOT_AVAILABLE),
    ]


@pytest.mark.parametrize(
    ("raw", "address"),
    [
        # captured; printed by public code of a power-line module
        ("FEFEFEFE68944103261218689306C7743659454BEB16", "181226034194"),
        ("68320000000000689306653333333333FF16", "000000000032"),
    ],
)
def test_meter_tells_its_address(raw: str, address: str) -> None:
    told, (ask,) = converse(read_address(), [frame(raw)])
    assert told == address
    assert frame(ask.data).raw == bytes.fromhex("68AAAAAAAAAAAA681300DF16")


def test_address_of_another_length_is_an_error() -> None:
    with pytest.raises(BadAnswer, match="6 bytes"):
        converse(read_address(), [frame(encode(bytes(6), 0x93, bytes(5)))])
