"""Batches for billing systems: numbered without a hole, never changed, with what became of them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from storage.connection import Row, Session
from storage.errors import NotFound
from storage.export_entries import Answer, Attempt, BatchState, Held, NewBatch, StoredBatch
from storage.statements import load
from storage.validated import Which

SQL = load("exports")


class Turn:
    """The right to make the next batch: nobody else makes one meanwhile."""

    def __init__(self, connection: psycopg.AsyncConnection[Row]) -> None:
        self._connection = connection

    async def next(self) -> tuple[int, str | None, datetime]:
        """Number, SHA-256 of the manifest before it (None: the first), and the database's time."""
        row = await (await self._connection.execute(SQL["next"])).fetchone()
        assert row is not None
        number, previous, now = row
        return number, None if previous is None else previous.hex(), now

    async def add(self, batch: NewBatch) -> None:
        """Committed when this returns. Raises `NotFound`; `AlreadyThere` where another one supersedes the same."""
        superseded = None
        if batch.supersedes is not None:
            superseded = (await _stored(self._connection, batch.supersedes)).sequence
        given = {
            "sequence": batch.sequence, "name": batch.name, "subject": batch.subject, "digest": batch.digest,
            "format": batch.format, "what": batch.what, "start": batch.start, "end": batch.end, "as_of": batch.as_of,
            "request": Jsonb(batch.request), "content": Jsonb(batch.content),
            "completeness": Jsonb(batch.completeness), "manifest": batch.manifest,
            "manifest_sha256": hashlib.sha256(batch.manifest.encode()).digest(), "actor": batch.actor,
            "created": batch.created, "supersedes": superseded, "reason": batch.reason,
            "difference": None if batch.difference is None else Jsonb(batch.difference),
        }  # fmt: skip
        await self._connection.execute(SQL["add"], given)


class Exports(Session):
    """One connection. Batches are named by name or number. Raises `NotFound`, `DatabaseUnreachable`."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Wait for whoever makes a batch, in any process; nothing else can be asked of this connection in the block."""
        async with self.use() as connection:
            await connection.execute(SQL["lock"])
            try:
                yield Turn(connection)
            finally:
                if not connection.closed:
                    await connection.execute(SQL["unlock"])

    async def held(self, which: Which, as_of: int | None) -> list[Held]:
        """What there is of validated values up to a run, by point and quantity."""
        return [Held(*row) for row in await self._rows("held", {**which.given, "as_of": as_of})]

    async def of_subject(self, subject: bytes) -> list[tuple[str, int]]:
        """(name, run) of what was made of the same request, the newest first."""
        return [(name, run) for name, run in await self._rows("of_subject", {"subject": subject})]

    async def by_digest(self, digest: bytes) -> str | None:
        rows = await self._rows("by_digest", {"digest": digest})
        return rows[0][0] if rows else None

    async def batch(self, name: str) -> StoredBatch:
        async with self.use() as connection:
            return await _stored(connection, name)

    async def completeness(self, sequence: int) -> dict[str, Any]:
        """By itself: it is long, and few ask."""
        ((told,),) = await self._rows("completeness", {"sequence": sequence})
        found: dict[str, Any] = msgspec.json.decode(told)
        return found

    async def states(self, most: int = 1000) -> list[BatchState]:
        """The newest first."""
        return [_state(row) for row in await self._rows("states", {"sequence": None, "most": most})]

    async def state(self, sequence: int) -> BatchState:
        (row,) = await self._rows("states", {"sequence": sequence, "most": 1})
        return _state(row)

    async def release(self, sequence: int, actor: str, note: str = "") -> bool:
        """False: it was released before, which stands."""
        return await self._add("release", {"sequence": sequence, "actor": actor, "note": note})

    async def attempt(self, sequence: int, attempt: Attempt) -> None:
        given = {
            "sequence": sequence, "target": attempt.target, "destination": attempt.destination, "actor": attempt.actor,
            "started": attempt.started, "finished": attempt.finished, "done": attempt.done, "detail": attempt.detail,
        }  # fmt: skip
        await self._add("attempt", given)

    async def attempts(self, sequence: int) -> list[Attempt]:
        return [Attempt(*row) for row in await self._rows("attempts", {"sequence": sequence})]

    async def due(self, target: str, since: datetime, formats: Sequence[str] = ()) -> list[str]:
        """Released since then, not yet at `target` and not superseded; in order. No formats: all.

        What failed is due again after a rest that doubles each time.
        """
        given = {"target": target, "since": since, "formats": list(formats)}
        return [name for (name,) in await self._rows("due", given)]

    @asynccontextmanager
    async def courier(self) -> AsyncIterator[bool]:
        """Whether we are the one who brings batches to targets, for the block; nothing else is asked meanwhile."""
        async with self.use() as connection:
            row = await (await connection.execute(SQL["courier"])).fetchone()
            is_ours = bool(row and row[0])
            try:
                yield is_ours
            finally:
                if is_ours and not connection.closed:
                    await connection.execute(SQL["courier_done"])

    async def answer(
        self,
        sequence: int,
        kind: str,
        actor: str,
        digest: bytes,
        document: Mapping[str, Any],
        findings: Sequence[str],
    ) -> bool:
        """`kind`: ack or nack. False: the same was told before."""
        given = {
            "sequence": sequence, "kind": kind, "actor": actor, "digest": digest, "document": Jsonb(document),
            "findings": Jsonb(list(findings)),
        }  # fmt: skip
        return await self._add("answer", given)

    async def answers(self, sequence: int) -> list[Answer]:
        return [Answer(*row) for row in await self._rows("answers", {"sequence": sequence})]

    async def _add(self, name: str, given: Mapping[str, object]) -> bool:
        async with self.use() as connection:
            return (await connection.execute(SQL[name], given)).rowcount == 1

    async def _rows(self, name: str, given: Mapping[str, object]) -> list[Row]:
        async with self.use() as connection:
            return await (await connection.execute(SQL[name], given)).fetchall()


async def _stored(connection: psycopg.AsyncConnection[Row], name: str) -> StoredBatch:
    row = await (await connection.execute(SQL["batch"], {"name": name})).fetchone()
    if row is None:
        raise NotFound(f"no batch named {name!r}")
    (
        sequence, named, subject, digest, form, what, start, end, as_of, request, content, manifest,
        actor, created, supersedes, reason, difference, superseded_by,
    ) = row  # fmt: skip
    return StoredBatch(
        sequence=sequence,
        name=named,
        subject=subject,
        digest=digest,
        format=form,
        what=what,
        start=start,
        end=end,
        as_of=as_of,
        request=request,
        content=msgspec.json.decode(content),
        manifest=manifest,
        actor=actor,
        created=created,
        supersedes=supersedes,
        reason=reason,
        difference=difference,
        superseded_by=superseded_by,
    )


def _state(row: Row) -> BatchState:
    names = (
        "sequence", "name", "format", "what", "start", "end", "as_of", "total", "actor", "created", "supersedes",
        "reason", "superseded_by", "released_by", "released", "note", "targets", "answer", "findings",
    )  # fmt: skip
    given = dict(zip(names, row, strict=True))
    given |= {"targets": given["targets"] or (), "findings": given["findings"] or ()}
    return BatchState(**given)
