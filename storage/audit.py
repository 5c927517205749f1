"""The audit: a chain of rows that the database numbers, dates and hashes as they are added."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import psycopg

from storage.connection import Row, Session
from storage.statements import load

SQL = load("audit")
_PAGE: Final = 5000

Connection = psycopg.AsyncConnection[Row]


@dataclass(frozen=True, slots=True)
class AuditRow:
    """`body` is JSON as it is hashed. `role`: of the database, as whom it was written."""

    number: int
    at: datetime
    by: str
    action: str
    subject: str
    meter: str
    body: str
    role: str
    previous: str
    hash: str

    @property
    def told(self) -> Mapping[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    def computed(self) -> str:
        """The hash that these fields have: each goes in as ``length:bytes``, lengths in bytes of UTF-8."""
        at = self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        fields = (
            str(self.number), at, self.by, self.action, self.subject, self.meter, self.body, self.role, self.previous,
        )  # fmt: skip
        digest = hashlib.sha256()
        for field in fields:
            raw = field.encode()
            digest.update(f"{len(raw)}:".encode() + raw)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Head:
    """The chain's last row; kept elsewhere it tells whether rows at the end have gone."""

    number: int
    hash: str


@dataclass(slots=True)
class Chain:
    """Told the rows one after the other; `flaws` says where they are no chain, `head` how far it came."""

    head: Head = Head(0, "")
    flaws: list[str] | None = None

    def add(self, row: AuditRow) -> None:
        found = self.flaws = self.flaws or []
        if row.number != self.head.number + 1:
            found.append(f"row {self.head.number + 1} is missing: the next one is {row.number}")
        elif row.previous != self.head.hash:
            found.append(f"row {row.number} does not follow row {self.head.number}: one of them is another one")
        if row.computed() != row.hash:
            found.append(f"row {row.number} is not what was hashed")
        self.head = Head(row.number, row.hash)

    def against(self, kept: Head, there: str | None) -> None:
        """`kept` elsewhere; `there` is the hash of the row of that number now, None where it is gone."""
        found = self.flaws = self.flaws or []
        if there is None:
            found.append(f"row {kept.number} was there and is gone: the chain ends at {self.head.number}")
        elif there != kept.hash:
            found.append(f"row {kept.number} is another one than was kept elsewhere")


async def append(
    connection: Connection, by: str, action: str, subject: str = "", *, meter: str = "", body: Mapping[str, Any]
) -> None:
    """In the transaction of what it tells; others that append wait until that ends, so do it last."""
    given = {"by": by, "action": action, "subject": subject, "meter": meter, "body": spelled(body)}
    await connection.execute(SQL["append"], given)


def spelled(body: Mapping[str, Any]) -> str:
    """As the audit hashes it."""
    return json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_spelled)


def _spelled(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be told to the audit."""

    by: str
    action: str
    subject: str
    body: Mapping[str, Any]
    meter: str = ""

    async def append(self, connection: Connection) -> None:
        """As `append`."""
        await append(connection, self.by, self.action, self.subject, meter=self.meter, body=self.body)


class Audit(Session):
    """Reads it. Raises `DatabaseUnreachable`."""

    async def rows(
        self, *, after: int = 0, subject: str | None = None, meter: str | None = None, limit: int = 1000
    ) -> list[AuditRow]:
        """By number."""
        given = {"after": after, "subject": subject, "meter": meter, "limit": limit}
        async with self.use() as connection:
            return [AuditRow(*row) for row in await (await connection.execute(SQL["rows"], given)).fetchall()]

    async def all(self) -> AsyncIterator[AuditRow]:
        after = 0
        while page := await self.rows(after=after, limit=_PAGE):
            for row in page:
                yield row
            after = page[-1].number

    async def head(self) -> Head:
        async with self.use() as connection:
            row = await (await connection.execute(SQL["head"])).fetchone()
        return Head(0, "") if row is None else Head(*row)

    async def verify(self, kept: Iterable[Head] = ()) -> Chain:
        """Walk all of it; `kept` are heads that were exported."""
        wanted = {head.number: None for head in kept}
        chain, found = Chain(), dict[int, str]()
        async for row in self.all():
            chain.add(row)
            if row.number in wanted:
                found[row.number] = row.hash
        for head in kept:
            chain.against(head, found.get(head.number))
        return chain
