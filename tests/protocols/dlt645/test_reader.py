"""The reader: any bytes give frames and noise and raise nothing; no cut, garbage or false start costs a good frame."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from hypothesis import example, given
from hypothesis import strategies as st

from protocols.dlt645.frame import Frame, encode, flaw
from protocols.dlt645.reader import FrameReader
from protocols.exchange import Noise
from tests.protocols.dlt645.conversation import events
from tests.protocols.dlt645.vectors import REPLIES

VOLTAGE: Final = bytes.fromhex("681111111111116891063334343536572A16")
ENERGY: Final = bytes.fromhex("6812907856341268910833333433AB896745CC16")
# Constructed: meter number ending in 16, and data chosen so that the check sum is 16H too.
SUM_16: Final = encode(bytes.fromhex("161616161616"), 0x91, bytes.fromhex("000001001600007a"), b"")

frames = st.builds(
    encode,
    st.binary(min_size=6, max_size=6),
    st.integers(0, 255),
    st.binary(max_size=40),
    st.just(b"\xfe") | st.just(b""),
)
# Bytes in which false starts are frequent.
garbage = st.lists(st.sampled_from(b"\x68\x68\x68\x16\xfe\x00\x11\x91\x04\xff\x33"), max_size=40).map(bytes)
streams = st.lists(frames | garbage | st.binary(max_size=30), max_size=6).map(b"".join)


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]


@given(stream=streams | st.binary(max_size=400))
def test_any_bytes_give_frames_and_noise_that_are_the_stream(stream: bytes) -> None:
    found = events(stream)
    told = b"".join(event.raw for event in found)
    assert told.replace(b"\xfe", b"") == stream.replace(b"\xfe", b"")
    for event in found:
        assert isinstance(event, Noise) or flaw(event.raw) is None


@given(stream=streams, places=st.lists(st.integers(0, 1000), max_size=8))
@example(stream=VOLTAGE + ENERGY, places=[1, 7, 8, 9, 10, 11, 19])
@example(stream=b"\x68" + VOLTAGE[:9] + b"\xff" + ENERGY, places=[3])
def test_no_cut_changes_what_comes_out(stream: bytes, places: list[int]) -> None:
    assert events(*cut(stream, places)) == events(stream)


@given(stream=streams)
def test_byte_by_byte_is_the_same_as_one_chunk(stream: bytes) -> None:
    assert events(*(stream[at : at + 1] for at in range(len(stream)))) == events(stream)


@given(before=garbage, between=garbage, after=garbage)
@example(before=b"\x68", between=b"", after=b"")
@example(before=bytes.fromhex("68111111111111689120"), between=VOLTAGE[:5], after=b"\x68")
def test_garbage_never_costs_a_good_frame(before: bytes, between: bytes, after: bytes) -> None:
    found = [e.raw for e in events(before + ENERGY + between + VOLTAGE + after) if isinstance(e, Frame)]
    assert found == [ENERGY, VOLTAGE]


@given(garbage=st.binary(max_size=60))
def test_random_bytes_never_cost_a_good_frame(garbage: bytes) -> None:
    found = [e.raw for e in events(garbage + ENERGY) if isinstance(e, Frame)]
    assert found[-1:] == [ENERGY]


def test_frames_glued_together_come_out_one_by_one() -> None:
    stream = b"".join(bytes.fromhex(reply.raw) for reply in REPLIES)
    found = events(stream)
    assert [event.raw for event in found] == [bytes.fromhex(reply.raw).lstrip(b"\xfe") for reply in REPLIES]


def test_any_number_of_fe_is_skipped_and_is_no_noise() -> None:
    for count in range(8):
        (found,) = events(b"\xfe" * count + VOLTAGE)
        assert found.raw == VOLTAGE


def test_16h_in_address_data_and_check_sum_ends_nothing() -> None:
    assert SUM_16[-2:] == b"\x16\x16"
    (found,) = events(SUM_16)
    assert isinstance(found, Frame)
    assert found.address == bytes.fromhex("161616161616")


def test_half_a_frame_waits_and_silence_gives_it_up() -> None:
    reader = FrameReader()
    assert reader.feed(VOLTAGE[:-3]) == []
    assert reader.pending == len(VOLTAGE) - 3
    (noise,) = reader.flush()
    assert noise == Noise(VOLTAGE[:-3], "cut short")
    assert reader.pending == 0


def test_frame_hidden_behind_a_false_start_comes_out_at_silence() -> None:
    """The false start claims 255 bytes, so the reader must wait for them, but not longer than the gap."""
    false_start = bytes.fromhex("681111111111116891ff")
    reader = FrameReader()
    assert reader.feed(false_start + VOLTAGE) == []
    noise, frame = reader.flush()
    assert noise == Noise(false_start, "cut short")
    assert frame.raw == VOLTAGE


def test_wrong_check_sum_costs_one_byte_and_is_told_as_the_reason() -> None:
    broken = ENERGY[:-2] + b"\x00\x16"
    noise, frame = events(broken + VOLTAGE)
    assert noise == Noise(broken, "check sum or end byte is wrong")
    assert frame.raw == VOLTAGE


def test_noise_that_never_ends_is_told_in_stretches_and_not_kept() -> None:
    reader = FrameReader()
    told = [event for _ in range(300) for event in reader.feed(b"\x55" * 100)]
    assert len(told) >= 2
    assert sum(len(event.raw) for event in [*told, *reader.flush()]) == 30000
    assert reader.pending == 0
