"""Cases of suspected theft: opened by a scan or a person, looked at, closed; rows are only added."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from storage.connection import Row, Session
from storage.errors import NotFound, Rejected
from storage.statements import load

SQL = load("theft")


class CaseStatus(StrEnum):
    """What becomes of a case."""

    NEW = "new"
    ASSIGNED = "assigned"
    CONFIRMED = "inspected-confirmed"
    CLEAR = "inspected-clear"
    CLOSED = "closed"


INSPECTED: Final = frozenset({CaseStatus.CONFIRMED, CaseStatus.CLEAR})
"""Come with an outcome alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """What a scan of the local days [first, until) says of a meter; `evidence` is whatever JSON holds."""

    meter: str
    first: date
    until: date
    score: float
    rank: int
    estimated_kwh: Decimal
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """As it stands; `suspicion` is the last scan's, None where a person opened the case."""

    id: int
    meter: str
    opened: datetime
    status: CaseStatus
    since: datetime
    suspicion: Suspicion | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a case's history; what its kind does not have is None."""

    at: datetime
    actor: str
    kind: str
    status: CaseStatus | None
    note: str
    score: float | None
    rank: int | None
    estimated_kwh: Decimal | None
    inspected: date | None
    found: bool | None


@dataclass(frozen=True, slots=True)
class Finding:
    """What inspectors found at a meter on a day."""

    meter: str
    inspected: date
    found: bool


class Cases(Session):
    """One connection. Raises `DatabaseUnreachable`, `NotFound` for a meter or case that is not there, `Rejected` for
    what a case's status forbids."""

    async def suspect(self, suspicions: Sequence[Suspicion], actor: str) -> list[int]:
        """The case of each: the meter's open one, which gets an entry more, else a new one. All of them or none."""
        async with self.transaction() as connection:
            open_cases, known = await _lock(connection, [one.meter for one in suspicions])
            made = []
            for one in suspicions:
                case = open_cases.get(known[one.meter])
                status = None if case else CaseStatus.NEW
                if case is None:
                    case = open_cases[known[one.meter]] = await _open(connection, known[one.meter], actor)
                given = {
                    "case": case, "actor": actor, "status": status, "first": one.first, "until": one.until,
                    "score": one.score, "rank": one.rank, "kwh": one.estimated_kwh,
                    "evidence": Jsonb(dict(one.evidence)),
                }  # fmt: skip
                await connection.execute(SQL["add_scan"], given)
                made.append(case)
            return made

    async def open(self, meter: str, actor: str, note: str = "") -> int:
        """By a person: a hint, or an inspection without suspicion. Raises `Rejected` where one is open."""
        async with self.transaction() as connection:
            open_cases, known = await _lock(connection, [meter])
            if open_cases:
                raise Rejected(f"case {open_cases[known[meter]]} of {meter} is open")
            case = await _open(connection, known[meter], actor)
            await connection.execute(
                SQL["add_status"], {"case": case, "actor": actor, "status": CaseStatus.NEW, "note": note}
            )
            return case

    async def set_status(self, case: int, status: CaseStatus, actor: str, note: str = "") -> None:
        """Not for what an inspection says: see `outcome`."""
        if status in INSPECTED:
            raise ValueError(f"{status} comes with an outcome")
        async with self.transaction() as connection:
            await _lock_open(connection, case)
            given = {"case": case, "actor": actor, "status": status, "note": note}
            await connection.execute(SQL["add_status"], given)

    async def outcome(self, case: int, found: bool, inspected: date, actor: str, note: str = "") -> None:
        """What inspectors found; a later one stands beside the earlier."""
        async with self.transaction() as connection:
            await _lock_open(connection, case)
            given = {
                "case": case, "actor": actor, "status": CaseStatus.CONFIRMED if found else CaseStatus.CLEAR,
                "note": note, "inspected": inspected, "found": found,
            }  # fmt: skip
            await connection.execute(SQL["add_outcome"], given)

    async def cases(
        self, *, ids: Collection[int] | None = None, statuses: Collection[CaseStatus] | None = None,
        meters: Collection[str] | None = None,
    ) -> list[Case]:  # fmt: skip
        """Open ones first, the highest score first."""
        given = {
            "ids": None if ids is None else list(ids),
            "statuses": None if statuses is None else [str(status) for status in statuses],
            "meters": None if meters is None else list(meters),
        }
        async with self.use() as connection:
            rows = await (await connection.execute(SQL["cases"], given)).fetchall()
        return [_case(row) for row in rows]

    async def case(self, case: int) -> Case:
        """Raises `NotFound`."""
        found = await self.cases(ids=[case])
        if not found:
            raise NotFound(f"no case {case}")
        return found[0]

    async def history(self, case: int) -> list[Entry]:
        """Of one case, in order."""
        async with self.use() as connection:
            rows = await (await connection.execute(SQL["entries"], {"case": case})).fetchall()
        return [Entry(a, b, c, None if s is None else CaseStatus(s), *rest) for a, b, c, s, *rest in rows]

    async def findings(self) -> list[Finding]:
        """Of each meter the last inspection."""
        async with self.use() as connection:
            rows = await (await connection.execute(SQL["outcomes"])).fetchall()
        return list({meter: Finding(meter, inspected, found) for meter, inspected, found in rows}.values())


async def _lock(
    connection: psycopg.AsyncConnection[Row], meters: Collection[str]
) -> tuple[dict[int, int], dict[str, int]]:
    """Meter id to its open case, name to meter id."""
    rows = await (await connection.execute(SQL["lock_meters"], {"names": list(meters)})).fetchall()
    known = {name: id_ for id_, name in rows}
    for name in meters:
        if name not in known:
            raise NotFound(f"no meter named {name!r}")
    rows = await (await connection.execute(SQL["open_cases"], {"meters": list(known.values())})).fetchall()
    return dict(rows), known


async def _open(connection: psycopg.AsyncConnection[Row], meter: int, actor: str) -> int:
    row = await (await connection.execute(SQL["open"], {"meter": meter, "actor": actor})).fetchone()
    assert row is not None
    return int(row[0])


async def _lock_open(connection: psycopg.AsyncConnection[Row], case: int) -> None:
    if not await (await connection.execute(SQL["lock_case"], {"case": case})).fetchall():
        raise NotFound(f"no case {case}")
    given = {"ids": [case], "statuses": None, "meters": None}
    (row,) = await (await connection.execute(SQL["cases"], given)).fetchall()
    if row[3] == CaseStatus.CLOSED:
        raise Rejected(f"case {case} is closed")


def _case(row: Row) -> Case:
    id_, meter, opened, status, since, first, until, score, rank, kwh, evidence = row
    suspicion = None
    if score is not None:
        suspicion = Suspicion(
            meter=meter, first=first, until=until, score=score, rank=rank, estimated_kwh=kwh, evidence=evidence
        )
    return Case(id_, meter, opened, CaseStatus(status), since, suspicion)
