"""Who was given whose readings; and usage points whose personal data are blanked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg.types.json import Jsonb

from storage.buckets import Calendar, Span
from storage.connection import Row, Session
from storage.errors import NotFound, StorageError
from storage.statements import load

SQL = load("privacy")
ROLLUP = load("rollup")
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccess:
    """`meters` None: all of them. `actor` is who it is said to be, `os_user` as whom the process runs."""

    actor: str
    os_user: str
    host: str
    action: str
    meters: Sequence[int] | None
    start: datetime | None = None
    end: datetime | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Access:
    """As stored; `meters` by name, None: all of them."""

    id: int
    at: datetime
    actor: str
    os_user: str
    host: str
    action: str
    meters: tuple[str, ...] | None
    start: datetime | None
    end: datetime | None
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """`deleted`: readings from before that moment were; None: they were kept. `captures`: how many."""

    point: str
    at: datetime
    actor: str
    reason: str
    deleted: datetime | None
    captures: int


class AccessLog(Session):
    """One connection. Rows are never changed. Raises `DatabaseUnreachable`."""

    async def write(self, access: NewAccess) -> None:
        """Committed when this returns."""
        given = {
            "actor": access.actor, "os_user": access.os_user, "host": access.host, "action": access.action,
            "meters": None if access.meters is None else sorted(access.meters),
            "start": access.start, "end": access.end, "detail": Jsonb(dict(access.detail)),
        }  # fmt: skip
        async with self.use() as connection:
            await connection.execute(SQL["write"], given)

    async def list(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        actor: str | None = None,
        meter: str | None = None,
        limit: int = 1000,
    ) -> Sequence[Access]:
        """Newest first."""
        given = {"since": since, "until": until, "actor": actor, "meter": meter, "limit": limit}
        async with self.use() as connection:
            rows = await (await connection.execute(SQL["accesses"], given)).fetchall()
        return [
            Access(i, at, who, user, host, action, None if all_of else tuple(names or ()), start, end, detail)
            for i, at, who, user, host, action, names, all_of, start, end, detail in rows
        ]


class Points(Session):
    """One connection. Raises `NotFound`, `AlreadyThere`, `DatabaseUnreachable`."""

    async def forget(
        self,
        point: str,
        actor: str,
        reason: str,
        *,
        zone: ZoneInfo,
        rename: str | None = None,
        delete_until: datetime | None = None,
    ) -> int:
        """Blank address and options of a usage point, delete its labels, and give it another name.

        With `delete_until` the readings from before it, of the time in which its meters stood there, are deleted with
        their rollups and validated days, and not asked for again.

        All or nothing. Returns how many captures were deleted. `zone`: of the rollups. Raises `StorageError` while a
        roll is at work.
        """
        async with self.use() as connection:
            row = await (await connection.execute(ROLLUP["lock"])).fetchone()
            if not (row and row[0]):
                raise StorageError("rollups or retention are at work: try again in a moment")
            try:
                async with connection.transaction():
                    return await _forget(connection, point, actor, reason, Calendar(zone), rename, delete_until)
            finally:
                if not connection.closed:
                    await connection.execute(ROLLUP["unlock"])

    async def forgotten(self) -> list[Forgotten]:
        """By time."""
        async with self.use() as connection:
            rows = await (await connection.execute(SQL["list_forgotten"])).fetchall()
        return [
            Forgotten(point, at, actor, reason, until if readings == "deleted" else None, captures)
            for point, at, actor, reason, readings, until, captures in rows
        ]


async def _forget(
    connection: psycopg.AsyncConnection[Row],
    point: str,
    actor: str,
    reason: str,
    calendar: Calendar,
    rename: str | None,
    until: datetime | None,
) -> int:
    row = await (await connection.execute(SQL["lock_point"], (point,))).fetchone()
    if row is None:
        raise NotFound(f"no usage point named {point!r}")
    captures = 0
    if until is not None:
        stays = await connection.execute(SQL["stays"], {"id": row[0], "until": until})
        for meter, start, end in await stays.fetchall():
            captures += await _delete(connection, meter, start, end, calendar)
    await connection.execute(SQL["delete_labels"], {"id": row[0]})
    await connection.execute(SQL["blank_point"], {"id": row[0], "rename": rename})
    given = {"id": row[0], "actor": actor, "reason": reason, "until": until, "captures": captures}
    await connection.execute(SQL["forgotten"], given | {"readings": "kept" if until is None else "deleted"})
    if until is not None:
        await connection.execute(SQL["delete_validated"], {"id": row[0], "until": until})
    return captures


async def _delete(
    connection: psycopg.AsyncConnection[Row], meter: int, start: datetime, end: datetime, calendar: Calendar
) -> int:
    """Captures in [start, end) and every bucket that they were in; the ones at the edges are rolled again."""
    span = {"meter": meter, "start": start, "end": end}
    gone = (await connection.execute(SQL["delete_captures"], span)).rowcount
    await connection.execute(SQL["delete_register_reads"], span)
    edges = (start - _MOMENT, start, end - _MOMENT, end)  # a register at a bucket's end is in both
    for level in Span:
        first = calendar.bucket(level, start - _MOMENT).start
        rolled = {"meter": meter, "level": int(level), "start": first, "end": end}
        await connection.execute(SQL["delete_registers"], rolled)
        await connection.execute(SQL["delete_values"], rolled)
        for edge in sorted({_dirty(level, edge, calendar) for edge in edges}):
            await connection.execute(SQL["mark"], {"level": int(level), "start": edge, "meter": meter})
    await connection.execute(SQL["give_up"], span)
    return gone


def _dirty(level: Span, moment: datetime, calendar: Calendar) -> datetime:
    """Hours are told by UTC hour, days and months by their beginning."""
    if level is Span.HOUR:
        return moment.replace(minute=0, second=0, microsecond=0)
    return calendar.bucket(level, moment).start
