"""RTU framing: nothing is lost, whatever the bytes and the cuts."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer.rtu import FramerRTU

from protocols.errors import FrameError
from protocols.exchange import FrameReader, Noise
from protocols.modbus.identification import Identification, ReadIdentification, encode_objects
from protocols.modbus.pdu import (
    ReadRegisters,
    ReadWriteRegisters,
    WriteBit,
    WriteBits,
    WriteRegister,
    WriteRegisters,
    exception_reply,
)
from protocols.modbus.rtu import RtuFrame, RtuReader, crc16, decode, encode
from tests.protocols.modbus.conversation import cut, frames

Direction = Literal["reply", "request"]

units = st.integers(1, 255)
data = st.integers(1, 125).flatmap(lambda n: st.binary(min_size=2 * n, max_size=2 * n))
reply_pdus = st.one_of(
    st.builds(lambda f, d: bytes((f, len(d))) + d, st.sampled_from([3, 4]), data),
    st.builds(
        lambda f, c: exception_reply(f, c), st.sampled_from([1, 2, 3, 4, 5, 6, 15, 16, 23, 43]), st.integers(1, 255)
    ),
    st.builds(lambda a, v: WriteRegister(a, v).encode(), st.integers(0, 65535), st.integers(0, 65535)),
    st.builds(lambda a, d: WriteRegisters(a, d[:246]).encode_reply(), st.integers(0, 65000), data),
    st.builds(lambda d: b"\x17" + bytes((len(d),)) + d, data),
    st.builds(lambda f, d: bytes((f, len(d))) + d, st.sampled_from([1, 2]), st.binary(min_size=1, max_size=250)),
    st.builds(lambda a, on: WriteBit(a, on).encode(), st.integers(0, 65535), st.booleans()),
    st.dictionaries(st.integers(0, 255), st.binary(max_size=20), max_size=8).map(
        lambda objects: ReadIdentification().encode_reply(encode_objects(Identification(0x81, objects, None)))
    ),
)
reads = st.builds(ReadRegisters, st.sampled_from([3, 4]), st.integers(0, 65000), st.integers(1, 125))
request_pdus = st.one_of(
    reads.map(ReadRegisters.encode),
    st.builds(lambda a, v: WriteRegister(a, v).encode(), st.integers(0, 65535), st.integers(0, 65535)),
    st.builds(lambda a, d: WriteRegisters(a, d[:246]).encode(), st.integers(0, 65000), data),
    st.builds(lambda a, d: ReadWriteRegisters(a, 2, a, d[:242]).encode(), st.integers(0, 65000), data),
    st.builds(lambda d: WriteBits(7, 8 * len(d), d).encode(), st.binary(min_size=1, max_size=246)),
    st.builds(lambda code, first: ReadIdentification(code, first).encode(), st.integers(1, 4), st.integers(0, 255)),
)
replies = st.builds(lambda unit, pdu: RtuFrame(unit, pdu), units, reply_pdus)
requests = st.builds(lambda unit, pdu: RtuFrame(unit, pdu), units, request_pdus)
cuts = st.lists(st.integers(0, 700), max_size=12)


def wire(frame: RtuFrame) -> bytes:
    return encode(frame.unit, frame.pdu)


def everything(reader: FrameReader[RtuFrame], chunks: list[bytes]) -> list[RtuFrame | Noise]:
    found: list[RtuFrame | Noise] = []
    for chunk in chunks:
        found += reader.feed(chunk)
    found += reader.flush()
    assert reader.pending == 0
    return found


def restored(found: list[RtuFrame | Noise]) -> bytes:
    return b"".join(event.raw if isinstance(event, Noise) else wire(event) for event in found)


@given(st.binary(max_size=300))
def test_check_sum_agrees_with_pymodbus(raw: bytes) -> None:
    assert crc16(raw).to_bytes(2, "little") == FramerRTU.compute_CRC(raw).to_bytes(2, "big")


def test_a_late_reply_of_another_unit_costs_the_awaited_one_nothing() -> None:
    late, awaited = bytes.fromhex("010302006ff868"), bytes.fromhex("02030200de7c1c")
    both = [RtuFrame(1, bytes.fromhex("0302006f")), RtuFrame(2, bytes.fromhex("030200de"))]
    assert list(RtuReader().feed(late + awaited)) == both
    for place in range(1, 14):
        reader = RtuReader()
        first, second = cut(late + awaited, [place])
        assert [*reader.feed(first), *reader.feed(second)] == both
    reader = RtuReader()
    assert [event for byte in late + awaited for event in reader.feed(bytes((byte,)))] == both


@pytest.mark.parametrize("direction", ["reply", "request"])
@given(raw=st.binary(max_size=600), places=cuts)
def test_any_bytes_give_frames_and_noise_and_nothing_vanishes(
    direction: Direction, raw: bytes, places: list[int]
) -> None:
    found = everything(RtuReader(direction), cut(raw, places))
    assert restored(found) == raw


@given(sent=st.lists(st.one_of(replies.map(wire), st.binary(max_size=9)), max_size=6), places=cuts)
def test_any_cut_gives_the_same_frames(sent: list[bytes], places: list[int]) -> None:
    raw = b"".join(sent)
    whole = frames(everything(RtuReader(), [raw]))
    assert frames(everything(RtuReader(), cut(raw, places))) == whole
    assert frames(everything(RtuReader(), [raw[i : i + 1] for i in range(len(raw))])) == whole


@given(st.lists(replies, min_size=1, max_size=5), cuts)
def test_good_replies_come_at_once(sent: list[RtuFrame], places: list[int]) -> None:
    reader = RtuReader()
    found = [event for chunk in cut(b"".join(map(wire, sent)), places) for event in reader.feed(chunk)]
    assert found == sent
    assert reader.pending == 0


@given(st.lists(requests, min_size=1, max_size=5), cuts)
def test_good_requests_come_at_once(sent: list[RtuFrame], places: list[int]) -> None:
    reader = RtuReader("request")
    found = [event for chunk in cut(b"".join(map(wire, sent)), places) for event in reader.feed(chunk)]
    assert found == sent


@given(garbage=st.binary(max_size=40), frame=replies)
def test_garbage_before_a_good_frame_never_loses_it(garbage: bytes, frame: RtuFrame) -> None:
    found = frames(everything(RtuReader(), [garbage + wire(frame)]))
    assert found[-1] == frame


@pytest.mark.parametrize("start", ["01", "0103", "0104fa", "010302", "0183", "0110", "ff04fe", "0104fa" * 3])
def test_a_start_that_waits_for_more_hides_the_frame_only_until_silence(start: str) -> None:
    awaited = RtuFrame(2, bytes.fromhex("0404cafe0000"))
    reader = RtuReader()
    early = list(reader.feed(bytes.fromhex(start) + wire(awaited)))
    found = [*early, *reader.flush()]
    assert frames(found) == [awaited]
    assert b"".join(event.raw for event in found if isinstance(event, Noise)).hex() == start


def test_the_echo_of_a_read_is_noise() -> None:
    echo = encode(1, ReadRegisters(3, 0x0200, 2).encode())  # its address looks like a byte count
    answer = RtuFrame(1, ReadRegisters(3, 0x0200, 2).encode_reply(bytes(4)))
    found = everything(RtuReader(), [echo + wire(answer)])
    assert found == [Noise(echo, "wrong check sum"), answer]


def test_noise_says_why() -> None:
    good = encode(1, bytes.fromhex("0302006f"))
    bad = good[:-1] + bytes((good[-1] ^ 1,))
    assert everything(RtuReader(), [bad]) == [
        Noise(bad[:-1], "wrong check sum"),
        Noise(bad[-1:], "incomplete frame"),  # any last byte can be the unit of a next frame
    ]
    assert everything(RtuReader(), [b"\x00\x00"]) == [Noise(b"\x00\x00", "no frame starts here")]
    assert everything(RtuReader(), [good[:5]]) == [Noise(good[:5], "incomplete frame")]


@pytest.mark.parametrize(
    "raw",
    [
        "000302006f",  # nobody answers as unit 0
        "010300",  # no register
        "010303",  # half a register
        "0103fc",  # 126 registers
        "0107",  # exception status is not asked
        "0187",  # nor refused
        "010100",  # no bit
        "0101fb",  # 2008 bits
        "011703",  # half a register
        "012b0d",  # CANopen
        "012b0e00",
        "012b0e0101a5",  # more follows is yes or no
        "012b0e0101000002000001fa",  # longer than a frame can be
    ],
)
def test_shapes_that_no_reply_has_are_not_waited_for(raw: str) -> None:
    reader = RtuReader()
    first = list(reader.feed(bytes.fromhex(raw)))
    assert isinstance(first[0], Noise)
    assert reader.pending < len(raw) // 2


@pytest.mark.parametrize(
    "raw",
    [
        "0117000000010000000103",
        "012b0d",
        "0110000000020300",
        "01100000007cf8",
        "01100000000000",
        "010f00000009010000",
        "0107",
    ],
)
def test_shapes_that_no_request_has_are_not_waited_for(raw: str) -> None:
    reader = RtuReader("request")
    first = list(reader.feed(bytes.fromhex(raw)))
    assert isinstance(first[0], Noise)


def test_a_server_sees_requests_that_it_must_refuse() -> None:
    for pdu in ("0100000001", "0300000000", "0f0000000a02cd01"):
        frame = RtuFrame(9, bytes.fromhex(pdu))
        assert list(RtuReader("request").feed(wire(frame))) == [frame]


def test_what_is_held_back_is_counted_and_bounded() -> None:
    reader = RtuReader()
    reader.feed(b"\x01\x04\xfa")
    assert reader.pending == 3
    for _ in range(1000):
        reader.feed(b"\x01\x04\xfa")
        assert reader.pending <= 255


@given(units, reply_pdus)
def test_decode_of_encode_is_the_identity(unit: int, pdu: bytes) -> None:
    assert decode(encode(unit, pdu)) == RtuFrame(unit, pdu)


def test_a_wrong_check_sum_is_shown_not_hidden() -> None:
    raw = bytes.fromhex("010302006ff869")
    assert decode(raw) == RtuFrame(1, bytes.fromhex("0302006f"), crc_ok=False)
    with pytest.raises(FrameError):
        decode(b"\x01\x03\x02")


@pytest.mark.parametrize(("unit", "pdu"), [(256, b"\x03"), (-1, b"\x03"), (1, b""), (1, bytes(254))])
def test_frames_that_cannot_be(unit: int, pdu: bytes) -> None:
    with pytest.raises(ValueError):
        encode(unit, pdu)
