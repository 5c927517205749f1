"""What was received and is not committed: bounded by messages and bytes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from headend.ingest.held import Held, Origin


class Hold:
    """A message counts against the bounds from `put` until `release`; one that is larger than the bound goes into an
    empty hold. `on_room` is called when a full hold has room again.
    """

    def __init__(self, messages: int, most_bytes: int, on_room: Callable[[], None] = lambda: None) -> None:
        self.messages = 0
        self.bytes = 0
        self.on_room = on_room
        self._most_messages = messages
        self._most_bytes = most_bytes
        self._waiting: deque[Held] = deque()
        self._changed = asyncio.Event()
        self._closed = False

    @property
    def has_room(self) -> bool:
        return self.messages < self._most_messages and self.bytes < self._most_bytes

    @property
    def oldest_us(self) -> int | None:
        """When the message that waits the longest came."""
        return self._waiting[0].received_us if self._waiting else None

    def put(self, held: Held) -> None:
        self._waiting.append(held)
        self.messages += 1
        self.bytes += held.weight
        self._changed.set()

    async def batch(self, most: int, most_bytes: int, linger: float) -> list[Held]:
        """The oldest messages: as soon as there are `most`, or `linger` seconds after the first; none once closed."""
        while not self._waiting:
            if self._closed:
                return []
            await self._changed_once()
            if self._waiting and linger:
                await self._linger(most, linger)  # meanwhile the connection may be lost and all of it forgotten
        taken: list[Held] = []
        size = 0
        while self._waiting and len(taken) < most and size < most_bytes:
            held = self._waiting.popleft()
            size += held.weight
            taken.append(held)
        return taken

    async def _linger(self, most: int, linger: float) -> None:
        try:
            async with asyncio.timeout(linger):
                while len(self._waiting) < most and self.has_room and not self._closed:
                    await self._changed_once()
        except TimeoutError:
            pass

    def release(self, batch: Sequence[Held]) -> None:
        """Committed, or given up."""
        had_room = self.has_room
        self.messages -= len(batch)
        self.bytes -= sum(held.weight for held in batch)
        if not had_room and self.has_room:
            self.on_room()

    def forget(self, origin: Origin) -> int:
        """The connection is gone: what waits of it comes again by another. Returns how many messages that is.

        Those without an acknowledgement (QoS 0) do not come again and stay.
        """
        gone = [held for held in self._waiting if held.origin is origin and held.number]
        if gone:
            self._waiting = deque(held for held in self._waiting if held.origin is not origin or not held.number)
            self.release(gone)
        return len(gone)

    def close(self) -> None:
        """Nothing more comes: `batch` gives what is left, and then nothing."""
        self._closed = True
        self._changed.set()

    async def _changed_once(self) -> None:
        self._changed.clear()
        await self._changed.wait()
