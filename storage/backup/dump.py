"""The database into a directory: one snapshot, a file a table, and a file a day of a table that is made of days."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from psycopg import sql

from storage.backup.catalog import SQL, Connection, Known, partitions, rows, tables
from storage.backup.manifest import FORMAT, Applied, File, Manifest, Sequence, Table, write
from storage.connection import Session
from storage.errors import BackupFault
from storage.migrate import check, level_of

_BLOCK: Final = 1024 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS

Progress = Callable[[str, int, int], None]
"""Told a table, how many rows of it are done, and how many bytes altogether."""


async def backup(conninfo: str, directory: Path, progress: Progress = lambda *_: None) -> Manifest:
    """Everything that is committed now, into `directory`, which is made and must be empty.

    Raises `BackupFault`, `SchemaMismatch` where the database has not this program's schema, `DatabaseUnreachable`,
    `OSError`; nothing is left then.
    """
    await check(conninfo)
    with _place(directory):
        async with Session(conninfo) as session, session.transaction() as connection:
            await connection.execute(SQL["snapshot"])
            manifest = await _dump(connection, directory, progress)
        await asyncio.to_thread(write, directory, manifest)
    return manifest


@contextmanager
def _place(directory: Path) -> Iterator[None]:
    """The directory, made where there is none; what was put into it goes again when the block fails."""
    was_there = directory.exists()
    if was_there and (not directory.is_dir() or any(directory.iterdir())):
        raise BackupFault(f"{directory}: is there already and not empty")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for left in list(directory.iterdir()):
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()
        if not was_there:
            directory.rmdir()
        raise


async def _dump(connection: Connection, directory: Path, progress: Progress) -> Manifest:
    await connection.execute(SQL["no_migration"])
    level = await level_of(connection)
    known = await tables(connection, level)
    names = sql.SQL(", ").join(sql.Identifier(name) for name in known)
    await connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(names))
    done = [await _table(connection, directory, table, progress) for table in known.values()]
    sequences = []
    for table, column, name in await rows(connection, "sequences", (list(known),)):
        # Behind the snapshot, never before it: a number that was given meanwhile is not given again.
        cursor = await connection.execute(sql.SQL("SELECT last_value, is_called FROM {}").format(sql.SQL(name)))
        for last, is_called in await cursor.fetchall():
            sequences.append(Sequence(table, column, last, is_called))
    return Manifest(
        format=FORMAT,
        created=(await rows(connection, "now"))[0][0],
        server=connection.info.parameter_status("server_version") or "",
        level=level.value,
        migrations=[Applied(*row) for row in await rows(connection, "migrations")],
        tables=done,
        sequences=sequences,
    )


async def _table(connection: Connection, directory: Path, table: Known, progress: Progress) -> Table:
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    whole = sql.SQL("SELECT {} FROM {}").format(columns, sql.Identifier(table.name))
    files: list[File] = []
    count = size = 0
    if table.time is None:
        files.append(await _file(connection, directory, f"{table.name}.copy.gz", whole, None))
    else:
        time = sql.Identifier(table.time)
        for day in await _days(connection, table.name, time):
            start = datetime(day.year, day.month, day.day, tzinfo=UTC)
            part = whole + sql.SQL(" WHERE {0} >= {1} AND {0} < {2}").format(
                time, sql.Literal(start), sql.Literal(start + timedelta(days=1))
            )
            files.append(await _file(connection, directory, f"{table.name}/{day}.copy.gz", part, day))
            count, size = count + files[-1].rows, size + files[-1].bytes
            progress(table.name, count, size)
    made = Table(table.name, table.columns, files, await partitions(connection, table))
    progress(table.name, made.rows, sum(file.bytes for file in files))
    return made


async def _days(connection: Connection, table: str, time: sql.Identifier) -> list[date]:
    """The UTC days that a table has rows of."""
    cursor = await connection.execute(
        sql.SQL("SELECT DISTINCT ({} AT TIME ZONE 'UTC')::date FROM {} ORDER BY 1").format(time, sql.Identifier(table))
    )
    return [day for (day,) in await cursor.fetchall()]


async def _file(connection: Connection, directory: Path, name: str, select: sql.Composable, day: date | None) -> File:
    path = directory / name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    digest, packer = hashlib.sha256(), zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(select)
    size = 0
    with path.open("wb") as file:

        def put(data: bytes) -> None:
            nonlocal size
            digest.update(data)
            file.write(data)
            size += len(data)

        cursor = connection.cursor()
        async with cursor.copy(statement) as copy:
            waiting = bytearray()
            async for block in copy:
                waiting += block
                if len(waiting) >= _BLOCK:
                    await asyncio.to_thread(lambda data: put(packer.compress(data)), bytes(waiting))
                    waiting.clear()
        put(packer.compress(bytes(waiting)) + packer.flush())
        file.flush()
        await asyncio.to_thread(os.fsync, file.fileno())
    return File(name, cursor.rowcount, size, digest.hexdigest(), None if day is None else day.isoformat())
