"""Pages of what the database holds, by key: each costs the same. `within` and `areas` None: all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from protocols.model import Quantity
from storage.connection import Row, Session
from storage.reader import Reading, array, reading_of
from storage.statements import load

SQL = load("browse")


@dataclass(frozen=True, slots=True)
class MeterRow:
    """A meter with where it stands now."""

    id: int
    name: str
    address: str
    model: str
    line: str
    multiplier: Decimal
    state: str
    created: datetime
    point: str | None
    area: str | None


@dataclass(frozen=True, slots=True)
class PointRow:
    name: str
    address: str | None
    tariff: str | None
    category: str | None
    capacity_kw: Decimal | None
    rated_current_a: Decimal | None
    area: str | None
    meters: Sequence[str]


@dataclass(frozen=True, slots=True)
class AreaRow:
    """`points`: how many belong to it now; `totals`: the meters that measure it."""

    name: str
    timezone: str | None
    address: str | None
    feeder: str | None
    points: int
    totals: Sequence[str]


class Browse(Session):
    """Raises `DatabaseUnreachable`, and `StorageError` for a question that takes too long."""

    async def meters_in(self, areas: Collection[str]) -> list[int]:
        """Ids of the meters that stand in these areas now, or measure one of them."""
        return sorted(row[0] for row in await self._rows("meters_in", areas=sorted(areas)))

    async def names(self, within: Collection[int] | None, names: Collection[str] | None = None) -> dict[int, str]:
        """Meters by id; all of `within`, or the named ones of them that there are."""
        return dict(await self._rows("names", within=array(within), names=_texts(names)))

    async def meters(
        self,
        *,
        limit: int,
        after: str | None = None,
        within: Collection[int] | None = None,
        names: Collection[str] | None = None,
        state: str | None = None,
        line: str | None = None,
        area: str | None = None,
    ) -> list[MeterRow]:
        """By name, behind the name `after`."""
        given = {"limit": limit, "after": after, "within": array(within), "state": state, "line": line, "area": area}
        rows = await self._rows("meters", names=None if names is None else list(names), **given)
        return [MeterRow(*row) for row in rows]

    async def points(
        self,
        *,
        limit: int,
        after: str | None = None,
        areas: Collection[str] | None = None,
        name: str | None = None,
        area: str | None = None,
    ) -> list[PointRow]:
        """By name."""
        given = {"limit": limit, "after": after, "areas": _texts(areas), "name": name, "area": area}
        return [PointRow(*row) for row in await self._rows("points", **given)]

    async def point(self, name: str, areas: Collection[str] | None) -> tuple[int, list[int]] | None:
        """Its id and those of the meters that ever stood there; None: it is not there, or in none of `areas`."""
        rows = await self._rows("point", name=name, areas=_texts(areas))
        return (rows[0][0], rows[0][1]) if rows else None

    async def areas(
        self, *, limit: int, after: str | None = None, areas: Collection[str] | None = None, name: str | None = None
    ) -> list[AreaRow]:
        """By name."""
        given = {"limit": limit, "after": after, "areas": _texts(areas), "name": name}
        return [AreaRow(*row) for row in await self._rows("areas", **given)]

    async def readings(
        self,
        meter: int,
        start: datetime,
        end: datetime,
        *,
        limit: int,
        after: tuple[datetime, int] | None = None,
        quantities: Collection[Quantity] | None = None,
    ) -> list[Reading]:
        """Of one meter in [start, end), by time and quantity, behind `after` (a time and a quantity's number)."""
        time, number = after if after is not None else (start, -1)
        wanted = None if quantities is None else [quantity.id for quantity in quantities]
        given = {"start": start, "end": end, "after_time": time, "after_quantity": number, "quantities": wanted}
        return [reading_of(row) for row in await self._rows("readings", meter=meter, limit=limit, **given)]

    async def events(
        self,
        *,
        limit: int,
        before: tuple[datetime, int] | None = None,
        within: Collection[int] | None = None,
        kinds: Collection[str] | None = None,
        severity: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        open: bool | None = None,  # noqa: A002  # the word of the command line
        acknowledged: bool | None = None,
    ) -> list[tuple[int, datetime]]:
        """Ids and starts of events, the latest first, behind `before` (a start and an id)."""
        start, number = before if before is not None else (None, None)
        given: dict[str, Any] = {
            "limit": limit, "before_start": start, "before_id": number, "within": array(within),
            "kinds": _texts(kinds), "severity": severity, "since": since, "until": until, "open": open,
            "acknowledged": acknowledged,
        }  # fmt: skip
        return [(row[0], row[1]) for row in await self._rows("events", **given)]

    async def _rows(self, statement: str, **given: object) -> list[Row]:
        async with self.use() as connection:
            return await (await connection.execute(SQL[statement], given)).fetchall()


def _texts(words: Collection[str] | None) -> list[str] | None:
    return None if words is None else sorted(words)
