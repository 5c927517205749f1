"""Validated values: what was made, by which run, and as it stood when a run was committed. Rows are only added.

Runs are written one after the other, under one lock, and numbered in that order.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np
import psycopg
from psycopg.types.json import Jsonb

from protocols.model import Quantity
from storage.connection import Row, Session
from storage.copy_rows import HEADER, TRAILER
from storage.errors import Rejected
from storage.reader import array
from storage.statements import load
from storage.validated_days import Days
from storage.validated_format import decode, encode

SQL = load("validated")
_BATCH: Final = 2000
"""Days that are handed out at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """`kind`: first, rerun, edit or correction. `contents`: what this version of the parameters says."""

    actor: str
    kind: str
    reason: str = ""
    parameters: str
    contents: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """A run that was committed. `parameters`: their version."""

    number: int
    at: datetime
    actor: str
    kind: str
    reason: str
    parameters: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EditRow:
    """What a person put in for the interval that begins at `start`; `steps` None: the rules' own value holds again."""

    point: int
    quantity: int
    step_s: int
    start: datetime
    steps: int | None
    actor: str
    reason: str
    at: datetime
    id: int = 0
    run: int = 0


@dataclass(frozen=True, slots=True)
class Which:
    """Days [since, until) of points (None: all) and quantities, in intervals of `step_s` seconds."""

    points: Collection[int] | None
    quantities: Collection[Quantity]
    step_s: int
    since: date
    until: date

    @property
    def given(self) -> dict[str, Any]:
        return {
            "points": array(self.points), "quantities": array([quantity.id for quantity in self.quantities]),
            "step_s": self.step_s, "since": self.since, "until": self.until,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Freezing:
    """The days [since, until) of a point are billed by `bill`, from what was there as of a run; None: whatever is."""

    point: int
    quantity: Quantity
    since: date
    until: date
    bill: int
    as_of: int | None


class Writing:
    """A run on its way: nobody else writes until it is committed, and what is read here is what it stands on."""

    def __init__(self, connection: psycopg.AsyncConnection[Row], number: int) -> None:
        self._connection = connection
        self.number = number
        """Of the run, if it is added."""

    async def newest(self, which: Which) -> Days:
        """All of them at once, with raw values and failed checks."""
        parts = [batch async for batch in _days(self._connection, "days", {**which.given, "as_of": None}, which.step_s)]
        return Days.joined(which.step_s, parts)

    async def edits(self, which: Which, span: tuple[datetime, datetime]) -> list[EditRow]:
        return await _edits(self._connection, which, span, None)

    async def frozen(self, which: Which) -> set[tuple[int, int, date]]:
        """Point, quantity and day of what is billed."""
        rows = await (await self._connection.execute(SQL["frozen"], which.given)).fetchall()
        return {(point, quantity, day) for point, quantity, day in rows}

    async def add(self, run: NewRun, days: Days, edits: Collection[EditRow] = ()) -> int:
        """The run with its days, whose `version` is set; their `run` is this one's. Returns its number.

        Raises `Rejected` where the parameters' version is known with other contents, `AlreadyThere` for a version that
        exists.
        """
        contents = Jsonb(dict(run.contents))
        kept = {"version": run.parameters, "contents": contents}
        await self._connection.execute(SQL["keep_parameters"], kept)
        row = await (await self._connection.execute(SQL["same_parameters"], kept)).fetchone()
        if not (row and row[0]):
            raise Rejected(
                f"parameters {run.parameters!r} were others when values were judged by them: name a new version"
            )
        await self._connection.execute(
            SQL["add_run"],
            {
                "number": self.number, "actor": run.actor, "kind": run.kind, "reason": run.reason,
                "parameters": run.parameters,
            },
        )  # fmt: skip
        for edit in edits:
            given = {name: getattr(edit, name) for name in EditRow.__slots__} | {"run": self.number}
            await self._connection.execute(SQL["add_edit"], given)
        for month in np.unique(days.day.astype("datetime64[M]")):
            await self._connection.execute(SQL["make_partition"], (month.astype("datetime64[D]").item(),))
        if len(days):
            days.run[:] = self.number
            async with self._connection.cursor().copy(SQL["add_days"]) as copy:
                await copy.write(encode(days))
        return self.number


class Validated(Session):
    """One connection. Raises `DatabaseUnreachable`; the next question connects anew."""

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Writing]:
        """One run: what is added is committed at the end of the block; waits for whoever writes."""
        async with self.transaction() as connection:
            await connection.execute(SQL["lock"])
            row = await (await connection.execute(SQL["next_number"])).fetchone()
            assert row is not None
            yield Writing(connection, int(row[0]))

    async def days(self, which: Which, as_of: int | None = None, *, whole: bool = False) -> AsyncGenerator[Days, None]:
        """The newest versions made up to the run `as_of`, None: of all, by point, quantity and day, some at a time.

        Without `whole` raw values are those of `steps`, and failed checks are not told: that is faster. Asked again
        with the same `as_of` it gives the same.
        """
        given = {**which.given, "as_of": as_of}
        async with self.transaction() as connection:
            await connection.execute(SQL["by_index"])
            async for batch in _days(connection, "days" if whole else "values_only", given, which.step_s):
                yield batch

    async def failed(self, which: Which) -> AsyncIterator[Days]:
        """Newest versions in which a check failed, in no order."""
        async with self.use() as connection:
            async for batch in _days(connection, "failed", which.given, which.step_s):
                yield batch

    async def versions(self, point: int, quantity: Quantity, step_s: int, day: date) -> Days:
        """All versions of a day, the first one first."""
        given = {"point": point, "quantity": quantity.id, "step_s": step_s, "day": day}
        async with self.use() as connection:
            return Days.joined(step_s, [batch async for batch in _days(connection, "versions", given, step_s)])

    async def pairs(self, which: Which) -> set[tuple[int, int]]:
        """Named points and quantities of which any of the days is there."""
        async with self.use() as connection:
            return {(p, q) for p, q in await (await connection.execute(SQL["pairs"], which.given)).fetchall()}

    async def lacking(self, which: Which) -> tuple[list[int], tuple[date, date]] | None:
        """Which of the points lack any of the days, and between which days all that they lack lies; None: none does.

        Of one quantity.
        """
        async with self.use() as connection:
            found = dict(await (await connection.execute(SQL["days_of_points"], which.given)).fetchall())
            wanted = (which.until - which.since).days
            points = [point for point in which.points or () if found.get(point, 0) < wanted]
            if not points:
                return None
            given = {**which.given, "points": array(points)}
            by_day = dict(await (await connection.execute(SQL["points_of_days"], given)).fetchall())
        days = [which.since + timedelta(days=n) for n in range(wanted)]
        short = [day for day in days if by_day.get(day, 0) < len(points)]
        return points, (short[0], short[-1] + timedelta(days=1))

    async def edits(self, which: Which, span: tuple[datetime, datetime], as_of: int | None = None) -> list[EditRow]:
        """Of the named points' intervals that begin in the span, in the order in which they were made."""
        async with self.use() as connection:
            return await _edits(connection, which, span, as_of)

    async def runs(self, numbers: Collection[int] | None = None) -> list[Run]:
        """By number."""
        async with self.use() as connection:
            rows = await (await connection.execute(SQL["runs"], {"numbers": array(numbers)})).fetchall()
        return [Run(*row) for row in rows]

    async def judged_by(self, numbers: Collection[int]) -> dict[int, Mapping[str, Any]]:
        """What the parameters of runs say."""
        async with self.use() as connection:
            return dict(await (await connection.execute(SQL["judged_by"], {"numbers": array(numbers)})).fetchall())

    async def last_run(self) -> int | None:
        """The number to ask for as `as_of`: what is there now, for ever."""
        async with self.use() as connection:
            row = await (await connection.execute(SQL["last_run"])).fetchone()
        return None if row is None else row[0]

    async def freeze(self, frozen: Freezing) -> None:
        """Raises `Rejected`."""
        async with self.transaction() as connection:
            await freeze(connection, frozen)


