"""TCP framing and both wires."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU

from protocols.exchange import Noise
from protocols.modbus.tcp import TcpFrame, TcpReader, encode
from tests.protocols.modbus.conversation import cut, frames

sent_frames = st.builds(TcpFrame, st.integers(0, 0xFFFF), st.integers(0, 255), st.binary(min_size=1, max_size=253))
cuts = st.lists(st.integers(0, 900), max_size=12)


def everything(chunks: list[bytes]) -> list[TcpFrame | Noise]:
    reader = TcpReader()
    found = [event for chunk in chunks for event in reader.feed(chunk)]
    found += reader.flush()
    assert reader.pending == 0
    return found


def restored(found: list[TcpFrame | Noise]) -> bytes:
    return b"".join(event.raw if isinstance(event, Noise) else encode(*event) for event in found)


@given(sent_frames)
def test_framing_agrees_with_pymodbus(frame: TcpFrame) -> None:
    raw = encode(*frame)
    peer = FramerSocket(DecodePDU(False))
    assert raw == peer.encode(frame.pdu, frame.unit, frame.transaction)
    assert peer.decode(raw) == (len(raw), frame.unit, frame.transaction, frame.pdu)


@given(st.lists(sent_frames, min_size=1, max_size=4), cuts)
def test_any_cut_gives_the_same_frames_at_once(sent: list[TcpFrame], places: list[int]) -> None:
    raw = b"".join(encode(*frame) for frame in sent)
    for chunks in (cut(raw, places), [raw[i : i + 1] for i in range(len(raw))]):
        reader = TcpReader()
        assert [event for chunk in chunks for event in reader.feed(chunk)] == sent
        assert reader.pending == 0


headers = st.sampled_from([b"\x00\x01\x00\x00\x00\x02", b"\x00\x01\x00\x00\x01\x02", b"\x00\x00\x00"])


@given(st.lists(st.one_of(headers, st.binary(max_size=40)), max_size=8).map(b"".join), cuts)
def test_any_bytes_give_frames_and_noise_and_nothing_vanishes(raw: bytes, places: list[int]) -> None:
    found = everything(cut(raw, places))
    assert restored(found) == raw
    assert frames(everything([raw])) == frames(found)


@pytest.mark.parametrize(
    "nonsense",
    [
        "ff",
        "000100010006",  # another protocol
        "000100000101",  # longer than any frame
        "000100000001",  # no room for a function
        "0001000000ff01",
        "485454502f312e31",
    ],
)
def test_nonsense_costs_no_frame(nonsense: str) -> None:
    frame = TcpFrame(0x0102, 1, bytes.fromhex("0402cafe"))
    found = everything([bytes.fromhex(nonsense) + encode(*frame)])
    assert found == [Noise(bytes.fromhex(nonsense), "no MBAP header starts here"), frame]


def test_half_a_frame_is_noise_only_when_all_is_silent() -> None:
    half = encode(7, 1, bytes.fromhex("0402cafe"))[:-1]
    reader = TcpReader()
    assert list(reader.feed(half)) == []
    assert reader.pending == len(half)
    assert b"".join(event.raw for event in reader.flush() if isinstance(event, Noise)) == half


def test_a_frame_behind_a_start_that_waits_comes_with_silence() -> None:
    frame = TcpFrame(0x0102, 1, bytes.fromhex("0402cafe"))
    assert frames(everything([bytes.fromhex("0001000000c801") + encode(*frame)])) == [frame]


@pytest.mark.parametrize(
    "frame", [(65536, 1, b"\x03"), (-1, 1, b"\x03"), (1, 256, b"\x03"), (1, 1, b""), (1, 1, bytes(254))]
)
def test_frames_that_cannot_be(frame: tuple[int, int, bytes]) -> None:
    with pytest.raises(ValueError):
        encode(*frame)
