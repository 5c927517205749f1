"""Takes what is pending to the database, batch by batch; a record leaves the queue when it is committed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import structlog

from headend.pending import Pending
from protocols.model import Capture
from storage.errors import DatabaseUnreachable, ServerError
from storage.writer import Miss, Written

_log = structlog.get_logger("recorder")

T = TypeVar("T")


class CaptureWriter(Protocol):
    """What is needed of `storage.writer.Writer`: both verbs may be repeated, and raise `DatabaseUnreachable`."""

    async def write(self, captures: Sequence[Capture]) -> Written: ...

    async def write_misses(self, misses: Iterable[Miss]) -> int: ...


@dataclass(slots=True)
class RecorderCounters:
    """What the recorder has done since it was started."""

    batches: int = 0
    captures: int = 0
    stored: int = 0
    merged: int = 0
    duplicates: int = 0
    misses: int = 0
    unreachable: int = 0


class Recorder:
    """`run` until the queue is closed and empty. A database that is away is waited for, with growing pauses to 5 s."""

    def __init__(
        self,
        writer: CaptureWriter,
        pending: Pending,
        most: int,
        linger: float,
        revive: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`revive` is called while the database is away: it may bring an embedded server back."""
        self.counters = RecorderCounters()
        self.waiting = False
        self._writer = writer
        self._pending = pending
        self._most = most
        self._linger = linger
        self._revive = revive

    async def run(self) -> None:
        while batch := await self._pending.batch(self._most, self._linger):
            await self._write([r for r in batch if isinstance(r, Capture)], [r for r in batch if isinstance(r, Miss)])
            await self._pending.done(len(batch))

    async def _write(self, captures: list[Capture], misses: list[Miss]) -> None:
        written = await self._insist(lambda: self._writer.write(captures))
        await self._insist(lambda: self._writer.write_misses(misses))
        counters = self.counters
        counters.batches += 1
        counters.captures += len(captures)
        counters.misses += len(misses)
        counters.stored += written.stored
        counters.merged += written.merged
        counters.duplicates += written.duplicates

    async def _insist(self, write: Callable[[], Awaitable[T]]) -> T:
        pause = 0.25
        while True:
            try:
                done = await write()
                break
            except DatabaseUnreachable as error:
                self.counters.unreachable += 1
                if not self.waiting:
                    _log.warning(
                        "database away, holding what was received", reason=str(error), pending=len(self._pending)
                    )
                self.waiting = True
                await asyncio.sleep(pause)
                pause = min(5.0, pause * 2)
                await self._try_to_revive()
        if self.waiting:
            _log.info("database back", pending=len(self._pending))
            self.waiting = False
        return done

    async def _try_to_revive(self) -> None:
        if self._revive is None:
            return
        try:
            await self._revive()
        except ServerError as error:
            _log.warning("the embedded database does not start", reason=str(error))
