"""What is kept for how long. Captures and rollups go by whole partitions, never row by row.

A part is dropped only when nothing in it waits to be rolled up, oldest first; at the first one that may not go this
stops. What has gone is written down: nothing before is expected, or rolled, again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString

import psycopg
from psycopg import errors as pg
from psycopg import sql

from storage.connection import Row, Session
from storage.migrate import Level, level_of
from storage.statements import load

log = logging.getLogger(__name__)

SQL = load("retention")
ROLLUP = load("rollup")
_LEVELS: Final = {"hours": ("hour", 2), "days": ("day", 3), "months": ("month", 4)}
_MARGIN: Final = {"hours": timedelta(days=2), "days": timedelta(days=32), "months": timedelta(days=367)}
"""By how much more a level's parts must lie in the past than what they are made of: a bucket never loses half of it."""
_BELOW: Final = {"hours": "captures", "days": "hours", "months": "days"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """For how long; None is for ever. Nothing goes before what it is made of: hours not before captures, and so on."""

    captures: timedelta | None = None
    misses: timedelta | None = None
    dead_letters: timedelta | None = None
    hours: timedelta | None = None
    days: timedelta | None = None
    months: timedelta | None = None
    events: timedelta | None = None
    outages: timedelta | None = None
    access: timedelta | None = None
    clocks: timedelta | None = None
    validated: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A partition or chunk."""

    kind: str
    name: str
    start: datetime
    end: datetime
    bytes: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """What went, or would go: a part, or so many rows. `refused` says why a part, and all later ones, had to stay."""

    kind: str
    name: str
    until: datetime
    bytes: int = 0
    rows: int = 0
    refused: str | None = None


class Retention(Session):
    """Housekeeping of old data; not while a roll is at work."""

    async def drop(self, keep: Keep, now: datetime, *, dry_run: bool = False) -> list[Dropped] | None:
        """Drop what is older than `keep` says; None while another one rolls or drops. `dry_run` only tells."""
        async with self.use() as connection:
            row = await (await connection.execute(ROLLUP["lock"])).fetchone()
            if not (row and row[0]):
                return None
            try:
                return await self._drop_all(connection, keep, now, dry_run)
            finally:
                if not connection.closed:
                    await connection.execute(ROLLUP["unlock"])

    async def parts(self) -> list[Part]:
        """All partitions and chunks, by kind and time."""
        async with self.use() as connection:
            level = await level_of(connection)
            found = await _capture_parts(connection, level)
            for kind in _LEVELS:
                found += await _rollup_parts(connection, kind)
            return found + await _parts(connection, "validated", "validated_day")

    async def sizes(self) -> dict[str, int]:
        """Bytes on disk by table, with indexes."""
        async with self.use() as connection:
            level = await level_of(connection)
            captures = sum(part.bytes for part in await _capture_parts(connection, level))
            others = await (await connection.execute(SQL["sizes"])).fetchall()
            return {"capture": captures, **dict(others)}

    async def _drop_all(
        self, connection: psycopg.AsyncConnection[Row], keep: Keep, now: datetime, dry_run: bool
    ) -> list[Dropped]:
        level = await level_of(connection)
        done: list[Dropped] = []
        if keep.captures is not None:
            parts = await _capture_parts(connection, level)
            done += await _drop_parts(connection, parts, now - keep.captures, level, dry_run)
        for kind in _LEVELS:
            kept: timedelta | None = getattr(keep, kind)
            since: dict[str, datetime] = dict(await (await connection.execute(SQL["retained"])).fetchall())
            if kept is None or _BELOW[kind] not in since:
                continue
            before = min(now - kept, since[_BELOW[kind]] - _MARGIN[kind])
            done += await _drop_parts(connection, await _rollup_parts(connection, kind), before, level, dry_run)
        if keep.validated is not None:
            parts = await _parts(connection, "validated", "validated_day")
            done += await _drop_parts(connection, parts, now - keep.validated, level, dry_run)
        if keep.misses is not None:
            done.append(await _delete(connection, "misses", now - keep.misses, dry_run))
        if keep.events is not None:
            done.append(await _delete(connection, "events", now - keep.events, dry_run))
        if keep.outages is not None:
            done.append(await _delete(connection, "outages", now - keep.outages, dry_run))
        if keep.clocks is not None:
            done.append(await _delete(connection, "clocks", now - keep.clocks, dry_run))
        if keep.access is not None:
            done.append(await _delete(connection, "access", now - keep.access, dry_run))
        row = await (await connection.execute(SQL["has_dead_letters"])).fetchone()
        if keep.dead_letters is not None and row and row[0]:
            done.append(await _delete(connection, "dead_letters", now - keep.dead_letters, dry_run))
        return done


async def _capture_parts(connection: psycopg.AsyncConnection[Row], level: Level) -> list[Part]:
    statement = SQL["capture_parts_timescale" if level.hypertables else "capture_parts_plain"]
    rows = await (await connection.execute(statement, {"parent": "capture"})).fetchall()
    return [Part("captures", *row) for row in rows]


async def _rollup_parts(connection: psycopg.AsyncConnection[Row], kind: str) -> list[Part]:
    found = []
    for table in ("register", "value"):
        found += await _parts(connection, kind, f"rollup_{table}_{_LEVELS[kind][0]}")
    return sorted(found, key=lambda part: (part.start, part.name))


async def _parts(connection: psycopg.AsyncConnection[Row], kind: str, parent: str) -> list[Part]:
    rows = await (await connection.execute(SQL["parts"], {"parent": parent})).fetchall()
    return [Part(kind, *row) for row in rows]


async def _drop_parts(
    connection: psycopg.AsyncConnection[Row], parts: list[Part], before: datetime, level: Level, dry_run: bool
) -> list[Dropped]:
    done = []
    for part in parts:
        if part.end > before:
            break
        try:
            refused = await _drop_part(connection, part, level, dry_run)
        except pg.LockNotAvailable:
            refused = "it is in use"
        done.append(Dropped(part.kind, part.name, part.end, part.bytes, refused=refused))
        if refused:
            log.warning("%s is not dropped: %s", part.name, refused)
            break
    return done


async def _drop_part(connection: psycopg.AsyncConnection[Row], part: Part, level: Level, dry_run: bool) -> str | None:
    """Drop it, or say why not. Writers are waited for first, so that what they told can be read."""
    async with connection.transaction():
        await connection.execute(SQL["patience"])
        if not dry_run:
            await connection.execute(_named("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", part.name))
        asked = {"start": part.start, "end": part.end}
        if part.kind == "captures":
            waiting = await connection.execute(SQL["captures_unrolled"], asked)
        elif part.kind in _LEVELS:
            waiting = await connection.execute(SQL["parts_unrolled"], {**asked, "above": _LEVELS[part.kind][1]})
        else:  # nothing is made of it
            waiting = None
        row = None if waiting is None else await waiting.fetchone()
        if row and row[0]:
            return "it is not rolled up yet"
        if dry_run:
            return None
        await connection.execute(SQL["retain"], (part.kind, part.end))
        if part.kind == "captures" and level.hypertables:
            await connection.execute(SQL["drop_chunk"], asked)
        else:
            await connection.execute(_named("DROP TABLE {}", part.name))
    return None


def _named(statement: LiteralString, name: str) -> sql.Composed:
    return sql.SQL(statement).format(sql.Identifier(*(word.strip('"') for word in name.split("."))))


async def _delete(connection: psycopg.AsyncConnection[Row], kind: str, before: datetime, dry_run: bool) -> Dropped:
    if dry_run:
        row = await (await connection.execute(SQL[f"count_{kind}"], (before,))).fetchone()
        assert row is not None
        return Dropped(kind, kind, before, rows=int(row[0]))
    return Dropped(kind, kind, before, rows=(await connection.execute(SQL[f"delete_{kind}"], (before,))).rowcount)
