"""Captures into the database: idempotent, acknowledged means committed.

A batch is sorted by key, its parts of one capture are merged, and it is copied straight into the table, in a
transaction that also tells the roll-up which hours of which meters it touches. Where a row is there already the batch
takes the other road: a staging table, insert what is new, then fill holes only where a staged row knows what the
stored one does not. A stored value is never overwritten. After such a batch the next one is asked for first: a replay
does not try in vain each time.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import psycopg
from psycopg import errors as pg

from protocols.model import Capture
from storage.columns import CaptureColumns, from_us
from storage.connection import Row, Session
from storage.copy_format import payload
from storage.dirty import dirty_hours
from storage.errors import StorageError
from storage.migrate import Level, level_of
from storage.statements import load

log = logging.getLogger(__name__)

SQL = load("writer")
TRIES: Final = 5
_RACES: Final = (pg.DeadlockDetected, pg.UniqueViolation, pg.SerializationFailure, pg.LockNotAvailable)
"""What another writer of the same rows can do to us; the batch is simply written again."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the captures given: the three add up to their number."""

    stored: int
    """New rows."""
    merged: int
    """Parts that filled a hole of a row, stored or in the same batch."""
    duplicates: int
    """Said nothing new."""

    def __add__(self, other: Written) -> Written:
        return Written(self.stored + other.stored, self.merged + other.merged, self.duplicates + other.duplicates)


@dataclass(frozen=True, slots=True)
class Miss:
    """An expected capture that was tried and did not come. `reason`: a label such as `no_answer`, `refused`, `late`."""

    meter_id: int
    layout: int
    time: datetime
    reason: str
    received: datetime
    """When we gave up."""
    final: bool = False
    """It cannot be had any more: nobody needs to ask again."""


