"""What holds for all commands: stops, the protection list, recalls, holds, the policy, and changes that wait for a
second person. Rows are added, never changed. All functions work inside their caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from storage.commands import Connection, rows
from storage.statements import load

SQL = load("rules")
WORLD = load("world")


@dataclass(frozen=True, slots=True)
class StopRow:
    id: int
    area: str
    why: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class EntryRow:
    id: int
    category: str
    meter: str
    point: str
    evidence: str
    until: datetime | None
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class HoldRow:
    id: int
    person: str | None
    area: str | None
    rule: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """`what` says all of it; `bound` is its hash. `others`: who else has asked for the same, and when."""

    id: int
    kind: str
    what: str
    bound: str
    by: str
    at: datetime
    expires: datetime
    others: tuple[tuple[str, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyRow:
    version: str
    document: str
    by: str
    at: datetime


async def lock(connection: Connection) -> None:
    """One change of the rules at a time."""
    await connection.execute(SQL["lock"])


async def stops(connection: Connection) -> list[StopRow]:
    return [StopRow(*row) for row in await rows(connection, WORLD["stops"])]


async def add_stop(connection: Connection, area: str, why: str, by: str) -> StopRow:
    return StopRow(*(await rows(connection, SQL["add_stop"], area=area, why=why, by=by))[0])


async def end_stop(connection: Connection, number: int, change: int, by: str) -> None:
    await connection.execute(SQL["end_stop"], {"id": number, "change": change, "by": by})


async def protection(connection: Connection, now: datetime) -> list[EntryRow]:
    found = await rows(connection, WORLD["protection"], meters=None, points=None, now=now)
    return [EntryRow(*row) for row in found]


async def add_entry(
    connection: Connection, category: str, meter: str, point: str, evidence: str, until: datetime | None, by: str
) -> EntryRow:
    given = {"category": category, "meter": meter, "point": point, "evidence": evidence, "until": until, "by": by}
    return EntryRow(*(await rows(connection, SQL["add_entry"], **given))[0])


async def end_entry(connection: Connection, number: int, change: int, by: str) -> None:
    await connection.execute(SQL["end_entry"], {"id": number, "change": change, "by": by})


async def recall(connection: Connection, key: str | None, point: str | None, why: str, by: str, at: datetime) -> None:
    given = {"key": key, "point": point, "why": why, "by": by, "at": at}
    await connection.execute(SQL["recall"], given)


async def holds(connection: Connection) -> list[HoldRow]:
    return [HoldRow(*row) for row in await rows(connection, WORLD["holds"])]


async def add_hold(
    connection: Connection, person: str | None, area: str | None, rule: str, why: str, by: str, at: datetime
) -> HoldRow:
    given = {"person": person, "area": area, "rule": rule, "why": why, "by": by, "at": at}
    return HoldRow(*(await rows(connection, SQL["add_hold"], **given))[0])


async def end_hold(connection: Connection, number: int, why: str, by: str, at: datetime) -> None:
    await connection.execute(SQL["end_hold"], {"id": number, "why": why, "by": by, "at": at})


async def policy(connection: Connection) -> PolicyRow | None:
    found = await rows(connection, WORLD["policy"])
    return PolicyRow(*found[0]) if found else None


async def set_policy(connection: Connection, version: str, document: str, change: int | None, by: str) -> None:
    given = {"version": version, "document": document, "change": change, "by": by}
    await connection.execute(SQL["set_policy"], given)


async def set_weather(
    connection: Connection, area: str, low_c: Decimal, high_c: Decimal, by: str, at: datetime
) -> None:
    given = {"area": area, "low": low_c, "high": high_c, "by": by, "at": at}
    await connection.execute(SQL["set_weather"], given)


async def changes(connection: Connection, now: datetime) -> list[ChangeRow]:
    """Those that wait."""
    found = await rows(connection, SQL["changes"], now=now)
    return [
        ChangeRow(number, kind, what, bound, by, at, expires, tuple(zip(people or (), times or (), strict=True)))
        for number, kind, what, bound, by, at, expires, people, times in found
    ]


async def add_change(
    connection: Connection, kind: str, what: str, bound: str, by: str, at: datetime, expires: datetime
) -> ChangeRow:
    given = {"kind": kind, "what": what, "bound": bound, "by": by, "at": at, "expires": expires}
    number = (await rows(connection, SQL["add_change"], **given))[0][0]
    return ChangeRow(number, kind, what, bound, by, at, expires)


async def join_change(connection: Connection, number: int, by: str, at: datetime) -> None:
    await connection.execute(SQL["join_change"], {"id": number, "by": by, "at": at})


async def end_change(connection: Connection, number: int, by: str, at: datetime) -> None:
    """It is done."""
    await connection.execute(SQL["end_change"], {"id": number, "by": by, "at": at})


async def record_decision(connection: Connection, digest: str, document: bytes) -> None:
    await connection.execute(SQL["record"], {"digest": digest, "document": document})


async def decision(connection: Connection, digest: str) -> bytes | None:
    found: Sequence[tuple[bytes]] = await rows(connection, SQL["recorded"], digest=digest)
    return found[0][0] if found else None
