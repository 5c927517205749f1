"""Orders, their targets, approvals, and what became of each command. Rows are added, never changed.

All functions work inside their caller's transaction and raise `StorageError`s when that ends.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from storage.connection import Row
from storage.statements import load

SQL = load("commands")

Connection = psycopg.AsyncConnection[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """One version of an order. `asked` and `digest`: of the request, of what it came to."""

    key: str
    version: int
    digest: str
    asked: str
    function: str
    parameters: Mapping[str, str]
    reason: str | None
    notice: str
    requester: str
    source: str
    not_before: datetime
    expires: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class TargetRow:
    meter: str
    address: str
    line: str
    point: str
    area: str
    feeder: str
    label: str
    load_w: int | None


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A command as its last transition, of this `number`, has it. `digest`: of the version that it is about."""

    meter: str
    number: int
    version: int
    digest: str
    state: str
    at: datetime
    why: str
    claim: str


@dataclass(frozen=True, slots=True)
class OpenRow:
    """A command that is not at its end. `asked`: when its order was first asked for."""

    key: str
    meter: str
    number: int
    version: int
    state: str
    point: str
    area: str
    function: str
    reason: str | None
    expires: datetime
    asked: datetime


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    by: str
    bound: str
    at: datetime
    expires: datetime
    over_caps: bool


@dataclass(frozen=True, slots=True)
class Move:
    """Where a command goes on from."""

    key: str
    meter: str
    number: int
    version: int
    before: str


async def lock_order(connection: Connection, key: str) -> None:
    await connection.execute(SQL["lock_order"], {"key": key})


async def lock_release(connection: Connection) -> None:
    await connection.execute(SQL["lock_release"])


async def now(connection: Connection) -> datetime:
    """The database's clock, which all daemons share."""
    moment: datetime = (await rows(connection, SQL["now"]))[0][0]
    return moment


async def add_order(connection: Connection, order: OrderRow, targets: Sequence[TargetRow], by: str) -> None:
    given = {name: getattr(order, name) for name in OrderRow.__slots__} | {"by": by}
    await connection.execute(SQL["add_order"], given | {"parameters": Jsonb(dict(order.parameters))})
    columns = list(zip(*((*_cells(t),) for t in targets), strict=True)) or [()] * len(_COLUMNS)
    lists = {name: list(column) for name, column in zip(_COLUMNS, columns, strict=True)}
    await connection.execute(SQL["add_targets"], {"key": order.key, "version": order.version, **lists})


_COLUMNS = ("meters", "addresses", "lines", "points", "areas", "feeders", "labels", "loads")


def _cells(target: TargetRow) -> tuple[Any, ...]:
    return tuple(getattr(target, name) for name in TargetRow.__slots__)


async def order_of(connection: Connection, key: str, version: int | None = None) -> OrderRow | None:
    """The last version, or that one."""
    found = await rows(connection, SQL["order"], key=key, version=version)
    return OrderRow(**dict(zip(OrderRow.__slots__, found[0], strict=True))) if found else None


async def first_asked(connection: Connection, key: str) -> tuple[str, datetime] | None:
    """Digest and time of the first request under this key."""
    found = await rows(connection, SQL["first_asked"], key=key)
    return (found[0][0], found[0][1]) if found else None


async def targets_of(
    connection: Connection, key: str, version: int, meters: Collection[str] | None = None
) -> list[TargetRow]:
    names = None if meters is None else list(meters)
    return [TargetRow(*row) for row in await rows(connection, SQL["targets"], key=key, version=version, meters=names)]


async def commands_of(connection: Connection, key: str, meters: Collection[str] | None = None) -> dict[str, CommandRow]:
    """By meter; also those that an edit has left out."""
    names = None if meters is None else list(meters)
    found = await rows(connection, SQL["commands"], key=key, meters=names)
    return {row[0]: CommandRow(*row) for row in found}


async def begin(connection: Connection, key: str, version: int, meters: Collection[str], by: str, at: datetime) -> None:
    """Each a draft."""
    given = {"key": key, "version": version, "meters": list(meters), "by": by, "at": at}
    await connection.execute(SQL["begin"], given)


async def move(
    connection: Connection, moves: Sequence[Move], after: str, *, by: str, at: datetime, why: str = "", claim: str = ""
) -> int:
    """All of them or, where one has gone on meanwhile or the way is none, nothing: `AlreadyThere`, `NotFound`."""
    if not moves:
        return 0
    columns = list(zip(*((m.key, m.meter, m.number, m.version, m.before) for m in moves), strict=True))
    lists = dict(zip(("keys", "meters", "numbers", "versions", "befores"), map(list, columns), strict=True))
    given = {"after": after, "why": why, "claim": claim, "by": by, "at": at, **lists}
    return (await connection.execute(SQL["move"], given)).rowcount


async def add_approval(connection: Connection, key: str, version: int, approval: ApprovalRow) -> None:
    given = {name: getattr(approval, name) for name in ApprovalRow.__slots__} | {"key": key, "version": version}
    await connection.execute(SQL["approve"], given)


async def approvals_of(connection: Connection, key: str) -> list[ApprovalRow]:
    return [ApprovalRow(*row) for row in await rows(connection, SQL["approvals"], key=key)]


async def open_commands(
    connection: Connection,
    states: Collection[str],
    *,
    key: str | None = None,
    expired: datetime | None = None,
    point: str | None = None,
    area: str | None = None,
) -> list[OpenRow]:
    """In these states, by order and meter. `expired`: whose time was over then. `area` "*": all."""
    given = {"states": list(states), "key": key, "expired": expired, "point": point, "area": area}
    return [OpenRow(*row) for row in await rows(connection, SQL["open"], **given)]


async def rows(connection: Connection, statement: bytes, **given: Any) -> list[Row]:
    return await (await connection.execute(statement, given or None)).fetchall()
