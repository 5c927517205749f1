"""One suite over all links: whatever carries the bytes, the four verbs mean the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from protocols.errors import LinkClosed
from protocols.links.base import Link
from tests.links.pairs import KINDS, Pair

ALL_BYTES = bytes(range(256))


MARKS = {"mqtt-mosquitto": [pytest.mark.mosquitto], "mqtt-raw": [pytest.mark.mosquitto]}


@pytest_asyncio.fixture(params=[pytest.param(kind, marks=MARKS.get(kind, [])) for kind in KINDS])
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Pair]:
    async with KINDS[request.param](tmp_path) as made:
        yield made


async def received(link: Link, length: int) -> bytes:
    """Chunks joined until `length` bytes are there."""
    data = b""
    async with asyncio.timeout(60):
        while len(data) < length:
            data += await link.receive()
    return data


async def test_all_bytes_pass_both_ways(pair: Pair) -> None:
    await pair.near.send(ALL_BYTES)
    assert await received(pair.far, 256) == ALL_BYTES
    await pair.far.send(ALL_BYTES[::-1])
    assert await received(pair.near, 256) == ALL_BYTES[::-1]


@pytest.mark.parametrize("length", [1, 255, 4096])
async def test_chunks_arrive_whole_and_in_order(pair: Pair, length: int) -> None:
    data = (ALL_BYTES * 17)[:length]
    sending = asyncio.create_task(pair.near.send(data))
    assert await received(pair.far, length) == data
    await sending
    sending = asyncio.create_task(pair.far.send(data))
    assert await received(pair.near, length) == data
    await sending


async def test_chunks_sent_one_after_another_keep_their_order(pair: Pair) -> None:
    chunks = [bytes([i]) * 10 for i in range(20)]
    for chunk in chunks:
        await pair.far.send(chunk)
    assert await received(pair.near, 200) == b"".join(chunks)


async def test_cancelling_a_receive_loses_nothing(pair: Pair) -> None:
    waiting = asyncio.create_task(pair.near.receive())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await pair.far.send(b"first")
    assert await received(pair.near, 5) == b"first"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await pair.near.receive()
    await pair.far.send(b"second")
    assert await received(pair.near, 6) == b"second"


async def test_receive_nowait_gives_what_is_there(pair: Pair) -> None:
    assert pair.near.receive_nowait() == b""
    await pair.far.send(b"abc")
    first = await pair.near.receive()
    await received(pair.near, 3 - len(first))
    assert pair.near.receive_nowait() == b""


async def test_closing_wakes_a_waiting_receive(pair: Pair) -> None:
    waiting = asyncio.create_task(pair.near.receive())
    await asyncio.sleep(0)
    await pair.near.close()
    with pytest.raises(LinkClosed, match="closed by us"):
        await waiting


async def test_closing_twice_and_using_what_is_closed(pair: Pair) -> None:
    await pair.near.close()
    await pair.near.close()
    with pytest.raises(LinkClosed):
        await pair.near.send(b"x")
    with pytest.raises(LinkClosed):
        await pair.near.receive()
    with pytest.raises(LinkClosed):
        pair.near.receive_nowait()


async def test_a_path_that_vanishes_is_noticed(pair: Pair) -> None:
    waiting = asyncio.create_task(pair.near.receive())
    await asyncio.sleep(0)
    await pair.vanish()
    with pytest.raises(LinkClosed) as caught:
        async with asyncio.timeout(60):
            await waiting
    assert "by us" not in str(caught.value)
    with pytest.raises(LinkClosed):
        await pair.near.send(b"anybody?")


async def test_what_arrived_before_the_end_can_still_be_taken(pair: Pair) -> None:
    await pair.far.send(b"last words")
    assert await received(pair.near, 10) == b"last words"
    await pair.vanish()
    with pytest.raises(LinkClosed):
        async with asyncio.timeout(60):
            await pair.near.receive()


async def test_receive_gives_up_when_told_and_not_before(pair: Pair) -> None:
    loop = asyncio.get_running_loop()
    for wait in (0.02, 0.05, 0.01):
        until = loop.time() + wait
        assert await pair.near.receive(until) == b""
        assert loop.time() >= until
    await pair.far.send(b"after")
    assert await received(pair.near, 5) == b"after"


async def test_listener_is_told_of_bytes_and_of_the_end(pair: Pair) -> None:
    got = bytearray()
    ended = asyncio.Event()
    changed = asyncio.Event()

    def heard() -> None:
        try:
            got.extend(pair.near.receive_nowait())
        except LinkClosed:
            ended.set()
        changed.set()

    pair.near.listen(heard)
    await pair.far.send(b"first")
    while len(got) < 5:
        changed.clear()
        await changed.wait()
    assert got == b"first"
    await pair.near.close()
    await ended.wait()
