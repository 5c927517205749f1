"""What a link is: an open byte path with five verbs. Links know no protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from protocols.errors import LinkClosed


class Link(Protocol):
    """An open byte path. All verbs raise `LinkClosed` once the other side is gone."""

    async def send(self, data: bytes) -> None:
        """Hand all of `data` to the path; returns when it has been taken."""

    async def receive(self, until: float | None = None) -> bytes:
        """The next chunk; waits for it. Empty when none has come `until` then (the loop's time), else at least one
        byte. Safe to cancel: no byte is lost."""

    def receive_nowait(self) -> bytes:
        """What has already arrived, perhaps nothing."""

    def listen(self, heard: Callable[[], None]) -> None:
        """In place of `receive`: from now on `heard` is called when bytes have arrived or the path has gone. Which, and
        what, `receive_nowait` tells."""

    async def close(self) -> None:
        """Close for good; a waiting `receive` ends with `LinkClosed`. May be called twice."""


class Inbox:
    """Bytes that have arrived and nobody has taken yet: the receiving half that links share.

    One reader at a time. `limit` bounds what a babbling peer can make us hold: the oldest bytes go first, which on a
    meter line are the ones that no conversation waits for any more.
    """

    __slots__ = ("_closed", "_heard", "_held", "_limit", "_timer", "_until", "_waiter")

    def __init__(self, limit: int = 65536) -> None:
        self._held = b""
        self._limit = limit
        self._waiter: asyncio.Future[bool] | None = None
        self._until: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard: Callable[[], None] | None = None
        self._closed: LinkClosed | None = None

    def listen(self, heard: Callable[[], None]) -> None:
        self._heard = heard
        if self._held or self._closed is not None:
            heard()

    def put(self, chunk: bytes) -> None:
        held = self._held + chunk if self._held else chunk
        self._held = held if len(held) <= self._limit else held[-self._limit :]
        if self._heard is not None:
            self._heard()
        elif self._waiter is not None:
            self._wake()

    def close(self, reason: str) -> None:
        """No more bytes will come. What has arrived can still be taken."""
        if self._closed is None:
            self._closed = LinkClosed(reason)
        if self._timer is not None:
            self._timer.cancel()
        if self._heard is not None:
            self._heard()
        self._wake()

    def check(self) -> None:
        """Raise `LinkClosed` if the path is gone."""
        if self._closed is not None:
            raise LinkClosed(str(self._closed))

    def take_nowait(self) -> bytes:
        if not self._held:
            self.check()
        chunk, self._held = self._held, b""
        return chunk

    async def take(self, until: float | None = None) -> bytes:
        """What has arrived, or arrives first; empty when nothing has `until` then."""
        while not self._held:
            self.check()
            loop = asyncio.get_running_loop()
            if until is not None and (self._timer is None or self._timer.when() > until):
                self._set_timer(loop, until)
            self._until = until
            self._waiter = loop.create_future()
            try:
                if not await self._waiter:
                    return b""
            finally:
                self._waiter = None
        chunk, self._held = self._held, b""
        return chunk

    def _wake(self, *, something: bool = True) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(something)

    def _set_timer(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(when, self._ring, loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        """The timer is not set anew for each chunk: it rings at the first deadline, and then looks how long the one
        who waits now has left. Setting and cancelling it each time would cost more than the rest of a read."""
        self._timer = None
        if self._waiter is None or self._until is None:
            return
        if self._until > loop.time():
            self._set_timer(loop, self._until)
        else:
            self._wake(something=False)
