"""Waiting with deadlines: one timer serves them all, and ends none of them early."""

from __future__ import annotations

import asyncio

import pytest

from protocols.errors import LinkClosed
from protocols.links.base import Inbox


async def test_earlier_deadline_does_not_end_a_later_wait() -> None:
    loop = asyncio.get_running_loop()
    inbox = Inbox()
    first = asyncio.create_task(inbox.take(loop.time() + 0.02))
    await asyncio.sleep(0)
    inbox.put(b"x")
    assert await first == b"x"
    for until in (None, loop.time() + 10):
        second = asyncio.create_task(inbox.take(until))
        await asyncio.sleep(0.03)
        assert not second.done()
        inbox.put(b"y")
        assert await second == b"y"


async def test_later_deadline_does_not_hold_up_an_earlier_one() -> None:
    loop = asyncio.get_running_loop()
    inbox = Inbox()
    first = asyncio.create_task(inbox.take(loop.time() + 60))
    await asyncio.sleep(0)
    inbox.put(b"x")
    assert await first == b"x"
    assert await inbox.take(loop.time() + 0.01) == b""
    assert await inbox.take(loop.time() - 1) == b""


async def test_bytes_are_joined_and_the_oldest_go_first() -> None:
    inbox = Inbox(limit=4)
    inbox.put(b"ab")
    inbox.put(b"cd")
    assert await inbox.take() == b"abcd"
    inbox.put(b"abc")
    inbox.put(b"def")
    assert inbox.take_nowait() == b"cdef"
    assert inbox.take_nowait() == b""


async def test_bytes_taken_by_somebody_else_do_not_end_the_wait() -> None:
    inbox = Inbox()
    waiting = asyncio.create_task(inbox.take())
    await asyncio.sleep(0)
    inbox.put(b"x")
    assert inbox.take_nowait() == b"x"
    await asyncio.sleep(0)
    assert not waiting.done()
    inbox.put(b"y")
    assert await waiting == b"y"


async def test_closing_ends_a_wait_with_a_deadline() -> None:
    inbox = Inbox()
    waiting = asyncio.create_task(inbox.take(asyncio.get_running_loop().time() + 60))
    await asyncio.sleep(0)
    inbox.close("gone")
    with pytest.raises(LinkClosed, match="gone"):
        await waiting
