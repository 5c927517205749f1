"""A real database for a test in virtual time: asked in a loop of its own, while virtual time stands still."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

from headend.collection.gaps import LedgerGaps, Reach
from headend.collection.recovery import Gap
from protocols.model import Capture
from storage.columns import CaptureColumns
from storage.ledger import Ledger
from storage.writer import Miss, Writer, Written

T = TypeVar("T")


class Elsewhere:
    """`call` blocks until the other loop has the answer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        return self.begin(work).result(60)

    def begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Its result is had when it is asked for."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)


@contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield Elsewhere(loop)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class FarGaps:
    """`headend.collection.gaps.LedgerGaps` over there."""

    def __init__(self, there: Elsewhere, conninfo: str, reach: Reach) -> None:
        self._there = there
        self._ledger = Ledger(conninfo)
        self._gaps = LedgerGaps(self._ledger, reach)

    @property
    def pause(self) -> timedelta:
        return self._gaps.pause

    async def recoverable(self, meters: Sequence[int], now: datetime, since: datetime) -> list[Gap]:
        return self._there.call(self._gaps.recoverable(meters, now, since))

    async def close(self) -> None:
        self._there.call(self._ledger.close())


class FarWriter:
    """`storage.writer.Writer` over there."""

    def __init__(self, there: Elsewhere, conninfo: str) -> None:
        self._there = there
        self._writer = Writer(conninfo)

    async def write(self, captures: Sequence[Capture]) -> Written:
        return self._there.call(self._writer.write(captures))

    async def write_columns(self, columns: CaptureColumns) -> Written:
        return self._there.call(self._writer.write_columns(columns))

    async def write_misses(self, misses: Iterable[Miss]) -> int:
        return self._there.call(self._writer.write_misses(misses))

    async def close(self) -> None:
        self._there.call(self._writer.close())
