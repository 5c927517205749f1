"""Commands as those see them who send: what waits for which meters, and one command as it is now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import psycopg

from storage.connection import Row, Session
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


async def waiting(connection: Connection, meters: Collection[str]) -> list[WaitingRow]:
    rows = await (await connection.execute(SQL["waiting"], {"meters": list(meters)})).fetchall()
    return [WaitingRow(*row) for row in rows]


async def command(connection: Connection, key: str, meter: str) -> StateRow | None:
    """None: there is none, or it is at its end."""
    row = await (await connection.execute(SQL["command"], {"key": key, "meter": meter})).fetchone()
    return None if row is None else StateRow(*row)


class CommandBell(Session):
    """Says when something was released or a stop was given; a connection of its own."""

    async def wait(self, timeout_s: float) -> None:
        """Until then or `timeout_s`; what happened before the first wait goes unheard, so look before each."""
        async with self.use() as connection:
            async for _ in connection.notifies(timeout=timeout_s, stop_after=1):
                pass

    async def _prepare(self, connection: psycopg.AsyncConnection[Row]) -> None:
        for channel in ("command", "command_stop"):
            await connection.execute(f"LISTEN {channel}".encode())
