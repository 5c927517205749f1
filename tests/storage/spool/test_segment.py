"""The bytes of a segment: what is whole is read as it was written, anything else is never taken for a reading."""

from __future__ import annotations

import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.model import Source
from storage.spool.batch import Batch, NotABatch, decode, encode
from storage.spool.segment import OpenSegment, load
from storage.spool.segment_format import (
    HEADING_BYTES,
    RECORD_BYTES,
    Heading,
    UnknownVersion,
    heading,
    record,
    scan,
)
from storage.writer import Miss
from tests.storage.captures import capture
from tests.storage.spool.batches import BATCHES, batch, cells

HELD = datetime(2026, 3, 1, tzinfo=UTC)
HEAD = Heading(7, 1_700_000_000_000_000, 42)


def segment(batches: list[Batch]) -> tuple[bytes, list[int]]:
    """A segment's bytes, and where each record begins, the end included."""
    data = heading(HEAD)
    places = [len(data)]
    for one in batches:
        data += record(HEAD.number, len(data), encode(one))
        places.append(len(data))
    return data, places


def read(data: bytes) -> list[tuple[object, ...]]:
    return [cells(decode(payload)) for payload in scan(data).payloads]


@given(BATCHES)
def test_a_batch_is_read_as_it_was_written(given_batch: Batch) -> None:
    assert cells(decode(encode(given_batch))) == cells(given_batch)


def test_a_batch_without_final_misses_is_as_it_always_was() -> None:
    plain = Miss(1, 2, HELD, "late", HELD)
    before = encode(Batch.of([], [plain]))
    after = encode(Batch.of([], [plain, Miss(1, 3, HELD, "not_kept", HELD, final=True)]))
    assert (before[4:8], len(before)) == (b"\x01\0\0\0", 8 + 24 + 4)
    assert (after[4:8], len(after)) == (b"\x02\0\0\x80", 8 + 2 * 25 + 4 + 8)
    assert [miss.final for miss in decode(after).misses] == [False, True]


@given(st.binary(max_size=300))
def test_other_bytes_are_no_batch(data: bytes) -> None:
    try:
        again = encode(decode(data))
    except NotABatch:
        return
    assert len(again) == len(data)


def test_the_bytes_are_those_that_the_documentation_tells() -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    us = 1_772_323_200_000_000
    one = Batch.of(
        [capture(5, moment, 2, values=[-1, None, 3], received=moment)], [Miss(6, 3, moment, "no_answer", moment)]
    )
    payload = (
        struct.pack("<II", 1, 1)
        + struct.pack("<ihhqqBq8q", 5, 2, Source.PULL, us, us, 0b101, 0, -1, 0, 3, 0, 0, 0, 0, 0)
        + struct.pack("<ihqqH", 6, 3, us, us, 9)
        + b"no_answer"
    )
    assert encode(one) == payload
    front = struct.pack("<8sHHQqq", b"\x89HESPL\r\n", 1, 40, 7, HEAD.created_us, 42)
    assert heading(HEAD) == front + struct.pack("<I", zlib.crc32(front))
    front = struct.pack("<8sQQII", bytes.fromhex("f153904c1ea7d20b"), 7, 40, len(payload), zlib.crc32(payload))
    assert record(7, 40, payload) == front + struct.pack("<I", zlib.crc32(front)) + payload
    assert (HEADING_BYTES, RECORD_BYTES) == (40, 36)


@given(st.lists(BATCHES, min_size=1, max_size=4), st.data())
def test_a_segment_cut_off_anywhere_gives_the_whole_records_before_the_cut(
    batches: list[Batch], data: st.DataObject
) -> None:
    whole, places = segment(batches)
    cut = data.draw(st.integers(0, len(whole)))
    found = scan(whole[:cut])
    complete = [one for one, end in zip(batches, places[1:], strict=True) if end <= cut]
    assert read(whole[:cut]) == [cells(one) for one in complete]
    assert found.damaged == []
    assert found.torn == cut - max([place for place in places if place <= cut], default=0)


@given(st.lists(BATCHES, min_size=1, max_size=4), st.data())
def test_flipped_bits_cost_the_record_they_stand_in_and_no_other(batches: list[Batch], data: st.DataObject) -> None:
    whole, places = segment(batches)
    places = [0, *places]
    hit = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[hit] ^= data.draw(st.integers(1, 255))
    sound = [
        cells(one) for one, start, end in zip(batches, places[1:], places[2:], strict=False) if not start <= hit < end
    ]
    assert read(bytes(flipped)) == sound
    found = scan(bytes(flipped))
    assert sum(length for _, length in found.damaged) + found.torn > 0


@given(st.lists(BATCHES, min_size=1, max_size=4), st.data())
def test_whatever_is_written_over_a_stretch_nothing_is_read_that_was_not_written(
    batches: list[Batch], data: st.DataObject
) -> None:
    whole, _ = segment(batches)
    start = data.draw(st.integers(0, len(whole)))
    other = data.draw(st.binary(max_size=200) | st.integers(0, 200).map(bytes))
    written = [cells(one) for one in batches]
    left = read(whole[:start] + other + whole[start + len(other) :])
    rest = iter(written)
    assert all(one in rest for one in left), "only records that were written, in their order"


@given(st.binary(max_size=400))
def test_any_bytes_at_all_are_told_and_give_nothing(data: bytes) -> None:
    found = scan(data)
    assert found.payloads == []
    assert found.torn + sum(length for _, length in found.damaged) == len(data)


def test_zeros_behind_the_last_record_are_a_torn_tail() -> None:
    whole, _ = segment([batch(1)])
    found = scan(whole + bytes(5000))
    assert (len(found.payloads), found.damaged, found.torn) == (1, [], 5000)


def test_a_record_of_another_segment_or_place_is_none() -> None:
    whole, _ = segment([batch(1)])
    stale = record(HEAD.number - 1, len(whole), encode(batch(2)))
    moved = record(HEAD.number, HEADING_BYTES, encode(batch(3)))
    assert read(whole + stale) == read(whole + moved) == [cells(batch(1))]


def test_a_later_version_is_not_read() -> None:
    front = struct.pack("<8sHHQqq", b"\x89HESPL\r\n", 2, 40, 7, 0, 0)
    with pytest.raises(UnknownVersion, match="version 2"):
        scan(front + struct.pack("<I", zlib.crc32(front)))


def test_a_file_is_what_was_appended(tmp_path: Path) -> None:
    written = OpenSegment(tmp_path, HEAD)
    for number in (1, 2, 3):
        written.append(encode(batch(number)))
    written.close()
    found = load(written.path)
    assert found.heading == HEAD
    assert [cells(one) for one in found.batches] == [cells(batch(number)) for number in (1, 2, 3)]
    assert (found.damaged, found.torn) == (0, 0)
    assert written.path.stat().st_size == written.size
