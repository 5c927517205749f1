"""Pushed messages that could not be stored, with their bytes and the reason, until somebody deals with them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from psycopg.types.json import Jsonb

from storage.connection import Row, Session
from storage.errors import NotFound
from storage.statements import load

SQL = load("dead_letters")
_PAGE = 500


class LetterState(StrEnum):
    """`QUARANTINED` waits for a meter to be added, `DEAD` for whatever else would cure it."""

    DEAD = "dead"
    QUARANTINED = "quarantined"
    REPLAYED = "replayed"
    DROPPED = "dropped"


OPEN = (LetterState.DEAD, LetterState.QUARANTINED)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLetter:
    """`digest` tells the same message from another; `meters` are the keys in it that the registry does not know."""

    digest: bytes
    push: str
    topic: str
    fields: Mapping[str, str]
    payload: bytes
    repeated: bool
    reason: str
    detail: str
    meters: tuple[str, ...]
    state: LetterState
    received: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """As stored. `received`: when it came first; `last`: when it came the last time, the `count`-th."""

    id: int
    push: str
    topic: str
    fields: Mapping[str, str]
    payload: bytes
    repeated: bool
    reason: str
    detail: str
    meters: tuple[str, ...]
    state: LetterState
    received: datetime
    last: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters; None: whatever there is. `since`: those that came then or later."""

    push: str | None = None
    reason: str | None = None
    since: datetime | None = None
    states: Sequence[LetterState] | None = OPEN
    ids: Sequence[int] | None = None

    @property
    def given(self) -> dict[str, object]:
        return {
            "push": self.push,
            "reason": self.reason,
            "since": self.since,
            "states": None if self.states is None else [str(state) for state in self.states],
            "ids": None if self.ids is None else list(self.ids),
        }


@dataclass(frozen=True, slots=True)
class Heap:
    """Letters of one source, reason and state: how many, how often they came, and when."""

    push: str
    reason: str
    state: LetterState
    letters: int
    times: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class UnknownMeter:
    """A meter that publishes and is not in the registry."""

    key: str
    push: str
    state: LetterState
    first: datetime
    last: datetime
    times: int


class DeadLetters(Session):
    """One connection. Errors: `DatabaseUnreachable`, `NotFound`, `Rejected`."""

    async def add(self, letters: Sequence[NewLetter]) -> None:
        """Committed when this returns. A message that is there already is counted once more."""
        rows: list[Row] = [
            (
                letter.digest, letter.push, _text(letter.topic), Jsonb({k: _text(v) for k, v in letter.fields.items()}),
                letter.payload, letter.repeated, letter.reason, _text(letter.detail), [_text(m) for m in letter.meters],
                str(letter.state), letter.received, letter.received,
            )
            for letter in sorted(letters, key=lambda letter: letter.digest)  # two writers lock in the same order
        ]  # fmt: skip
        if not rows:
            return
        async with self.transaction() as connection, connection.cursor() as cursor:
            await cursor.executemany(SQL["add"], rows)

    async def list(self, wanted: Wanted, *, limit: int, after: int = 0) -> Sequence[Letter]:
        """In the order in which they came first, those behind the letter `after`."""
        async with self.use() as connection:
            found = await connection.execute(SQL["list"], {**wanted.given, "limit": limit, "after": after})
            return [_letter(row) for row in await found.fetchall()]

    async def pages(self, wanted: Wanted, size: int = _PAGE) -> AsyncIterator[Sequence[Letter]]:
        """All of them, page by page; a letter may be settled while its page is out."""
        after = 0
        while page := await self.list(wanted, limit=size, after=after):
            yield page
            after = page[-1].id

    async def letter(self, number: int) -> Letter:
        """Raises `NotFound`."""
        found = await self.list(Wanted(states=None, ids=[number]), limit=1)
        if not found:
            raise NotFound(f"no dead letter {number}")
        return found[0]

    async def summary(self, wanted: Wanted) -> Sequence[Heap]:
        async with self.use() as connection:
            rows = await (await connection.execute(SQL["summary"], wanted.given)).fetchall()
        return [Heap(p, r, LetterState(state), n, t, first, last) for p, r, state, n, t, first, last in rows]

    async def unknown(self, push: str | None = None) -> Sequence[UnknownMeter]:
        """Meters that open letters are of and that were not known; the latest first."""
        async with self.use() as connection:
            rows = await (await connection.execute(SQL["unknown"], {"push": push})).fetchall()
        return [UnknownMeter(key, p, LetterState(state), first, last, n) for key, p, state, first, last, n in rows]

    async def keep(self, letters: Sequence[tuple[int, NewLetter]]) -> None:
        """After a replay that did not give all: what the letters by id are now."""
        rows: list[Row] = [
            (new.reason, _text(new.detail), [_text(m) for m in new.meters], str(new.state), number)
            for number, new in letters
        ]
        if not rows:
            return
        async with self.transaction() as connection, connection.cursor() as cursor:
            await cursor.executemany(SQL["keep"], rows)

    async def settle(self, ids: Sequence[int], state: LetterState) -> int:
        """Mark open letters as replayed or dropped; returns how many were open."""
        async with self.use() as connection:
            changed = await connection.execute(SQL["settle"], {"ids": list(ids), "state": str(state)})
            return changed.rowcount


def _letter(row: Row) -> Letter:
    number, push, topic, fields, payload, repeated, reason, detail, meters, state, received, last, count = row
    return Letter(
        id=number, push=push, topic=topic, fields=fields, payload=bytes(payload), repeated=repeated, reason=reason,
        detail=detail, meters=tuple(meters), state=LetterState(state), received=received, last=last, count=count,
    )  # fmt: skip


def _text(text: str) -> str:
    """What PostgreSQL's text can hold: no NUL, and nothing that is not Unicode."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
