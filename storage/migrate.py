"""From whatever stands in a database to the schema of this program: numbered files, each applied once.

`schema/NNNN_name.sql` is for all levels; `NNNN_name.plain.sql` and `NNNN_name.timescale.sql` are for one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from importlib import resources

import psycopg

from protocols.model import Layout
from protocols.quantities import LAYOUTS
from storage.connection import Row, Session
from storage.errors import SchemaMismatch
from storage.statements import load

SQL = load("migrate")


class Level(StrEnum):
    """What the server can do, found by asking it."""

    PLAIN = "plain"
    TIMESCALE_APACHE = "timescale-apache"
    TIMESCALE_COMMUNITY = "timescale-community"

    @property
    def hypertables(self) -> bool:
        """Chunks make themselves; on a plain server the day's partition is made before it is written."""
        return self is not Level.PLAIN


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Migrated:
    """What `migrate` found and did."""

    level: Level
    applied: tuple[str, ...]


def migrations(level: Level) -> list[Migration]:
    """The steps for a level in order."""
    kind = "timescale" if level.hypertables else "plain"
    found = []
    for entry in (resources.files("storage") / "schema").iterdir():
        stem, _, ending = entry.name.partition(".")
        if ending in ("sql", f"{kind}.sql"):
            text = entry.read_text(encoding="utf-8").replace("\r\n", "\n")
            number, _, name = stem.partition("_")
            found.append(Migration(int(number), name, text))
    return sorted(found, key=lambda migration: migration.version)


async def migrate(conninfo: str, *, upto: int | None = None, layouts: Iterable[Layout] = LAYOUTS) -> Migrated:
    """Apply what is missing, then add new quantities and layouts. Two at once wait for each other.

    TimescaleDB is switched on in a fresh database where the server has it loaded. `upto` stops after that version.
    Raises `SchemaMismatch`, `DatabaseUnreachable`.
    """
    async with Session(conninfo) as session, session.use() as connection:
        await connection.execute(SQL["lock"])
        try:
            return await _migrate(connection, upto, layouts)
        finally:
            if not connection.closed:
                await connection.execute(SQL["unlock"])


async def check(conninfo: str, layouts: Iterable[Layout] = LAYOUTS) -> Level:
    """Raise `SchemaMismatch` unless the database has exactly this program's schema; changes nothing."""
    async with Session(conninfo) as session, session.use() as connection:
        if not await _one(connection, SQL["has_migration"]):
            raise SchemaMismatch("the database has no tables yet: run `headend init`")
        level = await level_of(connection)
        missing = await _missing(connection, level)
        if missing:
            raise SchemaMismatch(f"the database lacks migration {missing[0].version}: run `headend init`")
        if await _sync(connection, layouts, write=False):
            raise SchemaMismatch("the database lacks quantities of this version: run `headend init`")
        return level


@dataclass(frozen=True, slots=True)
class Pending:
    """What `migrate` would do: steps by name, and how many quantities, layouts and items of layouts are new."""

    level: Level
    applied: int
    steps: tuple[str, ...]
    vocabulary: int


async def pending(conninfo: str, layouts: Iterable[Layout] = LAYOUTS) -> Pending:
    """Changes nothing. Of an empty database all steps, with the level that it has now. Raises `SchemaMismatch`."""
    async with Session(conninfo) as session, session.use() as connection:
        level = await level_of(connection)
        if not await _one(connection, SQL["has_migration"]):
            return Pending(level, 0, tuple(_step(each) for each in migrations(level)), 0)
        missing = await _missing(connection, level)
        is_first = any(step.version == 1 for step in missing)
        new = 0 if is_first else await _sync(connection, layouts, write=False)
        return Pending(level, len(migrations(level)) - len(missing), tuple(map(_step, missing)), new)


def _step(migration: Migration) -> str:
    return f"{migration.version:04}_{migration.name}"


