"""What people want of lines that daemons work: asked by the command line, taken and answered by who holds the line."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from psycopg.types.json import Jsonb

from storage.connection import Row, Session
from storage.statements import load

SQL = load("requests")


class RequestState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"

    @property
    def is_over(self) -> bool:
        return self not in (RequestState.QUEUED, RequestState.RUNNING)


@dataclass(frozen=True, slots=True)
class Request:
    """As its taker sees it. `kind`: read, ping or events."""

    id: int
    kind: str
    meter_id: int
    items: tuple[str, ...]
    expires: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """`error` is {"kind", "message"}, with `result` where a part came."""

    state: RequestState
    result: Mapping[str, Any] | None
    error: Mapping[str, Any] | None


class RequestTable(Session):
    """One connection. Raises `DatabaseUnreachable`. Times are the database's: asker and taker need no common clock."""

    async def ask(self, kind: str, meter_id: int, items: Sequence[str], actor: str, patience: timedelta) -> int:
        given = {"kind": kind, "meter": meter_id, "items": list(items), "actor": actor, "patience": patience}
        return int((await self._rows("ask", given))[0][0])

    async def recollect(self, start: datetime, end: datetime, actor: str, result: Mapping[str, Any]) -> int:
        """Tell every daemon that [start, end) was reopened."""
        given = {"start": start, "end": end, "actor": actor, "result": Jsonb(dict(result))}
        return int((await self._rows("recollect", given))[0][0])

    async def queued(self) -> dict[int, int]:
        """Request to its meter."""
        return {row[0]: row[1] for row in await self._rows("queued")}

    async def take(self, ids: Collection[int], by: str) -> list[Request]:
        """Those of `ids` that nobody else has taken: they are ours to answer."""
        rows = await self._rows("take", {"ids": sorted(ids), "by": by})
        return [Request(number, kind, meter, tuple(items), expires) for number, kind, meter, items, expires in rows]

    async def finish(
        self, number: int, state: RequestState, result: Mapping[str, Any] | None, error: Mapping[str, Any] | None
    ) -> None:
        """The first answer stands."""
        given = {
            "id": number, "state": str(state), "result": None if result is None else Jsonb(dict(result)),
            "error": None if error is None else Jsonb(dict(error)),
        }  # fmt: skip
        async with self.use() as connection:
            await connection.execute(SQL["finish"], given)

    async def expire(self) -> int:
        """End what nobody took or finished in time; how many."""
        async with self.use() as connection:
            return (await connection.execute(SQL["expire"])).rowcount

    async def answer(self, number: int) -> Answered:
        state, result, error = (await self._rows("answer", {"id": number}))[0]
        return Answered(RequestState(state), result, error)

    async def now(self) -> datetime:
        """The database's clock."""
        moment: datetime = (await self._rows("now"))[0][0]
        return moment

    async def seen(self) -> int:
        """The last recollection that is too old to be of interest."""
        return int((await self._rows("last"))[0][0])

    async def recollected(self, after: int) -> list[tuple[int, datetime, datetime]]:
        """(number, start, end) of what was reopened since."""
        return [(number, start, end) for number, start, end in await self._rows("recollected", {"after": after})]

    async def _rows(self, name: str, given: Mapping[str, object] | None = None) -> list[Row]:
        async with self.use() as connection:
            return await (await connection.execute(SQL[name], given)).fetchall()
