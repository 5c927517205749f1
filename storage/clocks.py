"""How far meters' clocks were off, and who told them the time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from storage.audit import Connection, Entry
from storage.connection import Row, Session
from storage.rules import stops
from storage.statements import load

SQL = load("clocks")


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyRow:
    """One reading of a clock. Offsets in milliseconds, theirs less ours; None where `fault` says why."""

    meter_id: int
    at: datetime
    offset_ms: int | None
    uncertainty_ms: int = 0
    weekday: int | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class LatestClock:
    """An active meter and the last reading of its clock; `at` is None where there is none."""

    meter_id: int
    meter: str
    model: str
    line: str
    at: datetime | None
    offset_ms: int | None
    uncertainty_ms: int | None
    weekday: int | None
    fault: str | None
    areas: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """What a sync has come to."""

    meter_id: int
    result: str
    before_ms: int | None
    after_ms: int | None


@dataclass(frozen=True, slots=True)
class SyncRow:
    """`told`: the time that the meter was told, None where nothing went out. `result`: sent, held_back, taken,
    not_taken."""

    id: int
    meter: str
    at: datetime
    way: str
    line: str
    actor: str
    before_ms: int | None
    told: datetime | None
    result: str
    after_ms: int | None
    settled: datetime | None


@dataclass(frozen=True, slots=True)
class ToTell:
    """A meter that is about to be told the time; `day` by a right clock in its zone."""

    meter_id: int
    day: date
    before_ms: int | None


class ClockStore(Session):
    """One connection. Raises `DatabaseUnreachable`; the next use connects anew."""

    async def keep(self, surveys: Sequence[SurveyRow], ok_ms: int) -> list[Settled]:
        """Store readings, and what they say of syncs before them: taken within `ok_ms`, or nearer than before."""
        given: dict[str, list[object]] = {name: [getattr(one, name) for one in surveys] for name in SurveyRow.__slots__}
        async with self.transaction() as connection:
            await connection.execute(SQL["keep"], given)
            asked = {"meters": given["meter_id"], "ok_ms": ok_ms}
            rows = await (await connection.execute(SQL["settle"], asked)).fetchall()
        return [Settled(*row) for row in rows]

    async def latest(
        self, now: datetime, *, meters: Collection[int] | None = None, lines: Collection[str] | None = None
    ) -> list[LatestClock]:
        """Active meters by name."""
        rows = await self._rows("latest", now=now, meters=_listed(meters), lines=_listed(lines))
        return [
            LatestClock(i, name, model, line, at, offset, uncertainty, weekday, fault, tuple(areas))
            for i, name, model, line, at, offset, uncertainty, weekday, fault, areas in rows
        ]

    async def far(self, limit_ms: int) -> list[int]:
        """Meters whose clocks were off by more at the last reading, or showed no time."""
        return [row[0] for row in await self._rows("far", limit_ms=limit_ms)]

    async def history(
        self, since: datetime, meters: Collection[int] | None = None
    ) -> dict[int, list[tuple[datetime, int]]]:
        """Meter to its offsets in milliseconds since then, and since it was last told the time; the oldest first."""
        found: dict[int, list[tuple[datetime, int]]] = {}
        for meter_id, at, offset in await self._rows("history", since=since, meters=_listed(meters)):
            found.setdefault(meter_id, []).append((at, offset))
        return found

    async def told(self, meters: Collection[int], since: date) -> Mapping[int, frozenset[date]]:
        """Meter to the days since then on which it was, or may have been, told the time."""
        rows = await self._rows("told", meters=list(meters), since=since)
        return {meter_id: frozenset(days) for meter_id, days in rows}

    async def stopped(self) -> frozenset[str]:
        """Areas in which nothing is sent; "*" is everywhere."""
        async with self.use() as connection:
            return frozenset(stop.area for stop in await stops(connection))

    async def reserve(
        self, to_tell: Sequence[ToTell], at: datetime, way: str, line: str, actor: str, entry: Entry | None = None
    ) -> list[int]:
        """Write down that they are told, before they are, with `entry` in the audit. Returns the rows' ids.

        Raises `AlreadyThere` where one of them was told that day: then nothing is written.
        """
        given = {name: [getattr(one, name) for one in to_tell] for name in ToTell.__slots__}
        async with self.transaction() as connection:
            told = {"at": at, "way": way, "line": line, "actor": actor, **given}
            rows = await (await connection.execute(SQL["reserve"], told)).fetchall()
            await _append(connection, entry)
        return [row[0] for row in rows]

    async def sent(self, ids: Sequence[int], told: datetime, at: datetime, entry: Entry | None = None) -> None:
        """The frame went out: at `at`, with the time `told`."""
        await self._go_on("sent", entry, ids=list(ids), told=told, at=at)

    async def held_back(self, ids: Sequence[int], at: datetime, entry: Entry | None = None) -> None:
        """It did not: the day is not used up."""
        await self._go_on("held_back", entry, ids=list(ids), at=at)

    async def tell(self, entry: Entry) -> None:
        """The audit, and nothing else."""
        async with self.transaction() as connection:
            await entry.append(connection)

    async def syncs(self, since: datetime, meters: Collection[int] | None = None) -> list[SyncRow]:
        """The latest first."""
        return [SyncRow(*row) for row in await self._rows("syncs", since=since, meters=_listed(meters))]

    async def _go_on(self, statement: str, entry: Entry | None, **given: object) -> None:
        async with self.transaction() as connection:
            await connection.execute(SQL[statement], given)
            await _append(connection, entry)

    async def _rows(self, statement: str, **given: object) -> list[Row]:
        async with self.use() as connection:
            return await (await connection.execute(SQL[statement], given)).fetchall()


async def _append(connection: Connection, entry: Entry | None) -> None:
    if entry is not None:
        await entry.append(connection)


def _listed(given: Collection[Any] | None) -> list[Any] | None:
    return None if given is None else list(given)
