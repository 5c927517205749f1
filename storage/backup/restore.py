"""A backup into an empty database, of its own level or another one: all of it in one transaction, or nothing."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

from psycopg import errors as pg
from psycopg import sql

from storage.backup.catalog import SQL, Connection, Known, holds_rows, rows, tables
from storage.backup.dump import Progress
from storage.backup.manifest import Manifest, Table, read, verify
from storage.connection import Session
from storage.errors import BackupFault, StorageError
from storage.migrate import level_of, migrate, migrations

_BLOCK: Final = 1024 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS
_SEEDED: Final = frozenset({"quantity", "layout", "layout_item", "meter_transition", "role", "command_step"})
"""Filled by `headend init` and its migrations; a database with no more than that is empty."""
_BOUND: Final = re.compile(
    r"FOR VALUES (?:FROM \('[0-9:+ .-]+'\) TO \('[0-9:+ .-]+'\)|IN \('?[0-9]+'?(?:, '?[0-9]+'?)*\))"
)


async def restore(conninfo: str, directory: Path, progress: Progress = lambda *_: None) -> Manifest:
    """Verify every file, make the schema where there is none, then load and count.

    Raises `BackupFault`: the backup is damaged or of another version, or the database is not empty. A restore that
    fails leaves at most an empty schema.
    """
    manifest = await asyncio.to_thread(read, directory)
    await asyncio.to_thread(verify, directory, manifest)
    last = manifest.migrations[-1].version if manifest.migrations else 0
    async with Session(conninfo) as session, session.use() as connection:
        await _refuse_foreign(connection, manifest)
    await migrate(conninfo, upto=last)
    try:
        async with Session(conninfo) as session, session.transaction() as connection:
            await connection.execute(SQL["no_migration"])
            await _load(connection, directory, manifest, progress)
    except StorageError as error:
        if isinstance(error.__cause__, pg.OutOfMemory):
            raise BackupFault(f"the server has room for too few locks: {error}") from error
        raise
    await migrate(conninfo)
    return manifest


async def _refuse_foreign(connection: Connection, manifest: Manifest) -> None:
    """Before anything is changed. Raises `BackupFault`."""
    level = await level_of(connection)
    known = {(migration.version, migration.name): migration.checksum for migration in migrations(level)}
    for step in manifest.migrations:
        ours = known.get((step.version, step.name))
        if ours is None:
            raise BackupFault(
                f"the backup has migration {step.version} ({step.name}), which this program does not know: "
                "it was made by another headend"
            )
        if manifest.level == level.value and ours != step.checksum:
            raise BackupFault(f"migration {step.version} ({step.name}) was other than ours when the backup was made")
    cursor = await connection.execute("SELECT to_regclass('migration') IS NOT NULL")
    if await cursor.fetchone() == (False,):
        return
    present = await rows(connection, "migrations")
    if present and present[-1][0] > manifest.migrations[-1].version:
        raise BackupFault("the database has a newer schema than the backup: restore into one without tables")
    for table in await tables(connection, level):
        if table not in _SEEDED and await holds_rows(connection, table):
            raise BackupFault(f"the database is not empty: there are rows in {table}")


async def _load(connection: Connection, directory: Path, manifest: Manifest, progress: Progress) -> None:
    level = await level_of(connection)
    known = await tables(connection, level)
    given = {table.name: table for table in manifest.tables}
    for name in given.keys() ^ known.keys():
        raise BackupFault(f"table {name} is not both in the backup and in this program's schema")
    for name in known:
        if name not in _SEEDED and await holds_rows(connection, name):
            raise BackupFault(f"the database is not empty: there are rows in {name}")
    triggers = await rows(connection, "triggers", (list(known),))
    await _switch(connection, triggers, on=False)
    for name in reversed(known):
        await connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
    for name, table in known.items():
        await _partitions(connection, table, given[name])
        await _table(connection, directory, table, given[name], progress)
    await _switch(connection, triggers, on=True)
    names = {
        (table, column): sequence for table, column, sequence in await rows(connection, "sequences", (list(known),))
    }
    for one in manifest.sequences:
        if (one.table, one.column) not in names:
            raise BackupFault(f"column {one.table}.{one.column} has no sequence in this program's schema")
        await connection.execute(SQL["set_sequence"], (names[one.table, one.column], one.last, one.is_called))
    for step in manifest.migrations:
        await connection.execute(SQL["set_applied"], (step.applied, step.version))


async def _switch(connection: Connection, triggers: list[tuple[str, ...]], *, on: bool) -> None:
    word = sql.SQL("ENABLE" if on else "DISABLE")
    for table, trigger in triggers:
        await connection.execute(
            sql.SQL("ALTER TABLE {} {} TRIGGER {}").format(sql.Identifier(table), word, sql.Identifier(trigger))
        )


async def _partitions(connection: Connection, table: Known, given: Table) -> None:
    """As they were; where the backup is of a hypertable, one for each day that has rows."""
    if not table.is_partitioned:
        return
    there = {row[0] for row in await rows(connection, "partitions", (table.name,))} | {table.name}
    for one in given.partitions:
        if one.name in there:
            continue
        if one.parent not in there or not _BOUND.fullmatch(one.bound):
            raise BackupFault(f"partition {one.name} of {one.parent}, {one.bound}: not one of ours")
        await connection.execute(
            sql.SQL("CREATE TABLE {} PARTITION OF {} {}").format(
                sql.Identifier(one.name), sql.Identifier(one.parent), sql.SQL(one.bound)
            )
        )
        there.add(one.name)
    days = [date.fromisoformat(file.day) for file in given.files if file.day]
    by_day = f"{table.name}_partition(date)"
    if given.partitions or not days or (await rows(connection, "has_day_partitions", (by_day,)))[0] != (True,):
        return
    call = sql.SQL("SELECT {}(day) FROM unnest(%s::date[]) AS day").format(sql.Identifier(f"{table.name}_partition"))
    await connection.execute(call, (days,))


async def _table(connection: Connection, directory: Path, table: Known, given: Table, progress: Progress) -> None:
    if set(given.columns) != set(table.columns):
        raise BackupFault(f"table {table.name} has other columns in the backup: {', '.join(given.columns)}")
    columns = sql.SQL(", ").join(map(sql.Identifier, given.columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(sql.Identifier(table.name), columns)
    count = size = 0
    for file in given.files:
        cursor = connection.cursor()
        async with cursor.copy(statement) as copy:
            for block in _blocks(directory / file.name):
                await copy.write(block)
        if cursor.rowcount != file.rows:
            raise BackupFault(f"{directory / file.name}: {cursor.rowcount} rows, expected {file.rows}")
        count, size = count + file.rows, size + file.bytes
        progress(table.name, count, size)


def _blocks(path: Path) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(_GZIP)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield unpacker.decompress(block)
    yield unpacker.flush()
