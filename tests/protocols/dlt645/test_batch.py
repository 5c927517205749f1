"""A batch says what the reader and the items say frame by frame, of any bytes."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from random import Random
from typing import Final

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocols.dlt645.batch import BatchDecoder, Buffer, Outcome
from protocols.dlt645.formats import Bits, Number
from protocols.dlt645.frame import encode
from protocols.dlt645.item import Item
from protocols.dlt645.items import item, resized
from protocols.model import Quality
from tests.protocols.dlt645.one_by_one import by_batch, check
from tests.protocols.dlt645.vectors import BAD_SUMS, CONSTRUCTED, MESSAGES, REPLIES

NUMERIC: Final = (
    "00010000", "00000000", "0001FF00", "0000FF00", "000100FF", "00030001", "00940000", "02010100", "0201FF00",
    "02020100", "0202FF00", "0203FF00", "02060000", "02800002", "02800007", "0280000A", "020A01FF", "04000103",
    "04000409", "04000501", "040005FF", "05060101", "05001001",
)  # fmt: skip
MIXED: Final = (
    "01010000", "0101FF00", "01030000", "0400010C", "04000101", "04000401", "04000403", "0400040B", "05000001",
    "0500FF01", "06010000",
)  # fmt: skip
UNKNOWN: Final = ("0C0C0C0C", "FFFFFFFF", "02FF0100", "68686868")
ITEMS: Final = (*NUMERIC, *MIXED)

_WIRE: Final = bytes((byte - 0x33) & 0xFF for byte in range(256))
"""Written as data with this taken off, bytes stand on the wire as they are."""

addresses = st.binary(min_size=6, max_size=6) | st.sampled_from([b"\x68" * 6, b"\x16" * 6, b"\xaa" * 6, bytes(6)])
preambles = st.integers(0, 7).map(lambda count: b"\xfe" * count)


def _answer(code: str, seed: int) -> bytes:
    """Data of an answer: numbers of every digit, FF..FF, any sign, and now and then something that is no number."""
    random = Random(seed)
    found = item(code)
    forms = [form for _, form in found.parts]
    odd = random.random() < 0.3
    data = found.wire
    for form in forms[: random.choice([1, 2, 4, 8, len(forms)])]:
        digits = bytearray.fromhex("".join(random.choices("0123456789", k=2 * form.length)))
        digits[-1] ^= random.choice([0, 0, 0x80])
        raw = bytes(digits)
        fill = random.choice([b"\xff", b"\x00", raw[-1:]])
        data += random.choice([raw, raw, fill * form.length, random.randbytes(form.length) if odd else raw])
    return (data + (random.choice([b"\x00", b"\xaa"]) if odd else b""))[:255]


answers = st.builds(_answer, st.sampled_from(ITEMS), st.integers(0, 2**32))
controls = st.sampled_from([0x91, 0x91, 0x91, 0x91, 0xD1, 0xB1, 0x92, 0xB2, 0x11, 0x81, 0x9C, 0xDC])
replies = st.builds(encode, addresses, controls, answers, preambles)
unknown = st.sampled_from(UNKNOWN).map(lambda code: bytes.fromhex(code)[::-1] + bytes(4))
anything = st.builds(encode, addresses, st.integers(0, 255), st.binary(max_size=40) | unknown, preambles)
frames = replies | anything
# Bytes in which false starts are frequent.
garbage = st.lists(st.sampled_from(b"\x68\x68\x68\x16\xfe\x00\x11\x91\x04\xff\x33"), max_size=40).map(bytes)


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    raw = bytearray(draw(frames))
    raw[draw(st.integers(0, len(raw) - 1))] ^= draw(st.integers(1, 255))
    return bytes(raw)


@st.composite
def nested(draw: st.DrawFn) -> bytes:
    """A whole frame, sometimes two, within the data of another, which may be cut or broken itself."""
    inner = draw(st.lists(replies, min_size=1, max_size=2).map(b"".join))[:200]
    outer = encode(draw(addresses), 0x91, inner.translate(_WIRE) + draw(st.binary(max_size=20)), b"")
    return draw(st.sampled_from([outer, outer[:-1], outer[:-2] + b"\x00\x16", b"\x68" + outer]))


def overlapping(count: int, random: Random) -> bytes:
    """A chain of sound frames each of which ends within the address of the next."""
    raw = encode(random.randbytes(6), 0x91, random.randbytes(5) + b"\x68\x01\x02".translate(_WIRE), b"")
    for _ in range(count - 1):
        address = raw[-4:] + random.randbytes(2)  # 01 02 and the check sum and end of the frame before
        data = random.randbytes(random.randint(0, 9)) + b"\x68\x01\x02".translate(_WIRE)
        raw += encode(address, 0x91, data, b"")[5:]
    return raw


chains = st.builds(lambda count, seed: overlapping(count, Random(seed)), st.integers(2, 7), st.integers(0, 999))
cut = st.builds(lambda raw, size: raw[:size], frames, st.integers(0, 30))
pieces = frames | frames | broken() | nested() | chains | garbage | st.binary(max_size=30) | cut
messages = st.lists(pieces, max_size=5).map(b"".join)


@lru_cache(maxsize=1)
def decoder() -> BatchDecoder:
    """One for all examples: what it has learnt from one buffer must not show in the next."""
    return BatchDecoder()


@given(messages=st.lists(messages | st.binary(max_size=200), min_size=1, max_size=4))
@example(messages=[b"", b"", b""])
@example(messages=[b"\xfe" * 30])
@example(messages=[b"\xfe" * 30 + b"\x00"])
@example(messages=[b"\x00" + b"\xfe" * 12 + encode(bytes(6), 0x91, bytes(8), b"")])
@example(messages=[b"\xfe" * 12 + encode(bytes(6), 0x91, bytes(8), b"\x00" + b"\xfe" * 7)])
@example(messages=[bytes.fromhex("68111111111111689104")])
@example(messages=[bytes.fromhex("681111111111116891ff") + encode(bytes(6), 0x91, bytes(8))])
def test_batch_says_what_the_frames_say_one_by_one(messages: list[bytes]) -> None:
    check(decoder(), messages)


@settings(max_examples=30)  # learning its items anew is most of a fresh decoder's time
@given(messages=st.lists(messages, min_size=1, max_size=3))
def test_a_fresh_decoder_says_the_same(messages: list[bytes]) -> None:
    check(BatchDecoder(), messages)


@given(random=st.integers(0, 2**32).map(Random), count=st.integers(2, 12))
def test_of_overlapping_frames_the_leftmost_are_taken(random: Random, count: int) -> None:
    told = check(decoder(), [overlapping(count, random)])
    assert len(told) >= (count + 1) // 2


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_overlaps_reach_across_the_stretches_that_are_worked_on(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocols.dlt645.packed._BLOCK", rows)
    random = Random(rows)
    for _ in range(20):
        check(decoder(), [overlapping(9, random) + _piece(random) + overlapping(4, random)])


def test_seeded_stream_of_everything() -> None:
    random = Random(645)
    stream = [_piece(random) for _ in range(6000)]
    told = check(BatchDecoder(), [b"".join(stream)])
    assert {frame.outcome for frame in told} == set(Outcome)
    decoded = [frame for frame in told if frame.outcome is Outcome.DECODED]
    assert len(decoded) > 3000
    numbers = [number for frame in decoded for _, number, _ in frame.numbers]
    assert min(numbers) < -100_000
    assert max(numbers) > 1_000_000
    assert {quality for frame in decoded for _, _, quality in frame.numbers} == {0, 1}
    check(BatchDecoder(), stream)  # each a message of its own


def _piece(random: Random) -> bytes:
    """Mostly good replies of all items; of everything else some."""
    found = item(random.choice(ITEMS))
    data = found.wire
    count = random.choice([found.least, len(found.parts)])
    for _, form in found.parts[:count]:
        if isinstance(form, Number | Bits):
            number = random.randrange(10 ** (2 * form.length)) if isinstance(form, Number) else random.randrange(65536)
            signed = isinstance(form, Number) and form.signed
            number %= 8 * 10 ** (2 * form.length - 1) if signed else 10 ** (2 * form.length)
            empty = isinstance(form, Number) and random.random() < 0.05
            data += form.encode(None if empty else -number if signed and random.random() < 0.5 else number)
        else:
            data += random.choice([b"\xff" * form.length, bytes(form.length), b"\x11" * form.length])
    kind = random.random()
    if kind < 0.02:
        data += b"\x00"
    elif kind < 0.04:
        data = data[:-1] + b"\x3c"
    elif kind < 0.05:
        data = bytes.fromhex(random.choice(UNKNOWN)) + data[4:]
    elif kind < 0.06:
        data = data[: random.randint(0, 3)]
    control = random.choice([0x91] * 30 + [0xD1, 0xB1, 0x92, 0x11, 0x81])
    raw = encode(random.choice([random.randbytes(6), b"\x68" * 6]), control, data[:255], b"\xfe" * random.randint(0, 7))
    if random.random() < 0.03:
        at = random.randrange(len(raw))
        raw = raw[:at] + random.choice([b"", random.randbytes(1), random.randbytes(20)]) + raw[at + 1 :]
    if random.random() < 0.02:
        raw += random.choice([overlapping(4, random), random.randbytes(30), b"\x68" * 9, raw[: len(raw) // 2]])
    return raw


def test_published_frames() -> None:
    raws = [bytes.fromhex(row.raw) for row in (*REPLIES, *CONSTRUCTED, *MESSAGES)] + [
        bytes.fromhex(b) for b in BAD_SUMS
    ]
    told = check(BatchDecoder(), raws)
    assert Counter(frame.outcome for frame in told)[Outcome.DECODED] >= len(REPLIES)


def test_many_identifiers_some_of_which_share_a_slot() -> None:
    """The grid of energies: 2,145 items, of which no table of 65,536 slots keeps all apart."""
    codes = [f"00{di2:02X}{di1:02X}{di0:02X}" for di2 in range(11) for di1 in range(13) for di0 in range(13)]
    codes += ["000A3F0D", "00FF0000"]  # no items
    raw = [encode(bytes(6), 0x91, bytes.fromhex(code)[::-1] + bytes.fromhex("01000080")) for code in codes]
    grown = BatchDecoder()
    for size in (7, len(raw), len(raw)):
        told = check(grown, raw[:size])
    assert [frame.identifier for frame in told] == codes
    assert [frame.outcome for frame in told[-2:]] == [Outcome.UNKNOWN_ITEM] * 2


def test_a_part_keeps_its_row_when_more_items_come() -> None:
    grown = BatchDecoder()
    first = grown.decode(encode(bytes(6), 0x91, item("0201FF00").wire + bytes(6)))
    second = grown.decode(encode(bytes(6), 0x91, item("00010000").wire + bytes(4)))
    assert second.parts[: len(first.parts)] == first.parts
    assert [part.name for part in first.parts] == ["voltage_l1", "voltage_l2", "voltage_l3"]
    assert second.numbers.part.tolist() == [3]


def test_items_of_blocks_are_decoded_by_their_shape_and_stay_together() -> None:
    record = item("06060000")
    freeze = item("0500FF01")
    whole = record.encode(["2026-11-22T00:15", 12345, None, "2026-11-22T00:30", 6789, 1])
    datas = [
        record.wire + whole,
        record.wire,  # no record: a good answer without values
        record.wire + whole[:-1],
        freeze.wire + freeze.encode([None] * 21),
        freeze.wire + b"\xaa",
    ]
    told = check(BatchDecoder(), [b"".join(encode(bytes(6), 0x91, data) for data in datas)])
    good, bad = Outcome.DECODED, Outcome.BAD_VALUE
    assert [frame.outcome for frame in told] == [good, good, bad, good, bad]
    assert [str(value) for value in told[0].others] == [
        "2026-11-22T00:15",
        "1.2345",
        "",
        "2026-11-22T00:30",
        "0.6789",
        "0.0001",
    ]
    assert (told[1].others, told[0].numbers, told[3].numbers) == ([], [], [])
    assert len(told[3].others) == 21


def test_words_wider_than_a_column_stay_exact() -> None:
    found = item("04001104")
    (told,) = check(BatchDecoder(), [encode(bytes(6), 0x91, found.wire + b"\xff" * 8)])
    assert [value.number for value in told.others] == [2**64 - 1]


def test_other_digits_of_a_model() -> None:
    """A meter whose current has four bytes: the items that are given decide, not the standard's."""

    def items(code: str) -> Item:
        return resized(item(code), Number(4, 5, signed=True)) if code.startswith("0202") else item(code)

    raw = encode(bytes(6), 0x91, item("02020100").wire + bytes.fromhex("78563492"))
    (told,) = check(BatchDecoder(items), [raw], items)
    assert [(part.decimals, number) for part, number, _ in told.numbers] == [(5, -12345678)]
    (told,) = check(BatchDecoder(), [raw])
    assert told.outcome is Outcome.WRONG_LENGTH


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("length", range(1, 9))
def test_numbers_of_every_width(length: int, signed: bool) -> None:
    """The largest and smallest number, nothing, and each digit in turn spoilt."""

    def items(code: str) -> Item:
        return resized(item(code), Number(length, 0, signed))

    form = Number(length, 0, signed)
    numbers = [0, 1, form.limit - 1, form.limit // 7] + ([-1, 1 - form.limit] if signed else [])
    values = [form.encode(number) for number in numbers]
    values += [bytes(length - 1) + b"\x80", b"\xff" * length]
    for at in range(length):
        values += [b"\x11" * at + bad + b"\x11" * (length - at - 1) for bad in (b"\x1a", b"\xa1", b"\xf1", b"\x1f")]
    raws = [encode(bytes(6), 0x91, item("00010000").wire + value) for value in values]
    told = check(BatchDecoder(items), raws, items)
    assert [frame.numbers[0][1] for frame in told[: len(numbers)]] == numbers
    assert told[len(numbers) + 1].numbers[0][1:] == (0, Quality.NOT_AVAILABLE)
    assert told[-1].outcome is Outcome.BAD_VALUE


def test_a_word_of_ones_is_a_word() -> None:
    raws = [encode(bytes(6), 0x91, item("04000501").wire + word) for word in (b"\xff\xff", b"\x00\x80", b"\xab\xcd")]
    told = check(BatchDecoder(), raws)
    assert [frame.numbers[0][1:] for frame in told] == [(0xFFFF, 0), (0x8000, 0), (0xCDAB, 0)]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda raw: np.frombuffer(raw, np.uint8)])
def test_any_kind_of_buffer(kind: type[bytes]) -> None:
    raw = bytes.fromhex(REPLIES[0].raw)
    buffer: Buffer = kind(raw)
    ((told,), noises) = by_batch(BatchDecoder().decode(buffer))
    assert (told.raw, told.numbers[0][1], noises) == (raw, 12345678, [])


def test_a_batch_is_its_own_and_keeps_no_hold_of_the_buffer() -> None:
    buffer = bytearray.fromhex(REPLIES[0].raw)
    batch = BatchDecoder().decode(buffer)
    buffer[:] = bytes(len(buffer))
    assert batch.frame(0).raw == bytes.fromhex(REPLIES[0].raw)


@pytest.mark.parametrize("offsets", [[], [0], [1, 20], [0, 19], [0, 21], [0, 12, 11, 20], [[0, 20]]])
def test_offsets_that_do_not_cover_the_buffer_are_our_bug(offsets: list[int]) -> None:
    with pytest.raises(ValueError, match="offsets"):
        BatchDecoder().decode(bytes.fromhex(REPLIES[0].raw), offsets)


def test_nothing_gives_nothing() -> None:
    assert by_batch(BatchDecoder().decode(b"")) == ([], [])
