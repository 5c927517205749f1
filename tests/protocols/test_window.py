"""Conversations side by side on one link: every answer reaches the one who asked, whatever becomes of the others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import pytest

from protocols.driver import Driver, Tap
from protocols.errors import LinkClosed, NoAnswer, NotPermitted, Refused
from protocols.exchange import Ask, Exchange, Noise
from protocols.links.memory import memory_pair
from protocols.modbus import tcp
from protocols.modbus.pdu import READ_INPUT, ReadRegisters
from protocols.modbus.rtu import RtuReader
from protocols.modbus.tcp import TcpFrame, TcpReader
from protocols.modbus.wire import RtuWire, TcpWire, transact
from protocols.timing import Timing

QUICK: Final = Timing(response=0.03, latency=0.0, gap=0.01, pause=0.0, retries=0)
PATIENT: Final = Timing(response=5.0, latency=0.0, gap=0.01, pause=0.0, retries=0)
WINDOW: Final = 4


class Gateway:
    """The far end: it notes requests, and answers those that it is told to."""

    def __init__(self, timing: Timing, **options: Any) -> None:
        self.near, self.far = memory_pair()
        self.wire = TcpWire()
        self.shown: list[tuple[str, bytes]] = []
        self.driver: Driver[Any] = Driver(
            self.near,
            self.wire.reader(),
            timing,
            tap=Tap(lambda direction, raw: self.shown.append((direction, raw))),
            **{"window": WINDOW, **options},
        )
        self.chunks: list[bytes] = []
        self.asked: list[TcpFrame] = []
        self._arrived = asyncio.Condition()

    async def listen(self) -> None:
        reader = TcpReader()
        with contextlib.suppress(LinkClosed):
            while True:
                chunk = await self.far.receive()
                async with self._arrived:
                    self.chunks.append(chunk)
                    self.asked += [event for event in reader.feed(chunk) if not isinstance(event, Noise)]
                    self._arrived.notify_all()

    async def heard(self, count: int) -> None:
        """Until `count` requests have come in all."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.asked) >= count)

    def read(self, register: int) -> asyncio.Task[bytes]:
        return asyncio.create_task(self.driver.run(transact(1, ReadRegisters(READ_INPUT, register, 1), self.wire)))

    def answer(self, request: TcpFrame) -> bytes:
        """The asked register's number as its value."""
        return tcp.encode(request.transaction, request.unit, bytes((READ_INPUT, 2)) + request.pdu[1:3])


Gateways = Callable[..., Gateway]


@pytest.fixture
async def gateways() -> AsyncIterator[Gateways]:
    opened: list[tuple[Gateway, asyncio.Task[None]]] = []

    def make(timing: Timing = PATIENT, **options: Any) -> Gateway:
        gateway = Gateway(timing, **options)
        opened.append((gateway, asyncio.create_task(gateway.listen())))
        return gateway

    yield make
    for gateway, listening in opened:
        await gateway.near.close()
        await listening


async def test_answers_out_of_order_reach_those_who_asked(gateways: Gateways) -> None:
    gateway = gateways()
    reads = [gateway.read(number) for number in range(WINDOW)]
    await gateway.heard(WINDOW)
    for number in (2, 0, 3, 1):
        await gateway.far.send(gateway.answer(gateway.asked[number]))
    assert await asyncio.gather(*reads) == [bytes((0, number)) for number in range(WINDOW)]
    counters = gateway.driver.counters
    assert (counters.requests, counters.answers, counters.strays, counters.timeouts) == (WINDOW, WINDOW, 0, 0)


async def test_no_more_than_the_window_is_in_flight(gateways: Gateways) -> None:
    gateway = gateways()
    reads = [gateway.read(number) for number in range(2 * WINDOW)]
    for done in range(2 * WINDOW):
        await gateway.heard(min(WINDOW + done, 2 * WINDOW))
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(gateway.asked) == min(WINDOW + done, 2 * WINDOW)
        await gateway.far.send(gateway.answer(gateway.asked[done]))
        await reads[done]
    assert [read.result()[1] for read in reads] == list(range(2 * WINDOW))


async def test_what_is_asked_together_is_sent_together(gateways: Gateways) -> None:
    gateway = gateways()
    reads = [gateway.read(number) for number in range(WINDOW)]
    await gateway.heard(WINDOW)
    assert len(gateway.chunks) == 1
    await gateway.far.send(b"".join(gateway.answer(request) for request in gateway.asked))
    assert [value[1] for value in await asyncio.gather(*reads)] == list(range(WINDOW))
    assert [direction for direction, _ in gateway.shown] == [">"] * WINDOW + ["<"]


