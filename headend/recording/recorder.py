"""Takes what is pending to the database, batch by batch; a record leaves the queue when it is committed.

While the database is away, or one write takes longer than `Spooling.after`, what is pending goes to the spool on the
local disk and leaves the queue when it is safe there. When the database is back, what is live goes before what is
spooled. Where there is no spool, or it takes nothing, the queue holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import structlog

from headend.recording.pending import Pending, Record
from protocols.model import Capture
from storage.columns import CaptureColumns
from storage.errors import DatabaseUnreachable, Rejected, ServerError, SpoolRefused
from storage.spool.batch import Batch
from storage.spool.spool import Chunk, Spool
from storage.writer import Miss, Written

_log = structlog.get_logger("recorder")

_LONGEST_PAUSE_S: Final = 5.0
_REFUSED_PAUSE_S: Final = 1.0
DRAIN: Final = 10_000
"""Captures from the spool in one commit: large enough for speed, and live readings wait no longer than it takes."""


class CaptureWriter(Protocol):
    """What is needed of `storage.writer.Writer`: all verbs may be repeated, and raise `DatabaseUnreachable`."""

    async def write(self, captures: Sequence[Capture]) -> Written: ...

    async def write_columns(self, columns: CaptureColumns) -> Written: ...

    async def write_misses(self, misses: Iterable[Miss]) -> int: ...


@dataclass(frozen=True, slots=True)
class Spooling:
    """A spool, and how long in seconds the database may be away before it is used."""

    spool: Spool
    after: float


@dataclass(slots=True)
class RecorderCounters:
    """What the recorder has done since it was started. What was spooled meanwhile is not in `captures`: see there."""

    batches: int = 0
    captures: int = 0
    stored: int = 0
    merged: int = 0
    duplicates: int = 0
    misses: int = 0
    unreachable: int = 0


_Write: TypeAlias = Callable[[], Awaitable[Written]]


class Recorder:
    """`run` until the queue is closed and empty. A database that is away is asked again with growing pauses to 5 s."""

    def __init__(
        self,
        writer: CaptureWriter,
        pending: Pending,
        most: int,
        linger: float,
        revive: Callable[[], Awaitable[None]] | None = None,
        spooling: Spooling | None = None,
    ) -> None:
        """`revive` is called while the database is away: it may bring an embedded server back."""
        self.counters = RecorderCounters()
        self.spool = spooling.spool if spooling else None
        self._after = spooling.after if spooling else None
        self._writer = writer
        self._pending = pending
        self._most = most
        self._linger = linger
        self._revive = revive
        self._away = asyncio.Event()

    @property
    def waiting(self) -> bool:
        """Whether the database is away."""
        return self._away.is_set()

    async def run(self) -> None:
        """Raises what the database refuses, `storage.errors.StorageError`; it stays in the queue then."""
        while True:
            draining = self.spool is not None and self.spool.waiting and not self._pending.closed
            if draining and len(self._pending) < self._most and not await self._drain():
                return
            linger = 0.0 if draining else self._linger
            if draining and len(self._pending) == 0:
                continue
            batch = await self._pending.batch(self._most, linger)
            if not batch or not await self._record(batch):
                return

    async def _record(self, records: list[Record]) -> bool:
        """False when the queue is closed and all that was in it is on the disk."""
        captures, misses = _parted(records)
        written: Written | None = None

        async def write() -> Written:
            nonlocal written
            if written is None:
                written = await self._writer.write(captures)
            await self._writer.write_misses(misses)
            return written

        return await self._commit(write, len(captures), len(misses), held=len(records))

    async def _drain(self) -> bool:
        """The next chunk of the spool. False when the queue was closed meanwhile and is empty."""
        assert self.spool is not None
        chunk = await asyncio.to_thread(self.spool.take, DRAIN)
        if chunk is None:
            return True
        try:
            return await self._commit(lambda: self._write(chunk.batch), 0, 0, held=0, chunk=chunk)
        except Rejected as error:  # it would end every daemon that starts
            await asyncio.to_thread(self.spool.rejected, chunk, str(error))
            return True

    async def _write(self, batch: Batch) -> Written:
        written = await self._writer.write_columns(batch.columns)
        await self._writer.write_misses(batch.misses)
        return written

    async def _commit(
        self, write: _Write, captures: int, misses: int, *, held: int, chunk: Chunk | None = None
    ) -> bool:
        """Write until it is committed; `held` records at the front of the queue are what is written.

        False when the queue is closed and empty before the database answers: all that was in it is in the spool.
        """
        writing = asyncio.create_task(self._insist(write), name="write")
        try:
            if not await self._in_time(writing):
                held = await self._spool_until(writing, held)
                if not writing.done():
                    return False
            written = await writing
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        counters = self.counters
        counters.batches += 1
        counters.captures += captures
        counters.misses += misses
        counters.stored += written.stored
        counters.merged += written.merged
        counters.duplicates += written.duplicates
        await self._pending.done(held)
        if chunk is not None and self.spool is not None:
            await asyncio.to_thread(self.spool.committed, chunk)
        return True

    # -- the database ------------------------------------------------------------------------------------------------

    async def _insist(self, write: _Write) -> Written:
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
                self._away.set()
                await asyncio.sleep(pause)
                pause = min(_LONGEST_PAUSE_S, pause * 2)
                await self._try_to_revive()
        if self.waiting:
            _log.info("database back", pending=len(self._pending), **self._spooled())
            self._away.clear()
        return done

    async def _try_to_revive(self) -> None:
        if self._revive is None:
            return
        try:
            await self._revive()
        except ServerError as error:
            _log.warning("the embedded database does not start", reason=str(error))

    # -- the spool ---------------------------------------------------------------------------------------------------

    async def _in_time(self, writing: asyncio.Task[Written]) -> bool:
        """Wait for `writing`; False when it is time for the spool."""
        if self.spool is None:
            await asyncio.wait({writing})
            return True
        pressed = asyncio.create_task(self._pressed(), name="pressed")
        try:
            await asyncio.wait({writing, pressed}, timeout=self._after, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pressed.cancel()
        return writing.done()

    async def _pressed(self) -> None:
        """Returns when the database is away and the queue is half full or closed."""
        await self._away.wait()
        await self._pending.pressed(self._pending.limit // 2)

    async def _spool_until(self, writing: asyncio.Task[Written], held: int) -> int:
        """Spool batch after batch until `writing` is done, or the queue is closed and empty.

        Returns how many of the records that are written still stand in the queue.
        """
        assert self.spool is not None
        _log.warning("the spool takes over", pending=len(self._pending), **self._spooled())
        refused = ""
        while not writing.done():
            getting = asyncio.create_task(self._pending.batch(self._most, self._linger), name="next batch")
            try:
                await asyncio.wait({writing, getting}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                getting.cancel()
            if writing.done() or not getting.done():
                break
            records = getting.result()
            if not records:
                break
            try:
                await asyncio.to_thread(self.spool.append, Batch.of(*_parted(records)))
            except SpoolRefused as error:
                if not refused:
                    _log.error("the spool takes nothing, holding what was received", reason=str(error))
                refused = str(error)
                await asyncio.wait({writing}, timeout=_REFUSED_PAUSE_S)
                continue
            if refused:
                _log.info("the spool takes readings again")
                refused = ""
            await self._pending.done(len(records))
            held = max(0, held - len(records))
        if not writing.done():
            _log.info("all that was received is in the spool", **self._spooled())
        return held

    def _spooled(self) -> dict[str, int]:
        return {"spooled_bytes": self.spool.state.bytes} if self.spool else {}


def _parted(records: Iterable[Record]) -> tuple[list[Capture], list[Miss]]:
    records = list(records)
    return [r for r in records if isinstance(r, Capture)], [r for r in records if isinstance(r, Miss)]
