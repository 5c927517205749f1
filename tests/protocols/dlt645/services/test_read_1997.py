"""Reading in 1997: parts without numbers, and the last frame again when an answer is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import Frame, encode
from protocols.dlt645.services.read_1997 import read_data_1997
from protocols.errors import BadAnswer, NoAnswer, Refused
from protocols.exchange import Ask
from tests.protocols.dlt645.conversation import converse, frame
from tests.protocols.dlt645.peer import QUICK, peer

METER: Final = "123456789012"
OWN: Final = addresses.to_wire(METER)
BLOCK: Final = bytes.fromhex("1F90")
# Constructed from the standard's layout: no public capture shows A1H.
FIRST: Final = bytes.fromhex("FEFE6812907856341268A10E52C3674533333334333333353333F716")
LAST: Final = bytes.fromhex("FEFE6812907856341268820752C333363333DDD016")
# Answers may be a minute late.
SLOW_LINE: Final = replace(QUICK, late=60.0)
WHOLE: Final = bytes.fromhex("34120000000100000002000000030000AA")


def asked(raw: bytes) -> tuple[int, bytes]:
    found = Frame(raw.lstrip(b"\xfe"))
    return found.control, found.data


def part(control: int, data: bytes, own: bytes = OWN) -> bytes:
    return encode(own, control, BLOCK + data, b"")


def test_parts_are_put_together() -> None:
    data, asks = converse(read_data_1997(METER, BLOCK, 60), [frame(FIRST), frame(LAST)])
    assert data == WHOLE
    assert [asked(ask.data) for ask in asks] == [(0x01, BLOCK), (0x02, BLOCK)]
    assert asks[0].data.lstrip(b"\xfe") == bytes.fromhex("6812907856341268010252C39E16")
    assert asks[1].data.lstrip(b"\xfe") == bytes.fromhex("6812907856341268020252C39F16")
    assert [ask.repeatable for ask in asks] == [True, False]


@pytest.mark.parametrize(
    ("raw", "di", "data"),
    [
        # captured, KTS-Intek/DLT645 log: real meters, asked at 999999999999, answer with their own address
        ("6895320600000068810643C3483333330B16", "1090", "15000000"),
        ("6895320600000068810653C3333333330616", "2090", "00000000"),
        ("6895320600000068810444E93333B516", "11B6", "0000"),
        ("FEFEFEFE6834691708172068810865F3679C4A3B4A53C916", "32C0", "346917081720"),
        ("FEFEFEFE6834691708172068810643F339393A4C7816", "10C0", "06060719"),
        ("FEFEFEFE6834691708172068810563F33349334E16", "30C0", "001600"),
        # printed, meter search: asked at AA..AA, answered with AA..AA
        ("68AAAAAAAAAAAA68810643C394A53533FA16", "1090", "61720200"),
    ],
)
def test_captured_answers(raw: str, di: str, data: str) -> None:
    to = addresses.WILDCARD if raw.startswith("68AA") else addresses.BROADCAST
    found, _ = converse(read_data_1997(to, bytes.fromhex(di), 6), [frame(raw)])
    assert found.hex() == data


def test_captured_refusal_is_told_in_the_words_of_1997() -> None:
    with pytest.raises(Refused, match="no such identifier"):
        converse(read_data_1997("63295", b"\xcd\xec", 4), [frame("6895320600000068C101359416")])


async def test_lost_first_answer_is_asked_for_again() -> None:
    async with peer(None, FIRST, LAST, timing=QUICK) as line:
        assert await line.driver.run(read_data_1997(METER, BLOCK, 60)) == WHOLE
    assert [asked(raw)[0] for raw in line.asked] == [0x01, 0x01, 0x02]


async def test_lost_part_is_had_by_asking_for_the_last_frame_again() -> None:
    again = part(0x83, bytes.fromhex("00030000AA"))
    async with peer(FIRST, None, again, timing=QUICK) as line:
        assert await line.driver.run(read_data_1997(METER, BLOCK, 60)) == WHOLE
    assert [asked(raw) for raw in line.asked] == [(0x01, BLOCK), (0x02, BLOCK), (0x03, b"")]


async def test_last_frame_again_may_say_that_more_follows() -> None:
    """While the lost answer may still come, the next part is not believed: it has no number, and is had again too."""
    replies = (part(0xA1, b"\x01"), None, part(0xA3, b"\x02"), part(0x82, b"\x03"), part(0x83, b"\x03"))
    async with peer(*replies, timing=SLOW_LINE) as line:
        assert await line.driver.run(read_data_1997(METER, BLOCK, 60)) == b"\x01\x02\x03"
    assert [asked(raw)[0] for raw in line.asked] == [0x01, 0x02, 0x03, 0x02, 0x03]


async def test_follow_up_that_the_meter_never_heard_ends_the_reading() -> None:
    """What it sends again is the part already there: a guess would lose a part or take one twice."""
    async with peer(part(0xA1, b"\x01"), None, part(0xA3, b"\x01"), timing=QUICK) as line:
        with pytest.raises(NoAnswer, match="part 1 holds cannot be known"):
            await line.driver.run(read_data_1997(METER, BLOCK, 60))
    assert len(line.asked) == 3


async def test_meter_that_cannot_repeat_ends_the_reading() -> None:
    async with peer(FIRST, None, encode(OWN, 0xC3, b"\x01"), timing=QUICK) as line:
        with pytest.raises(NoAnswer):
            await line.driver.run(read_data_1997(METER, BLOCK, 60))


async def test_late_part_is_not_taken_for_the_next_one() -> None:
    """The answer to the first follow-up comes when the second is under way."""
    late, third = part(0x82 | 0x20, b"\x02"), part(0x82, b"\x03")
    replies = (part(0xA1, b"\x01"), None, part(0xA3, b"\x02"), late + third)
    async with peer(*replies, timing=SLOW_LINE) as line:
        assert await line.driver.run(read_data_1997(METER, BLOCK, 60)) == b"\x01\x02\x03"
    assert line.driver.counters.strays == 1


def test_meter_that_always_has_more_is_ended() -> None:
    conversation = read_data_1997(METER, BLOCK, 60)
    next(conversation)
    more = frame(part(0xA1, b"\x01"))
    conversation.send(more)
    for _ in range(254):
        conversation.send(frame(part(0xA2, b"\x01")))
    with pytest.raises(BadAnswer, match="without end"):
        conversation.send(frame(part(0xA2, b"\x01")))


def reading(address: str) -> Ask[Frame]:
    return next(read_data_1997(address, BLOCK, 60))


@pytest.mark.parametrize(
    ("raw", "answers"),
    [
        (part(0x81, b"\x01"), True),
        (part(0xA1, b"\x01"), True),
        (encode(OWN, 0xC1, b"\x02", b""), True),
        (encode(OWN, 0x81, b"", b""), True),
        (part(0x82, b"\x01"), False),
        (part(0x81, b"\x01", addresses.to_wire("1")), False),
        (encode(OWN, 0x81, b"\x10\x90\x01", b""), False),
        (encode(OWN, 0x01, BLOCK, b""), False),
        (encode(OWN, 0x91, b"\0\0\1\0" + bytes(4), b""), False),
    ],
)
def test_what_answers(raw: bytes, answers: bool) -> None:
    assert reading(METER).answers(frame(raw)) is answers


def test_answer_without_data_is_an_error() -> None:
    with pytest.raises(BadAnswer, match="without data"):
        converse(read_data_1997(METER, BLOCK, 60), [frame(encode(OWN, 0x81))])


@pytest.mark.parametrize(
    ("asked_at", "own", "answers"),
    [
        ("AAAAAA012345", "AAAAAA012345", True),  # a short address, filled up
        ("AAAAAA012345", "000000012345", True),
        ("000000012345", "AAAAAA012345", False),
        (addresses.BROADCAST, "AAAAAA012345", True),
        (addresses.WILDCARD, "AAAAAA012345", True),
        (METER, addresses.WILDCARD, False),
    ],
)
def test_who_may_answer(asked_at: str, own: str, answers: bool) -> None:
    assert reading(asked_at).answers(frame(part(0x81, b"\x01", addresses.to_wire(own)))) is answers
