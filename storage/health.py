"""What can be asked of a database about its own state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from storage.connection import Session
from storage.statements import load

SQL = load("health")


@dataclass(frozen=True, slots=True)
class Unrolled:
    """Hours that are over and not rolled up; `since` None: there are none."""

    since: datetime | None
    hours: int


class Health(Session):
    """One connection. Raises `DatabaseUnreachable`."""

    async def settings(self) -> Mapping[str, str]:
        """By PostgreSQL's names, those that matter to us; of this database and user."""
        async with self.use() as connection:
            return dict(await (await connection.execute(SQL["settings"])).fetchall())

    async def connections(self) -> int:
        """Of clients, ours among them."""
        async with self.use() as connection:
            row = await (await connection.execute(SQL["connections"])).fetchone()
        return int(row[0]) if row else 0

    async def letters(self) -> Mapping[str, int]:
        """Dead letters that nobody has dealt with, by state."""
        async with self.use() as connection:
            return dict(await (await connection.execute(SQL["letters"])).fetchall())

    async def unrolled(self, before: datetime) -> Unrolled:
        """Hours that began before that moment."""
        async with self.use() as connection:
            row = await (await connection.execute(SQL["unrolled"], (before,))).fetchone()
        return Unrolled(*row) if row else Unrolled(None, 0)
