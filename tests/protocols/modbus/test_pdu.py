"""Both ends of every request, the standard's worked examples, and pymodbus as an independent opinion."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.pdu import DecodePDU, ExceptionResponse
from pymodbus.pdu import register_message as peer

from protocols.errors import BadAnswer, Refused
from protocols.modbus.pdu import (
    EXCEPTIONS,
    ReadBits,
    ReadIdentification,
    ReadRegisters,
    ReadWriteRegisters,
    Request,
    WriteBit,
    WriteBits,
    WriteRegister,
    WriteRegisters,
    exception_reply,
    parse_request,
)

# The worked examples of the Modbus Application Protocol V1.1b3, clauses 6.1 to 6.6, 6.11, 6.12, 6.17 and 6.21 (the
# last shortened to one object, as its strings are placeholders there):
# the request, its bytes, the registers' bytes, the answer's bytes
EXAMPLES: list[tuple[Request, str, str, str]] = [
    (ReadRegisters(3, 0x6B, 3), "03006b0003", "022b00000064", "0306022b00000064"),
    (ReadRegisters(4, 8, 1), "0400080001", "000a", "0402000a"),
    (ReadBits(1, 19, 19), "0100130013", "cd6b05", "0103cd6b05"),
    (ReadBits(2, 196, 22), "0200c40016", "acdb35", "0203acdb35"),
    (WriteBit(172, True), "0500acff00", "01", "0500acff00"),
    (WriteBits(19, 10, b"\xcd\x01"), "0f0013000a02cd01", "cd01", "0f0013000a"),
    (
        ReadWriteRegisters(3, 6, 14, bytes.fromhex("00ff00ff00ff")),
        "1700030006000e00030600ff00ff00ff",
        "00fe0acd00010003000d00ff",
        "170c00fe0acd00010003000d00ff",
    ),
    (ReadIdentification(1, 0), "2b0e0100", "01000001000141", "2b0e0101000001000141"),
    (WriteRegister(1, 3), "0600010003", "0003", "0600010003"),
    (WriteRegisters(1, bytes.fromhex("000a0102")), "100001000204000a0102", "000a0102", "1000010002"),
]

registers = st.integers(1, 125).flatmap(lambda n: st.tuples(st.integers(0, 65536 - n), st.just(n)))
reads = st.builds(lambda f, r: ReadRegisters(f, *r), st.sampled_from([3, 4]), registers)
words = st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=123)


def packed(values: list[int]) -> bytes:
    return struct.pack(f">{len(values)}H", *values)


@pytest.mark.parametrize(("request_", "asked", "data", "answer"), EXAMPLES)
def test_examples_of_the_standard(request_: Request, asked: str, data: str, answer: str) -> None:
    assert request_.encode().hex() == asked
    assert parse_request(bytes.fromhex(asked)) == request_
    assert request_.encode_reply(bytes.fromhex(data)).hex() == answer
    assert request_.decode_reply(bytes.fromhex(answer)).hex() == data
    if not isinstance(request_, ReadIdentification):  # how long its answer is, the answer says
        assert request_.reply_size == len(answer) // 2


@given(reads, st.data())
def test_reads_agree_with_pymodbus(request: ReadRegisters, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.integers(0, 0xFFFF), min_size=request.count, max_size=request.count))
    kinds = {
        3: (peer.ReadHoldingRegistersRequest, peer.ReadHoldingRegistersResponse),
        4: (peer.ReadInputRegistersRequest, peer.ReadInputRegistersResponse),
    }
    asks, answers = kinds[request.function]
    theirs = asks(address=request.address, count=request.count)
    assert request.encode() == bytes((theirs.function_code,)) + theirs.encode()
    reply = answers(registers=values)
    raw = bytes((reply.function_code,)) + reply.encode()
    assert request.encode_reply(packed(values)) == raw
    assert request.decode_reply(raw) == packed(values)
    decoded = DecodePDU(False).decode(request.encode_reply(packed(values)))
    assert decoded is not None
    assert decoded.registers == values


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_single_writes_agree_with_pymodbus(address: int, value: int) -> None:
    ours = WriteRegister(address, value)
    theirs = peer.WriteSingleRegisterRequest(address=address, registers=[value])
    assert ours.encode() == b"\x06" + theirs.encode()
    reply = peer.WriteSingleRegisterResponse(address=address, registers=[value])
    assert ours.answered_by(b"\x06" + reply.encode())


@given(words, st.data())
def test_multiple_writes_agree_with_pymodbus(values: list[int], data: st.DataObject) -> None:
    address = data.draw(st.integers(0, 65536 - len(values)))
    ours = WriteRegisters(address, packed(values))
    theirs = peer.WriteMultipleRegistersRequest(address=address, registers=values)
    assert ours.encode() == b"\x10" + theirs.encode()
    reply = peer.WriteMultipleRegistersResponse(address=address, count=len(values))
    assert ours.decode_reply(b"\x10" + reply.encode()) == packed(values)
    assert parse_request(ours.encode()) == ours


@pytest.mark.parametrize("code", [*EXCEPTIONS, 0x00, 0x63, 0xFF])
@pytest.mark.parametrize(("request_", "asked", "data", "answer"), EXAMPLES)
def test_every_exception_is_a_refusal_in_words(
    code: int, request_: Request, asked: str, data: str, answer: str
) -> None:
    raw = exception_reply(request_.function, code)
    assert raw == bytes((request_.function | 0x80,)) + ExceptionResponse(request_.function, code).encode()
    assert request_.answered_by(raw)
    with pytest.raises(Refused) as refused:
        request_.decode_reply(raw)
    assert refused.value.code == f"{code:02X}"
    assert refused.value.meaning == EXCEPTIONS.get(code, "exception code that the standard does not know")


def test_the_wording_of_the_commonest_refusal() -> None:
    with pytest.raises(Refused, match="illegal data address") as refused:
        ReadRegisters(4, 0, 1).decode_reply(b"\x84\x02")
    assert (refused.value.code, refused.value.meaning) == ("02", "illegal data address")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: ReadRegisters(3, 0, 0), "1..125"),
        (lambda: ReadRegisters(4, 0, 126), "1..125"),
        (lambda: ReadRegisters(3, 65535, 2), "outside"),
        (lambda: ReadRegisters(3, -1, 1), "outside"),
        (lambda: ReadRegisters(6, 0, 1), "expected 3 or 4"),
        (lambda: WriteRegister(65536, 0), "outside"),
        (lambda: WriteRegister(0, 65536), "0..65535"),
        (lambda: WriteRegister(0, -1), "0..65535"),
        (lambda: WriteRegisters(0, b""), "1..123"),
        (lambda: WriteRegisters(0, bytes(248)), "1..123"),
        (lambda: WriteRegisters(0, bytes(3)), "whole number"),
        (lambda: ReadRegisters(3, 0, 2).encode_reply(bytes(2)), "2 bytes for 2 registers"),
    ],
)
def test_what_the_standard_does_not_allow_cannot_be_made(make: object, told: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=told):
        make()


def test_the_limits_themselves_are_allowed() -> None:
    assert ReadRegisters(3, 65535 - 124, 125).reply_size == 252
    assert len(WriteRegisters(0, bytes(246)).encode()) == 252


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (ReadRegisters(4, 0, 2), ""),
        (ReadRegisters(4, 0, 2), "04"),
        (ReadRegisters(4, 0, 2), "040200ff"),  # another length
        (ReadRegisters(4, 0, 2), "030400000000"),  # another function
        (ReadRegisters(4, 0, 2), "040500000000"),  # byte count and length differ
        (ReadRegisters(4, 0, 2), "8302"),  # another function's refusal
        (WriteRegister(1, 3), "0600010004"),  # another value
        (WriteRegister(1, 3), "0600020003"),  # another address
        (WriteRegisters(1, bytes(4)), "1000010001"),
        (WriteRegisters(1, bytes(4)), "1000020002"),
    ],
)
def test_an_answer_to_something_else(request_: Request, answer: str) -> None:
    raw = bytes.fromhex(answer)
    assert not request_.answered_by(raw)
    with pytest.raises(BadAnswer) as bad:
        request_.decode_reply(raw)
    assert bad.value.raw == raw


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("", "01"),
        ("0700", "01"),  # exception status is not spoken
        ("2b0d0100", "01"),  # nor CANopen
        ("2b", "01"),
        ("2b0e0500", "03"),
        ("2b0e01", "03"),
        ("01", "03"),
        ("0100000000", "03"),
        ("01000007d1", "03"),  # 2001 coils
        ("01ffff0002", "02"),
        ("0500010001", "03"),  # neither on nor off
        ("0f0000000a01ff", "03"),  # ten coils in one byte
        ("0f000007b1f7", "03"),
        ("0fffff00020103", "02"),
        ("17", "03"),
        ("1700000000000000010200ff", "03"),
        ("170000000100000001040000", "03"),
        ("17ffff000200000001020000", "02"),
        ("170000000100000000000000", "03"),
        ("03", "03"),
        ("0300000000", "03"),
        ("030000007e", "03"),
        ("040000000100", "03"),
        ("03ffff0002", "02"),
        ("06000100", "03"),
        ("1000000001", "03"),
        ("10000000010400000000", "03"),
        ("1000000002020000", "03"),
        ("1000000000", "03"),
        ("10ffff00020400000000", "02"),
    ],
)
def test_a_server_refuses_as_the_standard_says(asked: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_request(bytes.fromhex(asked))
    assert refused.value.code == code


@given(st.binary(max_size=260))
def test_any_bytes_are_a_request_or_a_refusal(raw: bytes) -> None:
    try:
        request = parse_request(raw)
    except Refused:
        return
    assert request.encode() == raw


@given(reads, st.binary(max_size=255))
def test_any_answer_is_data_or_an_error_of_ours(request: ReadRegisters, raw: bytes) -> None:
    try:
        data = request.decode_reply(raw)
    except (Refused, BadAnswer):
        return
    assert len(data) == 2 * request.count
