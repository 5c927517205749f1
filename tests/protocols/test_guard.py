"""A line that is no longer ours is not spoken on: the guard stands where the bytes go out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from protocols.driver import Driver
from protocols.errors import LeaseLost, LinkError
from protocols.exchange import Ask, Exchange
from protocols.links.memory import memory_pair
from protocols.modbus.pdu import READ_INPUT, ReadRegisters
from protocols.modbus.tcp import TcpFrame, encode
from protocols.modbus.wire import RtuWire, TcpWire, transact
from protocols.timing import Timing

QUICK = Timing(response=0.03, latency=0.0, gap=0.01, pause=0.0, retries=2)
READ = ReadRegisters(READ_INPUT, 0, 2)


class Tenure:
    """A guard that lets `left` requests pass."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __call__(self) -> None:
        if not self.left:
            raise LeaseLost("over")
        self.left -= 1


@pytest.mark.parametrize("window", [None, 1, 4])
async def test_no_byte_goes_out_after_the_end(window: int | None) -> None:
    near, far = memory_pair()
    wire: Any = TcpWire() if window else RtuWire()
    driver: Driver[Any] = Driver(near, wire.reader(), QUICK, guard=Tenure(0), window=window)
    with pytest.raises(LeaseLost) as refused:
        await driver.run(transact(7, READ, wire))
    assert far.receive_nowait() == b""
    assert driver.counters.requests == 0
    assert isinstance(refused.value, LinkError)
    assert refused.value.label == "lease_lost"


@pytest.mark.parametrize("window", [None, 1, 4])
async def test_a_question_is_not_repeated_after_the_end(window: int | None) -> None:
    near, _far = memory_pair()
    wire: Any = TcpWire() if window else RtuWire()
    driver: Driver[Any] = Driver(near, wire.reader(), QUICK, guard=Tenure(1), window=window)
    with pytest.raises(LeaseLost):
        await driver.run(transact(7, READ, wire))
    assert (driver.counters.requests, driver.counters.timeouts) == (1, 1)


async def test_of_several_at_once_those_before_the_end_go_out_and_are_answered() -> None:
    near, far = memory_pair()
    wire: Any = TcpWire()
    driver: Driver[Any] = Driver(near, wire.reader(), QUICK, guard=Tenure(2), window=4)
    reading = [asyncio.create_task(driver.run(transact(unit, READ, wire))) for unit in (1, 2, 3)]
    asked = wire.reader().feed(await far.receive())
    assert [frame.unit for frame in asked if isinstance(frame, TcpFrame)] == [1, 2]
    for frame in asked:
        assert isinstance(frame, TcpFrame)
        await far.send(encode(frame.transaction, frame.unit, bytes((4, 4, 0, 0, 0, frame.unit))))
    given = await asyncio.gather(*reading, return_exceptions=True)
    assert given[:2] == [bytes((0, 0, 0, 1)), bytes((0, 0, 0, 2))]
    assert isinstance(given[2], LeaseLost)


async def test_a_conversation_does_not_see_it() -> None:
    seen: list[BaseException] = []

    def greedy() -> Exchange[TcpFrame, None]:
        try:
            yield Ask(data=b"x", answers=lambda _: True, reply_bytes=1)
        except LeaseLost as error:
            seen.append(error)

    near, _far = memory_pair()
    driver: Driver[TcpFrame] = Driver(near, TcpWire().reader(), QUICK, guard=Tenure(0))
    with pytest.raises(LeaseLost):
        await driver.run(greedy())
    assert seen == []