class Writer(Session):
    """One connection for one stream of batches. Open several for more throughput: they do not harm each other.

    All verbs raise `DatabaseUnreachable` when the connection is lost, at commit too, where it is unknown whether the
    batch is in: keep it and give it again, the next call connects anew.
    """

    def __init__(self, conninfo: str) -> None:
        super().__init__(conninfo)
        self._level = Level.PLAIN
        self._days: set[date] = set()
        self._repeated = False
        """The last batch held what was there already."""

    async def write(self, captures: Sequence[Capture]) -> Written:
        """Store `captures`; they are committed when this returns."""
        return await self.write_columns(CaptureColumns.from_captures(captures))

    async def write_columns(self, columns: CaptureColumns) -> Written:
        """The same for columns."""
        if len(columns) == 0:
            return Written(0, 0, 0)
        batch = columns.merged()
        async with self.use() as connection:
            written = await self._insist(connection, batch.columns)
        return written + Written(0, batch.added, batch.repeated)

    async def write_misses(self, misses: Iterable[Miss]) -> int:
        """Remember failures; for the same slot the reason received last stands. Returns how many slots were given."""
        last = {(miss.meter_id, miss.time, miss.layout): miss for miss in misses}
        rows = [last[key] for key in sorted(last)]
        if not rows:
            return 0
        columns = {name: [getattr(miss, name) for miss in rows] for name in Miss.__slots__}
        async with self.use() as connection:
            for tries_left in reversed(range(TRIES)):
                try:
                    async with connection.transaction():
                        await connection.execute(SQL["write_misses"], columns)
                    break
                except _RACES:
                    if not tries_left:
                        raise
        return len(rows)

    async def prepare(self, days: Iterable[date]) -> None:
        """Make the partitions of UTC days that will be written; nothing to do on TimescaleDB."""
        async with self.use() as connection:
            await self._make_partitions(connection, days)

    # ------------------------------------------------------------------------------------------------------------

    async def _prepare(self, connection: psycopg.AsyncConnection[Row]) -> None:
        await super()._prepare(connection)
        self._level = await level_of(connection)
        self._days.clear()
        if self._level.hypertables:
            await connection.execute(SQL["probe_chunks_directly"])
        await connection.execute(SQL["make_staged"])

    async def _make_partitions(self, connection: psycopg.AsyncConnection[Row], days: Iterable[date]) -> None:
        if self._level.hypertables:
            return
        missing = sorted(set(days) - self._days)
        if missing:
            async with connection.transaction():
                await connection.execute(SQL["partitions"], (missing,))
            self._days.update(missing)

    async def _insist(self, connection: psycopg.AsyncConnection[Row], columns: CaptureColumns) -> Written:
        """Write, again when another writer of the same rows came across."""
        stream = payload(columns)
        for tried in range(1, TRIES + 1):
            try:
                await self._make_partitions(connection, columns.days())
                return await self._write(connection, columns, stream)
            except _RACES as error:
                log.info("batch of %s captures is written again (%s of %s): %s", len(columns), tried, TRIES, error)
                last: psycopg.Error = error
            except pg.CheckViolation as error:
                if error.diag.constraint_name:
                    raise
                self._days.clear()  # no partition for a row: retention dropped one that we thought was there
                last = error
        raise StorageError(f"batch of {len(columns)} captures could not be written in {TRIES} tries") from last

    async def _write(self, connection: psycopg.AsyncConnection[Row], columns: CaptureColumns, stream: bytes) -> Written:
        if not (self._repeated and await self._has_first(connection, columns)):
            try:
                async with _told(connection, columns):
                    await _copy(connection, SQL["copy_capture"], stream)
            except pg.UniqueViolation:
                self._repeated = True  # some are there already; the server has taken the others back
            else:
                self._repeated = False
                return Written(len(columns), 0, 0)
        async with connection.transaction():
            written = await _merge(connection, columns, stream)
            if written.stored or written.merged:
                await connection.execute(dirty_hours(columns))
            return written

    async def _has_first(self, connection: psycopg.AsyncConnection[Row], columns: CaptureColumns) -> bool:
        """Whether the first capture of a sorted batch is stored: then a COPY would only leave dead rows behind."""
        key = (int(columns.meter_id[0]), from_us(int(columns.time_us[0])), int(columns.layout[0]))
        cursor = await connection.execute(SQL["has_capture"], key, prepare=False)
        return cursor.rowcount > 0


@asynccontextmanager
async def _told(connection: psycopg.AsyncConnection[Row], columns: CaptureColumns) -> AsyncIterator[None]:
    """A transaction that tells the roll-up what it touches. BEGIN and the telling share a round trip."""
    try:
        await connection.execute(b"BEGIN; " + dirty_hours(columns), prepare=False)
        yield
        await connection.execute(b"COMMIT", prepare=False)
    except psycopg.Error:
        if not connection.closed and connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            await connection.execute(b"ROLLBACK", prepare=False)
        raise


async def _merge(connection: psycopg.AsyncConnection[Row], columns: CaptureColumns, stream: bytes) -> Written:
    """Through the staging table, inside a transaction. Not prepared: only with the times known can the planner leave
    out the chunks that the batch does not touch."""
    await _copy(connection, SQL["copy_staged"], stream)
    bounds = {"first": from_us(int(columns.time_us.min())), "last": from_us(int(columns.time_us.max()))}
    row = await (await connection.execute(SQL["look_up"], bounds, prepare=False)).fetchone()
    assert row is not None
    found, fillable = row
    stored = merged = 0
    # Insert first: who holds locks of filled rows while he waits for another's inserted ones can deadlock.
    if found < len(columns):
        stored = (await connection.execute(SQL["insert_new"])).rowcount
    if fillable or found + stored < len(columns):  # the latter: another writer came in between
        merged = (await connection.execute(SQL["fill_holes"], bounds, prepare=False)).rowcount
    return Written(stored, merged, len(columns) - stored - merged)


async def _copy(connection: psycopg.AsyncConnection[Row], statement: bytes, stream: bytes) -> None:
    async with connection.cursor().copy(statement) as copy:
        await copy.write(stream)
