"""What was received and waits for the database: bounded, so that a database that is away holds the pollers back."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from protocols.model import Capture
from storage.writer import Miss

Record = Capture | Miss


class Pending:
    """A queue of records with a bound. `put` waits while it is full: back-pressure, never a dropped reading."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._records: deque[Record] = deque()
        self._changed = asyncio.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._records)

    async def put(self, records: Sequence[Record]) -> None:
        """Waits until there is room for all of `records`; more than the bound goes into an empty queue."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._records or len(self._records) + len(records) <= self.limit)
            self._records.extend(records)
            self._changed.notify_all()

    async def batch(self, most: int, linger: float) -> list[Record]:
        """The oldest records: as soon as `most` are there, or `linger` seconds after the first; none once closed."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._records or self._closed)
            if len(self._records) < most and not self._closed:
                try:
                    async with asyncio.timeout(linger):
                        await self._changed.wait_for(lambda: len(self._records) >= most or self._closed)
                except TimeoutError:
                    pass
            return [self._records[i] for i in range(min(most, len(self._records)))]

    async def done(self, count: int) -> None:
        """The first `count` records are committed and leave the queue; until then they count against the bound."""
        async with self._changed:
            for _ in range(count):
                self._records.popleft()
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether nothing more will be put."""
        return self._closed

    async def pressed(self, mark: int) -> None:
        """Waits until `mark` records are there, or nothing more will be put."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed or len(self._records) >= mark)

    async def close(self) -> None:
        """Nothing more will be put; `batch` gives what is left and then nothing."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()