async def freeze(connection: psycopg.AsyncConnection[Row], frozen: Freezing) -> None:
    """Within the caller's transaction, such as that of the bill; waits for whoever writes validated values.

    Raises `Rejected` where the days were validated anew since the run that the bill stands on.
    """
    given = {name: getattr(frozen, name) for name in Freezing.__slots__} | {"quantity": frozen.quantity.id}
    await connection.execute(SQL["lock"])
    row = await (await connection.execute(SQL["anew_since"], given)).fetchone()
    if row is not None:
        raise Rejected(f"{row[0]} was validated anew by run {row[1]}, after run {frozen.as_of}: reckon the bill again")
    await connection.execute(SQL["freeze"], given)


async def _edits(
    connection: psycopg.AsyncConnection[Row], which: Which, span: tuple[datetime, datetime], as_of: int | None
) -> list[EditRow]:
    given = {**which.given, "since": span[0], "until": span[1], "as_of": as_of}
    rows = await (await connection.execute(SQL["edits"], given)).fetchall()
    return [
        EditRow(
            id=i, run=run, point=point, quantity=quantity, step_s=step_s, start=start, steps=steps, actor=actor,
            reason=reason, at=at,
        )
        for i, run, point, quantity, step_s, start, steps, actor, reason, at in rows
    ]  # fmt: skip


async def _days(
    connection: psycopg.AsyncConnection[Row], statement: str, given: Mapping[str, Any], step_s: int
) -> AsyncIterator[Days]:
    rows: list[bytes] = []
    head = len(HEADER)
    async with connection.cursor().copy(SQL[statement], given) as copy:
        async for block in copy:
            row = bytes(block)[head:]
            head = 0
            if row and row != TRAILER:
                rows.append(row)
            if len(rows) == _BATCH:
                yield decode(rows, step_s)
                rows.clear()
    if rows:
        yield decode(rows, step_s)
