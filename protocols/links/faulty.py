"""A link with faults: it wraps another and mangles what is received, what is sent, or both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from protocols.errors import LinkClosed
from protocols.links.base import Inbox, Link
from protocols.links.faults import Faults, Mangler


class FaultyLink:
    """Owns `inner`. `received` and `sent` (None without faults) count what struck. Needs a running event loop."""

    def __init__(self, inner: Link, received: Faults | None = None, sent: Faults | None = None) -> None:
        self.received = Mangler(received) if received else None
        self.sent = Mangler(sent) if sent else None
        self._inner = inner
        self._inbox = Inbox()
        self._outgoing: set[asyncio.Task[None]] = set()
        self._pump = asyncio.get_running_loop().create_task(self._receive_on())

    async def send(self, data: bytes) -> None:
        self._inbox.check()
        if self.sent is None:
            await self._inner.send(data)
            return
        for delay, piece in self.sent.apply(data):
            if delay:
                task = asyncio.get_running_loop().create_task(self._send_late(delay, piece))
                self._outgoing.add(task)
                task.add_done_callback(self._outgoing.discard)
            else:
                await self._inner.send(piece)

    def receive(self, until: float | None = None) -> Coroutine[Any, Any, bytes]:
        return self._inbox.take(until)

    def receive_nowait(self) -> bytes:
        return self._inbox.take_nowait()

    def listen(self, heard: Callable[[], None]) -> None:
        self._inbox.listen(heard)

    async def close(self) -> None:
        self._inbox.close("closed by us")
        tasks = [self._pump, *self._outgoing]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await self._inner.close()

    async def _receive_on(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                chunk = await self._inner.receive()
            except LinkClosed as error:
                self._inbox.close(str(error))
                return
            for delay, piece in self.received.apply(chunk) if self.received else [(0.0, chunk)]:
                if delay:
                    loop.call_later(delay, self._inbox.put, piece)
                else:
                    self._inbox.put(piece)

    async def _send_late(self, delay: float, piece: bytes) -> None:
        await asyncio.sleep(delay)
        try:
            await self._inner.send(piece)
        except LinkClosed as error:
            self._inbox.close(str(error))
