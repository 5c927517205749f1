"""The read conversation: what is asked, what answers, follow-up frames.

No public capture shows B1H, B2H or 92H: those frames are constructed from the standard (7.1.3): the first answer has no
sequence number, each later one ends with the number of its request.
"""

from __future__ import annotations

from typing import Final

import pytest

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import Frame, encode
from protocols.dlt645.items import item
from protocols.dlt645.services.read import read_data, read_item
from protocols.errors import BadAnswer, Refused
from tests.protocols.dlt645.conversation import converse, frame

METER: Final = "123456789012"
TO: Final = addresses.to_wire(METER)
# The programming record 03300001 in three frames.
RECORD: Final = bytes.fromhex("01003003")
FIRST: Final = "FEFEFEFE6812907856341268B116343363364544435544593433333334343337343433377C16"
SECOND: Final = "FEFEFEFE6812907856341268B2113433633635343337353433373534333734F616"
THIRD: Final = "FEFEFEFE68129078563412689219343363363232323232323232323232323232323232323232354E16"
REQUESTS: Final = (
    "FEFEFEFE681290785634126811043433633699" + "16",
    "FEFEFEFE681290785634126812053433633634D116",
    "FEFEFEFE681290785634126812053433633635D216",
)


def reply(control: int, data: bytes, address: str = METER) -> Frame:
    return frame(encode(addresses.to_wire(address), control, data))


def test_request_is_what_the_standard_prints() -> None:
    ask = next(read_item(METER, item("00010000")))
    assert ask.data.hex().upper() == "FEFEFEFE68129078563412681104333334336816"  # printed by two public codecs
    assert ask.repeatable
    assert ask.reply_bytes == 4 + 12 + 4 + 4


def test_follow_up_frames_are_put_together() -> None:
    data, asks = converse(read_data(METER, RECORD, 50), [frame(raw) for raw in (FIRST, SECOND, THIRD)])
    assert [ask.data.hex().upper()[:-4] for ask in asks] == [raw[:-4] for raw in REQUESTS]
    assert [ask.data.hex().upper() for ask in asks[1:]] == list(REQUESTS[1:])
    first, second, third = (frame(raw).data for raw in (FIRST, SECOND, THIRD))
    assert data == first[4:] + second[4:-1] + third[4:-1]
    assert data.endswith(b"\xff" * 20)


def test_long_block_over_two_frames_gives_all_values() -> None:
    found = item("0001FF00")
    whole = found.encode(list(range(64)))
    replies = [reply(0xB1, found.wire + whole[:200]), reply(0x92, found.wire + whole[200:] + b"\x01")]
    values, _ = converse(read_item(METER, found), replies)
    assert [value.number for value in values] == list(range(64))


def test_refused_follow_up_is_a_refusal() -> None:
    replies = [reply(0xB1, RECORD + b"\x01\x02"), frame("FEFEFEFE6812907856341268D201358E16")]
    with pytest.raises(Refused, match="no requested data"):
        converse(read_data(METER, RECORD, 50), replies)


def test_meter_that_always_has_more_is_ended() -> None:
    conversation = read_data(METER, RECORD, 50)
    next(conversation)
    conversation.send(reply(0xB1, RECORD + b"\x00"))
    for sequence in range(1, 255):
        conversation.send(reply(0xB2, RECORD + b"\x00" + bytes((sequence,))))
    with pytest.raises(BadAnswer, match="more follow-up frames"):
        conversation.send(reply(0xB2, RECORD + b"\x00\xff"))


def test_follow_up_answer_with_another_number_is_not_the_answer() -> None:
    conversation = read_data(METER, RECORD, 50)
    next(conversation)
    ask = conversation.send(reply(0xB1, RECORD + b"\x00"))
    assert ask.answers(reply(0x92, RECORD + b"\x00\x01"))
    assert not ask.answers(reply(0x92, RECORD + b"\x01\x02"))
    assert not ask.answers(reply(0x91, RECORD + b"\x00\x01"))


@pytest.mark.parametrize(
    ("other", "answers"),
    [
        (reply(0x91, bytes.fromhex("00000100") + bytes(4)), True),
        (reply(0xB1, bytes.fromhex("00000100") + bytes(4)), True),
        (reply(0xD1, b"\x02"), True),
        (reply(0x91, b""), True),
        (reply(0x91, bytes.fromhex("00000200") + bytes(4)), False),  # another item
        (reply(0x91, bytes.fromhex("00000100") + bytes(4), "123456789013"), False),  # another meter
        (reply(0xD1, b"\x02", "123456789013"), False),
        (reply(0x11, bytes.fromhex("00000100")), False),  # our own echo
        (reply(0x92, bytes.fromhex("00000100") + bytes(5)), False),
        (reply(0x94, b""), False),
        (reply(0xD4, b"\x04"), False),
    ],
)
def test_what_answers_a_read(other: Frame, answers: bool) -> None:
    assert next(read_item(METER, item("00010000"))).answers(other) is answers


@pytest.mark.parametrize(
    ("asked", "own", "answers"),
    [
        (addresses.WILDCARD, METER, True),
        (addresses.WILDCARD, addresses.WILDCARD, True),
        ("AAAAAAAA9012", METER, True),
        ("AAAAAAAA9013", METER, False),
    ],
)
def test_wildcard_is_answered_by_whom_it_reaches(asked: str, own: str, answers: bool) -> None:
    ask = next(read_item(asked, item("00010000")))
    assert ask.answers(reply(0x91, bytes.fromhex("00000100") + bytes(4), own)) is answers


def test_same_question_is_confusable_and_another_is_not() -> None:
    one = next(read_item(METER, item("00010000"))).confusable
    assert one == next(read_item(METER, item("00010000"))).confusable
    assert one is not None
    assert one != next(read_item(METER, item("00020000"))).confusable
    assert one != next(read_item("1", item("00010000"))).confusable


def test_preamble_is_the_lines_choice() -> None:
    assert next(read_item(METER, item("00010000"), b"")).data.startswith(b"\x68")
