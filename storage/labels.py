"""Labels of usage points, with their rule, evidence and end. Nothing is overwritten: a new run supersedes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from storage.connection import Row, Session
from storage.errors import NotFound, Rejected
from storage.statements import load

SQL = load("labels")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLabel:
    """What is said of a point until `expires`, unless a later run says otherwise."""

    point: str
    label: str
    value: str
    rule: str
    version: str
    evidence: Mapping[str, str] = field(default_factory=dict)
    expires: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLabel(NewLabel):
    """`superseded`: from when on a later run holds in its place; None: none does."""

    valid_from: datetime
    superseded: datetime | None
    run: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRun:
    """`judged`: by label, the points that the run could judge. What they had of that label ends where the run begins,
    whether they get it again or not; other points keep theirs."""

    valid_from: datetime
    version: str
    actor: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)
    judged: Mapping[str, Collection[str]] = field(default_factory=dict)
    labels: Sequence[NewLabel] = ()


@dataclass(frozen=True, slots=True)
class StoredRun:
    id: int
    valid_from: datetime
    version: str
    actor: str
    source: Mapping[str, Any]
    entered: datetime


class Labels(Session):
    """One connection. Raises `DatabaseUnreachable`; the next use connects anew."""

    async def keep(self, run: LabelRun) -> int:
        """All of it or nothing; the run's id. Raises `NotFound` for a point that is not registered, `Rejected` for a
        label of a point that was not judged, and for a run that begins before the one that holds."""
        for one in run.labels:
            if one.point not in run.judged.get(one.label, ()):
                raise Rejected(f"{one.point}: {one.label} is given and was not judged", "label_judged")
        async with self.transaction() as connection:
            await connection.execute(SQL["lock"])
            names = sorted({name for points in run.judged.values() for name in points})
            rows = await (await connection.execute(SQL["points"], {"names": names})).fetchall()
            ids = {name: number for number, name in rows}
            for name in names:
                if name not in ids:
                    raise NotFound(f"no usage point named {name!r}")
            for label, points in run.judged.items():
                given = {"label": label, "names": sorted(points), "at": run.valid_from}
                ((newest,),) = await (await connection.execute(SQL["newest"], given)).fetchall()
                if newest is not None and newest > run.valid_from:
                    raise Rejected(
                        f"{label}: a run holds from {newest.isoformat()} on, this one begins earlier", "label_order"
                    )
                await connection.execute(SQL["supersede"], given)
            about = {"version": run.version, "actor": run.actor, "source": Jsonb(dict(run.source))}
            cursor = await connection.execute(SQL["add_run"], {"valid_from": run.valid_from, **about})
            row = await cursor.fetchone()
            assert row is not None
            number = int(row[0])
            async with connection.cursor() as adding:
                await adding.executemany(
                    SQL["add"],
                    [
                        (
                            number, ids[one.point], one.label, one.value, one.rule, one.version,
                            Jsonb(dict(one.evidence)), run.valid_from, one.expires,
                        )
                        for one in run.labels
                    ],
                )  # fmt: skip
            return number

    async def current(
        self, points: Collection[str] | None, at: datetime, labels: Collection[str] | None = None
    ) -> list[StoredLabel]:
        """What holds at a moment, by point and label; None: of all points, of every label."""
        given = {
            "points": None if points is None else list(points), "at": at,
            "labels": None if labels is None else list(labels),
        }  # fmt: skip
        return [_label(row) for row in await self._rows("current", given)]

    async def history(self, point: str) -> list[StoredLabel]:
        """Of one point, by label and time: what held, what was superseded, what expired."""
        return [_label(row) for row in await self._rows("history", {"point": point})]

    async def runs(self, limit: int = 20) -> list[StoredRun]:
        """The newest first."""
        return [StoredRun(*row) for row in await self._rows("runs", {"limit": limit})]

    async def _rows(self, statement: str, given: Mapping[str, object]) -> list[Row]:
        async with self.use() as connection:
            return await (await connection.execute(SQL[statement], given)).fetchall()


def _label(row: Row) -> StoredLabel:
    point, label, value, rule, version, evidence, valid_from, expires, superseded, run = row
    return StoredLabel(
        point=point, label=label, value=value, rule=rule, version=version, evidence=evidence, valid_from=valid_from,
        expires=expires, superseded=superseded, run=run,
    )  # fmt: skip
