"""Days that registers came for since they were validated: marked when they are rolled up, until they are validated."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from storage.connection import Session
from storage.reader import array
from storage.statements import load

SQL = load("late_days")


@dataclass(frozen=True, slots=True)
class Late:
    """A day that begins at `start`, of which registers of `points` came."""

    start: datetime
    marks: list[int]
    points: list[str]


class LateDays(Session):
    """One connection. Raises `DatabaseUnreachable`; the next question connects anew."""

    async def late(self) -> list[Late]:
        """By day: what was rolled up since it was validated, or was not validated yet."""
        async with self.use() as connection:
            return [Late(*row) for row in await (await connection.execute(SQL["late"])).fetchall()]

    async def marks(self, start: datetime, end: datetime) -> list[int]:
        """Of days that begin in [start, end): to be taken off once all points are validated."""
        async with self.use() as connection:
            rows = await (await connection.execute(SQL["marks"], {"start": start, "end": end})).fetchall()
        return [row[0] for row in rows]

    async def unmark(self, marks: Collection[int]) -> None:
        async with self.use() as connection:
            await connection.execute(SQL["unmark"], {"ids": array(marks)})
