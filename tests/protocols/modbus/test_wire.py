"""How an answer is known on either wire."""

from __future__ import annotations

import pytest

from protocols.errors import BadAnswer, ModelError, Refused
from protocols.exchange import Noise
from protocols.modbus import rtu, tcp
from protocols.modbus.pdu import (
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
)
from protocols.modbus.rtu import RtuFrame
from protocols.modbus.tcp import TcpFrame
from protocols.modbus.wire import WIRES, RtuWire, TcpWire, transact
from tests.protocols.modbus.conversation import answered, opened, received

READ = ReadRegisters(3, 0x6B, 1)


def test_the_right_one_of_two_replies_answers() -> None:
    wire = RtuWire()
    ask = wire.ask(2, READ)
    late, awaited = received(wire, bytes.fromhex("010302006ff868" + "02030200de7c1c"))
    assert [ask.answers(late), ask.answers(awaited)] == [False, True]
    exchange = transact(2, READ, wire)
    opened(exchange)
    assert answered(exchange, awaited) == b"\x00\xde"


def test_an_rtu_request_on_the_line() -> None:
    ask = RtuWire().ask(1, ReadRegisters(4, 0, 2))
    assert ask.data.hex() == "01040000000271cb"
    assert ask.reply_bytes == 9
    assert ask.confusable == (1, 4, 6)
    assert ask.repeatable


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (READ, READ.encode_reply(b"\x00\x01")),
        (WriteRegister(1, 3), WriteRegister(1, 3).encode_reply()),
        (WriteRegisters(1, bytes(4)), WriteRegisters(1, bytes(4)).encode_reply()),
    ],
)
def test_what_answers_on_rtu(request_: Request, reply: bytes) -> None:
    ask = RtuWire().ask(5, request_)
    assert len(rtu.encode(5, reply)) == ask.reply_bytes
    assert ask.answers(RtuFrame(5, reply))
    assert ask.answers(RtuFrame(5, exception_reply(request_.function, 2)))
    assert not ask.answers(RtuFrame(6, reply))
    assert not ask.answers(RtuFrame(6, exception_reply(request_.function, 2)))
    assert not ask.answers(RtuFrame(5, exception_reply(4, 2)))
    assert not ask.answers(RtuFrame(5, reply + b"\x00\x00"))


def test_a_write_answer_for_another_place_is_not_ours() -> None:
    assert not RtuWire().ask(5, WriteRegister(1, 3)).answers(RtuFrame(5, WriteRegister(2, 3).encode()))
    assert not RtuWire().ask(5, WriteRegister(1, 3)).answers(RtuFrame(5, WriteRegister(1, 4).encode()))


WRITES = [
    WriteRegister(1, 3),
    WriteRegisters(1, bytes(2)),
    ReadWriteRegisters(1, 1, 1, bytes(2)),
    WriteBit(1, True),
    WriteBits(1, 1, b"\x01"),
]


@pytest.mark.parametrize("request_", WRITES, ids=lambda r: type(r).__name__)
def test_writes_act_and_are_never_sent_again(request_: Request) -> None:
    for wire in (RtuWire(), TcpWire()):
        ask = wire.ask(1, request_)
        assert (ask.acts, ask.repeatable) == (True, False)


@pytest.mark.parametrize("request_", [READ, ReadBits(1, 0, 1), ReadIdentification()])
def test_reads_do_not_act(request_: Request) -> None:
    for wire in (RtuWire(), TcpWire()):
        ask = wire.ask(1, request_)
        assert (ask.acts, ask.repeatable) == (False, True)


def test_reads_of_different_length_cannot_be_confused() -> None:
    wire = RtuWire()
    short, long = wire.ask(1, ReadRegisters(4, 0, 2)), wire.ask(1, ReadRegisters(4, 100, 4))
    assert short.confusable != long.confusable
    assert not long.answers(RtuFrame(1, ReadRegisters(4, 0, 2).encode_reply(bytes(4))))


def test_nobody_answers_the_broadcast() -> None:
    with pytest.raises(ModelError, match="broadcast"):
        RtuWire().ask(0, READ)
    assert TcpWire().ask(0, READ).data[6] == 0


def test_tcp_counts_transactions_per_wire() -> None:
    wire, other = TcpWire(), TcpWire()
    first, second = wire.ask(1, READ), wire.ask(1, READ)
    assert first.data.hex() == "0001000000060103006b0001"
    assert second.data[:2] == b"\x00\x02"
    assert other.ask(1, READ).data == first.data
    assert first.confusable is None
    reply = READ.encode_reply(b"\x00\x01")
    assert first.reply_bytes == len(tcp.encode(1, 1, reply))
    assert first.answers(TcpFrame(1, 1, reply))
    assert not first.answers(TcpFrame(2, 1, reply))
    assert not first.answers(TcpFrame(1, 2, reply))


def test_the_transaction_number_starts_again_after_65535() -> None:
    wire = TcpWire()
    numbers = [int.from_bytes(wire.ask(1, READ).data[:2], "big") for _ in range(65537)]
    assert numbers[0] == 1
    assert numbers[65534:] == [65535, 0, 1]


def test_a_tcp_answer_that_does_not_fit_is_a_bad_answer_not_silence() -> None:
    wire = TcpWire()
    exchange = transact(1, READ, wire)
    ask = opened(exchange)
    wrong = TcpFrame(1, 1, b"\x03\x04\x00\x01\x00\x02")
    assert ask.answers(wrong)
    with pytest.raises(BadAnswer):
        exchange.send(wrong)


@pytest.mark.parametrize("framing", ["rtu", "tcp"])
def test_a_refusal_reaches_who_asked(framing: str) -> None:
    wire = WIRES[framing]()
    assert wire.framing == framing
    exchange = transact(1, READ, wire)
    opened(exchange)
    pdu = exception_reply(3, 0x0B)
    frame = RtuFrame(1, pdu) if framing == "rtu" else TcpFrame(1, 1, pdu)
    with pytest.raises(Refused, match="gateway target device failed to respond") as refused:
        exchange.send(frame)
    assert refused.value.code == "0B"


def test_readers_belong_to_the_wire() -> None:
    raw = rtu.encode(1, READ.encode_reply(b"\x00\x01"))
    assert received(RtuWire(), raw) == [RtuFrame(1, b"\x03\x02\x00\x01")]
    fresh = RtuWire().reader()
    assert [type(event) for event in [*fresh.feed(b"\x00"), *fresh.flush()]] == [Noise]
    assert received(TcpWire(), tcp.encode(9, 1, b"\x03\x02\x00\x01")) == [TcpFrame(9, 1, b"\x03\x02\x00\x01")]
