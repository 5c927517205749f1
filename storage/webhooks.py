"""Who is told over HTTP what happened, and what is still to be told. Triggers put it there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storage.connection import Row, Session
from storage.statements import load

SQL = load("webhooks")


@dataclass(frozen=True, slots=True)
class Webhook:
    """`tries` were in vain since it was `reached`; `failure` is the last one's; `waiting`: how much is to be told."""

    id: int
    person: str
    url: str
    kinds: tuple[str, ...]
    created: datetime
    tries: int
    next_try: datetime | None
    reached: datetime | None
    failure: str | None
    waiting: int


@dataclass(frozen=True, slots=True)
class Taken:
    """One that is ours to tell for a while."""

    id: int
    person: str
    url: str
    secret: str
    tries: int

    def __repr__(self) -> str:
        return f"Taken({self.id}, {self.person!r}, {self.url!r})"


@dataclass(frozen=True, slots=True)
class Delivery:
    """`area` None: the meter stood in none, or it is about no meter."""

    id: int
    kind: str
    area: str | None
    at: datetime
    body: Mapping[str, Any]


class Webhooks(Session):
    """One connection. Raises `DatabaseUnreachable`."""

    async def add(self, person: str, url: str, kinds: Collection[str], secret: str) -> int:
        rows = await self._rows("add", person=person, url=url, kinds=sorted(kinds), secret=secret)
        return int(rows[0][0])

    async def of(self, person: str, number: int | None = None) -> list[Webhook]:
        """By id; all of his, or one."""
        return [
            Webhook(i, who, url, tuple(kinds), created, tries, after if tries else None, reached, failure, waiting)
            for i, who, url, kinds, created, tries, after, reached, failure, waiting in await self._rows(
                "webhooks", person=person, id=number
            )
        ]

    async def remove(self, person: str, number: int) -> bool:
        """With what it was not told yet. False: he has no such webhook."""
        async with self.use() as connection:
            return (await connection.execute(SQL["remove"], {"person": person, "id": number})).rowcount == 1

    async def ask_for_test(self, person: str, number: int) -> bool:
        """False: he has no such webhook."""
        async with self.transaction() as connection:
            rows = await (await connection.execute(SQL["ask_for_test"], {"person": person, "id": number})).fetchall()
            await connection.execute("NOTIFY webhook")
        return bool(rows)

    async def take(self, terms: timedelta) -> Taken | None:
        """One that is due, for nobody else until `terms` are over."""
        rows = await self._rows("take", terms=terms)
        return Taken(*rows[0]) if rows else None

    async def waiting(self, number: int, limit: int) -> list[Delivery]:
        """Oldest first."""
        return [Delivery(*row) for row in await self._rows("waiting", id=number, limit=limit)]

    async def told(self, number: int, deliveries: Collection[int], *, is_reached: bool) -> None:
        """They were taken; or, not `is_reached`, are none of its person's business any more."""
        async with self.transaction() as connection:
            await connection.execute(SQL["told"], {"id": number, "ids": list(deliveries)})
            await connection.execute(SQL["reached" if is_reached else "let_go"], {"id": number})

    async def failed(self, number: int, pause: timedelta, failure: str) -> None:
        """Tried again after `pause`."""
        async with self.use() as connection:
            await connection.execute(SQL["failed"], {"id": number, "pause": pause, "failure": failure})

    async def give_up(self, longest: timedelta) -> int:
        """Drop what could not be told for so long; how much."""
        async with self.use() as connection:
            return (await connection.execute(SQL["given_up"], {"longest": longest})).rowcount

    async def _rows(self, statement: str, **given: object) -> list[Row]:
        async with self.use() as connection:
            return await (await connection.execute(SQL[statement], given)).fetchall()