async def test_one_lost_answer_costs_only_its_own_conversation(gateways: Gateways) -> None:
    gateway = gateways(QUICK)
    reads = [gateway.read(number) for number in range(WINDOW)]
    await gateway.heard(WINDOW)
    for number in (0, 1, 3):
        await gateway.far.send(gateway.answer(gateway.asked[number]))
    with pytest.raises(NoAnswer, match="asked 1 times"):
        await reads[2]
    assert [(await reads[number])[1] for number in (0, 1, 3)] == [0, 1, 3]
    assert gateway.driver.counters.timeouts == 1


@pytest.mark.parametrize("window", [1, WINDOW])
async def test_lost_answer_is_asked_for_again(gateways: Gateways, window: int) -> None:
    gateway = gateways(Timing(response=0.03, latency=0.0, gap=0.01, pause=0.0, retries=1), window=window)
    read = gateway.read(7)
    await gateway.heard(2)
    assert gateway.asked[0] == gateway.asked[1]
    await gateway.far.send(gateway.answer(gateway.asked[1]))
    assert await read == b"\0\7"
    assert (gateway.driver.counters.retries, gateway.driver.counters.timeouts) == (1, 1)


@pytest.mark.parametrize("window", [1, WINDOW])
async def test_late_answer_is_a_stray_and_answers_nobody(gateways: Gateways, window: int) -> None:
    gateway = gateways(QUICK, window=window)
    with pytest.raises(NoAnswer):
        await gateway.read(7)
    read = gateway.read(7)
    await gateway.heard(2)
    late, due = (gateway.answer(request) for request in gateway.asked)
    await gateway.far.send(late + due + due)
    assert await read == b"\0\7"
    assert gateway.driver.counters.strays == 2


async def test_refusal_reaches_the_one_refused(gateways: Gateways) -> None:
    gateway = gateways()
    reads = [gateway.read(number) for number in range(2)]
    await gateway.heard(2)
    refused, answered = gateway.asked
    await gateway.far.send(gateway.answer(answered) + tcp.encode(refused.transaction, 1, b"\x84\x02"))
    with pytest.raises(Refused, match="illegal data address"):
        await reads[0]
    assert await reads[1] == b"\0\1"


@pytest.mark.parametrize("window", [1, WINDOW])
async def test_closed_link_is_thrown_into_every_conversation(gateways: Gateways, window: int) -> None:
    gateway = gateways(window=window)
    seen: list[str] = []

    def noting(number: int) -> Exchange[Any, bytes]:
        try:
            return (yield from transact(1, ReadRegisters(READ_INPUT, number, 1), gateway.wire))
        except LinkClosed as error:
            seen.append(str(error))
            raise

    running = [asyncio.create_task(gateway.driver.run(noting(number))) for number in range(WINDOW + 2)]
    await gateway.heard(window)
    await gateway.far.close()
    ends = await asyncio.gather(*running, return_exceptions=True)
    assert [type(end) for end in ends] == [LinkClosed] * (WINDOW + 2)
    assert len(set(map(id, ends))) == WINDOW + 2, "each its own error: a traceback belongs to one conversation"
    assert seen == ["closed by the other side"] * (WINDOW + 2)


async def test_cancelled_conversation_leaves_the_others_alone(gateways: Gateways) -> None:
    gateway = gateways()
    reads = [gateway.read(number) for number in range(WINDOW)]
    waiting = gateway.read(9)
    await gateway.heard(WINDOW)
    reads[1].cancel()
    await gateway.heard(WINDOW + 1)  # its place is free for the next one
    for request in gateway.asked:
        await gateway.far.send(gateway.answer(request))
    with pytest.raises(asyncio.CancelledError):
        await reads[1]
    assert [(await read)[1] for read in (reads[0], reads[2], reads[3], waiting)] == [0, 2, 3, 9]
    assert gateway.driver.counters.strays == 1


async def test_cancelled_before_it_was_sent_is_not_sent(gateways: Gateways) -> None:
    gateway = gateways()
    reads = [gateway.read(number) for number in range(2)]
    await asyncio.sleep(0)
    reads[0].cancel()
    await gateway.heard(1)
    await gateway.far.send(gateway.answer(gateway.asked[0]))
    assert await reads[1] == b"\0\1"
    assert len(gateway.asked) == gateway.driver.counters.requests == 1


async def test_answers_cut_anywhere_and_noise_between(gateways: Gateways) -> None:
    gateway = gateways()
    reads = [gateway.read(number) for number in range(WINDOW)]
    await gateway.heard(WINDOW)
    for byte in b"\xff\xff\xff".join(gateway.answer(request) for request in gateway.asked):
        await gateway.far.send(bytes((byte,)))
        await asyncio.sleep(0)
    assert [value[1] for value in await asyncio.gather(*reads)] == list(range(WINDOW))
    assert gateway.driver.counters.noise_bytes == 9


