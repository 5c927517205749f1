"""What a link is: an open byte path with four verbs. Links know no protocol."""

from __future__ import annotations

import asyncio
from typing import Protocol

from protocols.errors import LinkClosed


class Link(Protocol):
    """An open byte path. All verbs raise `LinkClosed` once the other side is gone."""

    async def send(self, data: bytes) -> None:
        """Hand all of `data` to the path; returns when it has been taken."""

    async def receive(self) -> bytes:
        """The next chunk, at least one byte; waits for it. Safe to cancel: no byte is lost."""

    def receive_nowait(self) -> bytes:
        """What has already arrived, perhaps nothing."""

    async def close(self) -> None:
        """Close for good; a waiting `receive` ends with `LinkClosed`. May be called twice."""


class Inbox:
    """Bytes that have arrived and nobody has taken yet: the receiving half that links share.

    One reader at a time. `limit` bounds what a babbling peer can make us hold: the oldest bytes go first, which on a
    meter line are the ones that no conversation waits for any more.
    """

    __slots__ = ("_buffer", "_closed", "_limit", "_waiter")

    def __init__(self, limit: int = 65536) -> None:
        self._buffer = bytearray()
        self._limit = limit
        self._waiter: asyncio.Future[None] | None = None
        self._closed: LinkClosed | None = None

    def put(self, chunk: bytes) -> None:
        self._buffer += chunk
        if len(self._buffer) > self._limit:
            del self._buffer[: len(self._buffer) - self._limit]
        self._wake()

    def close(self, reason: str) -> None:
        """No more bytes will come. What has arrived can still be taken."""
        if self._closed is None:
            self._closed = LinkClosed(reason)
        self._wake()

    def check(self) -> None:
        """Raise `LinkClosed` if the path is gone."""
        if self._closed is not None:
            raise LinkClosed(str(self._closed))

    def take_nowait(self) -> bytes:
        if not self._buffer:
            self.check()
            return b""
        chunk = bytes(self._buffer)
        self._buffer.clear()
        return chunk

    async def take(self) -> bytes:
        while not self._buffer:
            self.check()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self.take_nowait()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
