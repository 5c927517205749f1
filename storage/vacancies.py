"""When nobody has a contract at a usage point. What was said is ended or withdrawn, never changed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import psycopg

from storage.connection import Row, Session
from storage.errors import AlreadyThere, NotFound, Rejected
from storage.statements import load
from storage.topology_entries import Vacancy

SQL = load("vacancies")


@dataclass(frozen=True, slots=True)
class Said:
    """Who ended or withdrew it, why and when."""

    actor: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVacancy(Vacancy):
    """`ended`: None where its end was said with it, or was not said yet."""

    id: int
    entered: datetime
    ended: Said | None
    withdrawn: Said | None


class Vacancies(Session):
    """One connection. Raises `NotFound` for a usage point that is not there."""

    async def add(self, vacancy: Vacancy) -> int:
        """Its number. Raises `AlreadyThere` where the point is vacant in that time already."""
        async with self.transaction() as connection:
            given = {
                "id": await _locked(connection, vacancy.point), "start": vacancy.start, "end": vacancy.end,
                "actor": vacancy.actor, "reason": vacancy.reason,
            }  # fmt: skip
            other = await (await connection.execute(SQL["overlapping"], given)).fetchone()
            if other is not None:
                until = "on" if other[2] is None else f"to {other[2].isoformat()}"
                raise AlreadyThere(
                    f"{vacancy.point} is vacant from {other[1].isoformat()} {until} already (number {other[0]})"
                )
            row = await (await connection.execute(SQL["add"], given)).fetchone()
            assert row is not None
            return int(row[0])

    async def end(self, point: str, at: datetime, actor: str, reason: str) -> int:
        """The number of the one that goes on, which ends there. Raises `Rejected`."""
        async with self.transaction() as connection:
            given = {"id": await _locked(connection, point)}
            row = await (await connection.execute(SQL["going_on"], given)).fetchone()
            if row is None:
                raise Rejected(f"{point}: no vacancy goes on there")
            if at <= row[1]:
                raise Rejected(f"{point} is vacant from {row[1].isoformat()}, not before {at.isoformat()}: withdraw it")
            ended = {"number": row[0], "end": at, "actor": actor, "reason": reason}
            await connection.execute(SQL["add_end"], ended)
            return int(row[0])

    async def withdraw(self, point: str, number: int, actor: str, reason: str) -> None:
        """It counts no more. Raises `NotFound`."""
        async with self.transaction() as connection:
            given = {"id": await _locked(connection, point), "number": number}
            if await (await connection.execute(SQL["there"], given)).fetchone() is None:
                raise NotFound(f"{point}: no vacancy with number {number}, or it was withdrawn already")
            withdrawn = {"number": number, "end": None, "actor": actor, "reason": reason}
            await connection.execute(SQL["add_end"], withdrawn)

    async def said(self, points: Collection[str] | None = None) -> list[StoredVacancy]:
        """By point and time, those that were withdrawn too."""
        async with self.use() as connection:
            given = {"points": None if points is None else list(points)}
            rows = await (await connection.execute(SQL["listed"], given)).fetchall()
        return [
            StoredVacancy(
                id=row[0], point=row[1], start=row[2], end=row[3], actor=row[4], reason=row[5], entered=row[6],
                ended=None if row[7] is None else Said(*row[7:10]),
                withdrawn=None if row[10] is None else Said(*row[10:13]),
            )
            for row in rows
        ]  # fmt: skip


async def _locked(connection: psycopg.AsyncConnection[Row], point: str) -> int:
    row = await (await connection.execute(SQL["lock_point"], {"point": point})).fetchone()
    if row is None:
        raise NotFound(f"no usage point named {point!r}")
    return int(row[0])