@pytest.mark.parametrize("window", [1, WINDOW])
async def test_half_an_answer_does_not_hold_up_for_ever(gateways: Gateways, window: int) -> None:
    gateway = gateways(QUICK, window=window)
    read = gateway.read(1)
    await gateway.heard(1)
    await gateway.far.send(gateway.answer(gateway.asked[0])[:-1])
    with pytest.raises(NoAnswer):
        await read
    assert gateway.driver.counters.noise == 1


@pytest.mark.parametrize("window", [1, WINDOW])
async def test_what_acts_needs_its_permit_in_a_window_too(gateways: Gateways, window: int) -> None:
    def act(wire: TcpWire) -> Exchange[Any, None]:
        ask = wire.ask(1, ReadRegisters(READ_INPUT, 5, 1))
        yield Ask(ask.data, ask.answers, ask.reply_bytes, acts=True)

    gateway = gateways(window=window)
    with pytest.raises(NotPermitted):
        await gateway.driver.run(act(gateway.wire))
    read = gateway.read(3)
    await gateway.heard(1)
    await gateway.far.send(gateway.answer(gateway.asked[0]))
    assert await read == b"\0\3"
    assert [request.pdu[2] for request in gateway.asked] == [3]

    permitted: list[bytes] = []
    gateway = gateways(permit=lambda ask: permitted.append(ask.data), window=window)
    acting = asyncio.create_task(gateway.driver.run(act(gateway.wire)))
    await gateway.heard(1)
    await gateway.far.send(gateway.answer(gateway.asked[0]))
    await acting
    assert permitted == gateway.chunks


@pytest.mark.parametrize("window", [1, WINDOW])
async def test_what_nobody_answers_is_sent_and_told(gateways: Gateways, window: int) -> None:
    def tell(wire: TcpWire) -> Exchange[Any, str]:
        ask = wire.ask(1, ReadRegisters(READ_INPUT, 5, 1))
        try:
            yield Ask(ask.data, ask.answers, ask.reply_bytes, answered=False)
        except NoAnswer:
            return "told"
        return "answered"

    gateway = gateways(window=window)
    assert await gateway.driver.run(tell(gateway.wire)) == "told"
    await gateway.heard(1)
    assert gateway.driver.counters.timeouts == 0


async def test_requests_that_can_be_confused_are_refused_a_window() -> None:
    near, far = memory_pair()
    driver: Driver[Any] = Driver(near, RtuReader(), QUICK, window=1)
    with pytest.raises(ValueError, match="cannot be confused"):
        await driver.run(transact(1, ReadRegisters(READ_INPUT, 0, 1), RtuWire()))
    assert far.receive_nowait() == b""


async def test_permit_missing_in_a_batch_holds_back_that_frame_alone(gateways: Gateways) -> None:
    def act(wire: TcpWire) -> Exchange[Any, None]:
        ask = wire.ask(1, ReadRegisters(READ_INPUT, 5, 1))
        yield Ask(ask.data, ask.answers, ask.reply_bytes, acts=True)

    gateway = gateways()
    acting = asyncio.create_task(gateway.driver.run(act(gateway.wire)))
    read = gateway.read(3)
    with pytest.raises(NotPermitted):
        await acting
    await gateway.heard(1)
    await gateway.far.send(gateway.answer(gateway.asked[0]))
    assert await read == b"\0\3"
    assert [request.pdu[2] for request in gateway.asked] == [3]


@pytest.mark.parametrize("window", [1, WINDOW])
async def test_link_that_is_gone_is_told_at_once(gateways: Gateways, window: int) -> None:
    gateway = gateways(window=window)
    await gateway.far.close()
    for _ in range(2):
        with pytest.raises(LinkClosed):
            await gateway.read(1)


@pytest.mark.parametrize("options", [{"window": 0}, {"window": -1}, {"window": 1, "echo": True}])
async def test_impossible_windows_are_refused(options: dict[str, Any]) -> None:
    near, _ = memory_pair()
    with pytest.raises(ValueError, match="window"):
        Driver(near, TcpReader(), QUICK, **options)


async def test_time_is_counted_once_for_all_that_run_side_by_side(gateways: Gateways) -> None:
    gateway = gateways()
    began = asyncio.get_running_loop().time()
    reads = [gateway.read(number) for number in range(WINDOW)]
    await gateway.heard(WINDOW)
    await asyncio.sleep(0.01)
    for request in gateway.asked:
        await gateway.far.send(gateway.answer(request))
    await asyncio.gather(*reads)
    assert 0 < gateway.driver.counters.busy_s <= asyncio.get_running_loop().time() - began
