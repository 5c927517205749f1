"""Meters on a real path: what a bus answers is sent when its time has come, while the next request is already heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeAlias

from protocols.links.base import Link
from simulators.bus import BusLine

Clock: TypeAlias = Callable[[], datetime]
"""The time in UTC."""

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

    sender = loop.create_task(_send(due, link))
    try:
        while True:
            chunk = await link.receive()
            for delay, data in line.receive(chunk, clock()):
                if delay > 0:
                    loop.call_later(delay, put, data)
                else:
                    put(data)
    finally:
        sender.cancel()
        await asyncio.wait({sender})
        if not sender.cancelled():
            sender.exception()  # the path is gone, which the receiving side has been told too


async def _send(due: asyncio.Queue[bytes], link: Link) -> None:
    while True:
        await link.send(await due.get())