async def birth(conninfo: str) -> int:
    """What tells this database from others: when its first migration was applied, microseconds since 1970-01-01 UTC.

    A backup keeps it. Raises `SchemaMismatch` where there are no tables, `DatabaseUnreachable`.
    """
    async with Session(conninfo) as session, session.use() as connection:
        return int(str(await _one(connection, SQL["birth"])))


async def level_of(connection: psycopg.AsyncConnection[Row]) -> Level:
    """What this database can do."""
    return Level(str(await _one(connection, SQL["level"])))


async def _migrate(connection: psycopg.AsyncConnection[Row], upto: int | None, layouts: Iterable[Layout]) -> Migrated:
    if not await _one(connection, SQL["has_migration"]) and await _one(connection, SQL["timescale_loaded"]):
        await connection.execute(SQL["make_timescale"])
    await connection.execute(SQL["make_migration"])
    level = await level_of(connection)
    applied = []
    for migration in await _missing(connection, level):
        if upto is not None and migration.version > upto:
            break
        async with connection.transaction():
            await connection.execute(migration.sql.encode())
            await connection.execute(SQL["record"], (migration.version, migration.name, migration.checksum))
        applied.append(_step(migration))
    async with connection.transaction():
        await _sync(connection, layouts, write=True)
    return Migrated(level, tuple(applied))


async def _missing(connection: psycopg.AsyncConnection[Row], level: Level) -> list[Migration]:
    """What is not applied yet. Raises `SchemaMismatch` where what is applied is not what we have."""
    known = {migration.version: migration for migration in migrations(level)}
    done = set()
    for version, name, checksum in await _all(connection, SQL["applied"]):
        ours = known.get(version)
        if ours is None:
            raise SchemaMismatch(f"the database has migration {version} ({name}): it belongs to a newer headend")
        if ours.checksum != checksum:
            raise SchemaMismatch(f"migration {version} ({name}) was applied with other contents than ours")
        done.add(version)
    return [migration for version, migration in sorted(known.items()) if version not in done]


async def _sync(connection: psycopg.AsyncConnection[Row], layouts: Iterable[Layout], *, write: bool) -> int:
    """Insert quantities and layouts that are not stored; a stored one that differs is refused. Returns what was new."""
    layouts = list(layouts)
    quantities: list[Row] = [
        (q.id, q.name, q.name_zh, str(q.obis), str(q.unit), q.step, str(q.kind))
        for layout in layouts
        for q in layout.quantities
    ]
    items: list[Row] = [
        (layout.id, position, q.id) for layout in layouts for position, q in enumerate(layout.quantities, 1)
    ]
    new = 0
    for what, keys, rows in (
        ("quantity", 1, quantities),
        ("layout", 1, [(layout.id, layout.name) for layout in layouts]),
        ("layout_item", 2, items),
    ):
        stored = {row[:keys]: row for row in await _all(connection, SQL[_TABLES[what]])}
        for row in rows:
            old = stored.get(row[:keys])
            if old is not None and old != row:
                raise SchemaMismatch(f"stored {what} {_words(old)} differs from ours {_words(row)}: ids never change")
            if old is None and what == "layout_item" and any(key[0] == row[0] for key in stored):
                raise SchemaMismatch(f"layout {row[0]} is stored without position {row[1]}: layouts never change")
            if old is None:
                new += 1
                if write:
                    await connection.execute(SQL[f"insert_{what}"], row)
    return new


_TABLES = {"quantity": "quantities", "layout": "layouts", "layout_item": "layout_items"}


def _words(row: Row) -> str:
    return "(" + ", ".join(format(cell, "f") if isinstance(cell, Decimal) else str(cell) for cell in row) + ")"


async def _all(connection: psycopg.AsyncConnection[Row], query: bytes) -> list[Row]:
    return await (await connection.execute(query)).fetchall()


async def _one(connection: psycopg.AsyncConnection[Row], query: bytes) -> object:
    row = await (await connection.execute(query)).fetchone()
    assert row is not None
    return row[0]
