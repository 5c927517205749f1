"""What days of classes of usage points look like, in versions. Rows are only added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from protocols.model import Quantity
from protocols.quantities import BY_ID
from storage.connection import Row, Session
from storage.statements import load

SQL = load("class_profiles")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassProfile:
    """A day of 24 hours by the local clock, in whole steps of the quantity; the mean of `days` days of `points` usage
    points, None: it was imported."""

    category: str
    quantity: Quantity
    step_s: int
    day_type: str
    steps: tuple[int, ...]
    points: int | None = None
    days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewClassVersion:
    """Built of the local days [since, until) as they were validated as of a run, of classes with at least `least`
    usage points; or imported from `file`."""

    actor: str
    reason: str = ""
    since: date | None = None
    until: date | None = None
    as_of: int | None = None
    least: int | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassVersion(NewClassVersion):
    """`profiles`: how many it tells."""

    number: int
    at: datetime
    profiles: int


class ClassProfiles(Session):
    """One connection. Raises `DatabaseUnreachable`; the next question connects anew."""

    async def add(self, new: NewClassVersion, profiles: Sequence[ClassProfile]) -> int:
        """The version's number; all of it or nothing."""
        given = {name: getattr(new, name) for name in NewClassVersion.__slots__}
        async with self.transaction() as connection:
            await connection.execute(SQL["lock"])
            row = await (await connection.execute(SQL["add_version"], given)).fetchone()
            assert row is not None
            number = int(row[0])
            rows = [
                {
                    "version": number, "category": one.category, "quantity": one.quantity.id, "step_s": one.step_s,
                    "day_type": one.day_type, "points": one.points, "days": one.days, "steps": list(one.steps),
                }
                for one in profiles
            ]  # fmt: skip
            await connection.cursor().executemany(SQL["add_profile"], rows)
        return number

    async def versions(self) -> list[ClassVersion]:
        """The first one first."""
        names = ("number", "at", "actor", "reason", "since", "until", "as_of", "least", "file", "profiles")
        return [ClassVersion(**dict(zip(names, row, strict=True))) for row in await self._rows("versions", {})]

    async def last(self) -> int:
        """The newest version's number; 0: there is none."""
        ((number,),) = await self._rows("last", {})
        return int(number)

    async def holding(self, version: int, step_s: int | None = None) -> list[tuple[int, ClassProfile]]:
        """As of a version, each profile with the one that tells it; of intervals of `step_s`, None: of any length."""
        rows = await self._rows("holding", {"version": version, "step_s": step_s})
        return [
            (
                number,
                ClassProfile(
                    category=category, quantity=BY_ID[quantity], step_s=step, day_type=day_type, points=points,
                    days=days, steps=tuple(steps),
                ),
            )
            for number, category, quantity, step, day_type, points, days, steps in rows
        ]  # fmt: skip

    async def _rows(self, statement: str, given: Mapping[str, object]) -> list[Row]:
        async with self.use() as connection:
            return await (await connection.execute(SQL[statement], given)).fetchall()
