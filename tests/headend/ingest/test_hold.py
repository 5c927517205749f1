"""The hold between socket and commit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from headend.ingest.held import Held
from headend.ingest.hold import Hold


class Broker:
    def acknowledge(self, numbers: Sequence[int]) -> None:
        raise AssertionError("nobody acknowledges here")


def held(broker: Broker, number: int, size: int = 10) -> Held:
    return Held("t", bytes(size), number, False, number, broker)


async def test_a_batch_is_empty_only_once_the_hold_is_closed() -> None:
    """A connection that is lost while a small batch waits for more takes all of it away: the next one is waited for."""
    hold, first, second = Hold(100, 1000), Broker(), Broker()
    batch = asyncio.create_task(hold.batch(10, 1000, 0.05))
    await asyncio.sleep(0)
    hold.put(held(first, 1))
    await asyncio.sleep(0)
    assert hold.forget(first) == 1
    await asyncio.sleep(0.1)
    assert not batch.done()
    hold.put(held(second, 2))
    assert [one.number for one in await batch] == [2]
    hold.close()
    assert await hold.batch(10, 1000, 0.05) == []


async def test_bounds_hold_until_release_and_room_is_told() -> None:
    told: list[None] = []
    hold, broker = Hold(2, 1000, lambda: told.append(None)), Broker()
    hold.put(held(broker, 1))
    hold.put(held(broker, 2))
    assert (hold.has_room, hold.messages, hold.bytes) == (False, 2, 22)
    batch = await hold.batch(10, 1000, 1)
    assert (len(batch), hold.has_room) == (2, False)
    hold.release(batch)
    assert (hold.has_room, hold.bytes, len(told)) == (True, 0, 1)
    hold.put(held(broker, 3, size=5000))
    assert not hold.has_room


async def test_messages_that_do_not_come_again_are_not_forgotten() -> None:
    hold, broker, other = Hold(10, 1000), Broker(), Broker()
    for one in (held(broker, 1), held(broker, 0), held(other, 1)):
        hold.put(one)
    assert hold.forget(broker) == 1
    assert [(one.origin, one.number) for one in await hold.batch(10, 1000, 0)] == [(broker, 0), (other, 1)]


async def test_a_batch_has_its_bounds_too() -> None:
    hold, broker = Hold(10, 1000), Broker()
    for number in range(1, 6):
        hold.put(held(broker, number))
    assert [len(await hold.batch(2, 1000, 0)), len(await hold.batch(9, 12, 0)), len(await hold.batch(9, 1, 0))] == [
        2,
        2,
        1,
    ]
