"""Coils, discrete inputs and device identification, with pymodbus as an independent opinion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.pdu import bit_message as peer
from pymodbus.pdu.mei_message import ReadDeviceInformationResponse
from pymodbus.pdu.register_message import ReadWriteMultipleRegistersRequest

from protocols.errors import BadAnswer
from protocols.modbus.bits import ReadBits, WriteBit, WriteBits, packed, unpacked
from protocols.modbus.identification import (
    Identification,
    ReadIdentification,
    decode_objects,
    encode_objects,
    reply_length,
)
from protocols.modbus.pdu import ReadWriteRegisters

bits = st.lists(st.booleans(), min_size=1, max_size=1968)


@given(bits)
def test_bits_survive_packing_and_agree_with_pymodbus(chosen: list[bool]) -> None:
    assert unpacked(packed(chosen), len(chosen)) == tuple(chosen)
    reply = ReadBits(1, 0, len(chosen)).encode_reply(packed(chosen))
    theirs = peer.ReadCoilsResponse(bits=chosen)
    assert reply == b"\x01" + theirs.encode()
    write = WriteBits(0, len(chosen), packed(chosen))
    assert write.encode() == b"\x0f" + peer.WriteMultipleCoilsRequest(address=0, bits=chosen).encode()


@pytest.mark.parametrize("on", [True, False])
def test_one_coil_agrees_with_pymodbus(on: bool) -> None:
    assert WriteBit(0xAC, on).encode() == b"\x05" + peer.WriteSingleCoilRequest(address=0xAC, bits=[on]).encode()


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=121))
def test_writing_and_reading_agrees_with_pymodbus(words: list[int]) -> None:
    data = b"".join(word.to_bytes(2, "big") for word in words)
    theirs = ReadWriteMultipleRegistersRequest(read_address=7, read_count=3, write_address=9, write_registers=words)
    assert ReadWriteRegisters(7, 3, 9, data).encode() == b"\x17" + theirs.encode()


@pytest.mark.parametrize(
    "make",
    [
        lambda: ReadBits(3, 0, 1),
        lambda: ReadBits(1, 0, 2001),
        lambda: ReadBits(1, 65535, 2),
        lambda: WriteBit(65536, True),
        lambda: WriteBits(0, 9, b"\x01"),
        lambda: WriteBits(0, 1969, bytes(247)),
        lambda: ReadBits(1, 0, 9).encode_reply(b"\x01"),
        lambda: ReadWriteRegisters(0, 126, 0, bytes(2)),
        lambda: ReadWriteRegisters(0, 1, 0, bytes(244)),
        lambda: ReadWriteRegisters(0, 1, 0, bytes(3)),
        lambda: ReadIdentification(0),
        lambda: ReadIdentification(4, 256),
    ],
)
def test_what_the_standard_does_not_allow_cannot_be_made(make: object) -> None:
    assert callable(make)
    with pytest.raises(ValueError):
        make()


@given(st.dictionaries(st.integers(0, 255), st.binary(max_size=20), max_size=8))
def test_identification_agrees_with_pymodbus(objects: dict[int, bytes]) -> None:
    request = ReadIdentification(2)
    raw = request.encode_reply(encode_objects(Identification(0x83, objects, 7)))
    assert reply_length(raw) == reply_length(raw + b"\x00\x00") == len(raw)
    assert decode_objects(request.decode_reply(raw)) == Identification(0x83, objects, 7)
    theirs = ReadDeviceInformationResponse()
    theirs.decode(raw[1:])
    assert theirs.information == objects
    assert (theirs.more_follows, theirs.next_object_id) == (0xFF, 7)
    assert {reply_length(raw[:cut]) for cut in range(1, len(raw))} <= {0, len(raw)}


@pytest.mark.parametrize("answer", ["", "2b", "2b0e01", "2b0e0201000000", "2b0e010100000100054142", "2b0d01", "ab"])
def test_answers_that_are_no_identification(answer: str) -> None:
    with pytest.raises(BadAnswer):
        ReadIdentification(1).decode_reply(bytes.fromhex(answer))
