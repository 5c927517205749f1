"""The ledger counted for reports: by local day, meter, where it stood, state and reason."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from storage.buckets import Calendar
from storage.connection import Session
from storage.ledger import State
from storage.statements import load

SQL = load("quality")

_MEMORY: Final = "64MB"
"""For the joins of a day's slots, in the server, while the question lasts."""


@dataclass(frozen=True, slots=True)
class Counted:
    """`area` and `feeder`: where the meter stood on that day, or else what it measured as a total meter."""

    day: date
    meter: str
    line: str
    model: str
    area: str | None
    feeder: str | None
    state: State
    reason: str | None
    slots: int


class Counts(Session):
    """One connection. Raises `DatabaseUnreachable`; the next question connects anew."""

    async def by_meter(
        self, start: datetime, end: datetime, zone: ZoneInfo, meters: Collection[int] | None = None
    ) -> AsyncIterator[list[Counted]]:
        """Of [start, end), a local day at a time; `meters` None means all. Every expected slot is counted once."""
        calendar = Calendar(zone)
        while start < end:
            day = calendar.day_of(start)
            until = min(calendar.day(day).end, end)
            given = {"start": start, "end": until, "meters": None if meters is None else list(meters)}
            async with self.transaction() as connection:
                await connection.execute("SELECT set_config('work_mem', %s, true)", [_MEMORY])
                rows = await (await connection.execute(SQL["tallies"], given)).fetchall()
            yield [Counted(day, m, at, model, a, f, State(s), reason, n) for m, at, model, a, f, s, reason, n in rows]
            start = until
