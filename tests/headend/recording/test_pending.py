"""The queue before the database: bounded, in order, and nothing leaves it uncommitted."""

from __future__ import annotations

import asyncio
import random

from headend.recording.pending import Pending, Record
from storage.writer import Miss
from tests.headend.virtual_time import START, virtually


def records(count: int, meter: int = 1) -> list[Record]:
    return [Miss(meter, number, START, "no_answer", START) for number in range(count)]


@virtually
async def test_put_waits_while_the_queue_is_full() -> None:
    pending = Pending(3)
    await pending.put(records(2))
    second = asyncio.create_task(pending.put(records(2)))
    await asyncio.sleep(60)
    assert (second.done(), len(pending)) == (False, 2)
    await pending.batch(1, 0)
    await asyncio.sleep(60)
    assert not second.done(), "what was only looked at still counts"
    await pending.done(1)
    await second
    assert len(pending) == 3


@virtually
async def test_the_bound_holds_and_nothing_is_lost_or_moved() -> None:
    dice = random.Random(7)
    pending = Pending(10)
    given: dict[int, list[Record]] = {}
    most = 0

    async def produce(meter: int) -> None:
        for _ in range(30):
            await asyncio.sleep(dice.random())
            some = records(dice.randint(1, 6), meter)
            await pending.put(some)
            given.setdefault(meter, []).extend(some)

    taken: list[Record] = []

    async def consume() -> None:
        nonlocal most
        while batch := await pending.batch(7, 0.2):
            most = max(most, len(pending))
            assert len(batch) <= 7
            taken.extend(batch)
            await asyncio.sleep(dice.random())
            await pending.done(len(batch))

    consuming = asyncio.create_task(consume())
    await asyncio.gather(*(produce(meter) for meter in range(5)))
    await pending.close()
    await consuming
    assert 7 < most <= 10
    assert {meter: [r for r in taken if r.meter_id == meter] for meter in range(5)} == given


@virtually
async def test_more_than_the_bound_goes_into_an_empty_queue() -> None:
    pending = Pending(3)
    await pending.put(records(1))
    large = asyncio.create_task(pending.put(records(5)))
    await asyncio.sleep(60)
    assert not large.done()
    await pending.done(1)
    await large
    assert len(pending) == 5


@virtually
async def test_a_batch_is_had_as_soon_as_it_is_full_or_old_enough() -> None:
    pending = Pending(100)
    loop = asyncio.get_running_loop()

    async def give() -> None:
        await asyncio.sleep(5)
        await pending.put(records(2))
        await asyncio.sleep(0.1)
        await pending.put(records(1))
        await asyncio.sleep(0.05)
        await pending.put(records(9))

    giving = asyncio.create_task(give())
    began = loop.time()
    assert len(await pending.batch(3, 0.2)) == 3
    assert round(loop.time() - began, 6) == 5.1
    await pending.done(3)
    await giving
    began = loop.time()
    assert len(await pending.batch(50, 0.2)) == 9
    assert round(loop.time() - began, 6) == 0.2


@virtually
async def test_a_batch_that_is_not_done_is_given_again() -> None:
    pending = Pending(100)
    all_of_them = records(5)
    await pending.put(all_of_them)
    assert await pending.batch(3, 0) == all_of_them[:3]
    assert await pending.batch(3, 0) == all_of_them[:3]
    await pending.done(3)
    assert await pending.batch(3, 0) == all_of_them[3:]


@virtually
async def test_once_closed_the_rest_is_given_at_once_and_then_nothing() -> None:
    pending = Pending(100)
    loop = asyncio.get_running_loop()
    waiting = asyncio.create_task(pending.batch(10, 3600))
    await pending.put(records(2))
    await asyncio.sleep(1)
    began = loop.time()
    await pending.close()
    assert len(await waiting) == 2
    await pending.done(2)
    assert await pending.batch(10, 3600) == []
    assert loop.time() == began
