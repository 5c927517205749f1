"""Commands as those see them who send: what waits for which meters, and one command as it is now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from storage.connection import Row
from storage.statements import load

SQL = load("sending")

Connection = psycopg.AsyncConnection[Row]


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """`claim` where it is sent. `among`: whether its order has other meters, too."""

    key: str
    meter: str
    state: str
    since: datetime
    not_before: datetime
    function: str
    claim: str
    among: bool


@dataclass(frozen=True, slots=True)
class StateRow:
    """`by` let it go."""

    state: str
    number: int
    version: int
    since: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Glance:
    """What may have changed for one command. `marks` change with what holds for all. `meter` as the registry has it:
    name, address, line, usage point, area, feeder, label, watts, protocol; None: not active. `state` None: at its end.
    `unsettled`: another order of which nobody knows what came of it at this meter."""

    now: datetime
    marks: tuple[int, ...]
    meter: tuple[str | None, ...] | None
    protection: tuple[tuple[str, str, str, str, str | None], ...]
    cancelled: bool
    paid: bool
    state: str | None
    claim: str
    unsettled: str | None
    latest: datetime | None
    clock_at: datetime | None
    clock_offset_ms: int | None


async def glance(connection: Connection, key: str, meter: str, point: str) -> Glance:
    given = {"key": key, "meter": meter, "point": point}
    row = await (await connection.execute(SQL["glance"], given)).fetchone()
    assert row is not None
    now, marks, cells, protection, *others = row
    return Glance(
        now, tuple(marks), None if cells is None else tuple(cells), tuple(map(tuple, protection or ())), *others
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Where a command goes, what it rests on and what the audit says. `number`: it stands at this transition."""

    key: str
    meter: str
    before: str
    after: str
    by: str
    why: str
    action: str
    body: str
    number: int | None = None
    claim: str = ""
    digest: str | None = None
    document: bytes | None = None


async def go_on(connection: Connection, step: Step) -> bool:
    """All of it or, where somebody has moved the command on, nothing: False. Raises `AlreadyThere` where somebody does
    at this moment."""
    given = {name: getattr(step, name) for name in Step.__slots__}
    return (await connection.execute(SQL["go_on"], given)).rowcount > 0


async def waiting(connection: Connection, meters: Collection[str]) -> list[WaitingRow]:
    rows = await (await connection.execute(SQL["waiting"], {"meters": list(meters)})).fetchall()
    return [WaitingRow(*row) for row in rows]


async def command(connection: Connection, key: str, meter: str) -> StateRow | None:
    """None: there is none, or it is at its end."""
    row = await (await connection.execute(SQL["command"], {"key": key, "meter": meter})).fetchone()
    return None if row is None else StateRow(*row)


async def seen_before(connection: Connection, key: str, meter: str) -> dict[str, Any] | None:
    """What the meter showed when the command was claimed; None where that was not written down."""
    row = await (await connection.execute(SQL["seen_before"], {"key": key, "meter": meter})).fetchone()
    return None if row is None else row[0]
