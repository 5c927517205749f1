"""Meters on a real path: what a bus answers is sent when its time has come, while the next request is already heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from protocols.links.base import Link
from simulators.bus import BusLine

Clock: TypeAlias = Callable[[], datetime]
"""The time in UTC."""

_AHEAD_S: Final = 1.0
"""So far ahead what is said unasked is worked out."""
_MOST_WAITING: Final = 256
"""Answers that the path has not taken yet; beyond it the oldest is lost, as on any line that nobody reads."""


async def serve(line: BusLine, link: Link, clock: Clock) -> None:
    """Answer on `link` until it goes away: ends with `LinkClosed`."""
    loop = asyncio.get_running_loop()
    due: asyncio.Queue[bytes] = asyncio.Queue(_MOST_WAITING)

    def put(data: bytes) -> None:
        if due.full():
            due.get_nowait()
        due.put_nowait(data)

    async def babble() -> None:
        while line.babbles:
            now = clock()
            for delay, data in line.babble(now, now + timedelta(seconds=_AHEAD_S)):
                loop.call_later(delay, put, data)
            await asyncio.sleep(_AHEAD_S)

    sender = loop.create_task(_send(due, link))
    babbling = loop.create_task(babble())
    try:
        while True:
            chunk = await link.receive()
            for delay, data in line.receive(chunk, clock()):
                if delay > 0:
                    loop.call_later(delay, put, data)
                else:
                    put(data)
    finally:
        for task in (sender, babbling):
            task.cancel()
        await asyncio.wait({sender, babbling})
        for task in (sender, babbling):
            if not task.cancelled():
                task.exception()  # the path is gone, which the receiving side has been told too


async def _send(due: asyncio.Queue[bytes], link: Link) -> None:
    while True:
        await link.send(await due.get())
