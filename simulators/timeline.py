"""What is to happen at its time, in order."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from datetime import datetime
from itertools import count


class Timeline:
    """`catch_up` with it before anything else is done at a moment, so that nothing is seen before it was so."""

    def __init__(self) -> None:
        self._due: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._numbers = count()
        self._added = asyncio.Event()

    def add(self, moment: datetime, act: Callable[[datetime], None]) -> None:
        """`act` is called with `moment`."""
        heapq.heappush(self._due, (moment, next(self._numbers), act))
        self._added.set()

    def catch_up(self, now: datetime) -> None:
        while self._due and self._due[0][0] <= now:
            moment, _, act = heapq.heappop(self._due)
            act(moment)

    async def run(self, clock: Callable[[], datetime]) -> None:
        """Let things happen at their time, until cancelled; `clock` catches up itself."""
        while True:
            self._added.clear()
            now = clock()
            wait = (self._due[0][0] - now).total_seconds() if self._due else None
            try:
                await asyncio.wait_for(self._added.wait(), wait)
            except TimeoutError:
                continue
