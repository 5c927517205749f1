"""Lines, meters, usage points, plans and daemons in the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

import psycopg
from psycopg.types.json import Jsonb

from protocols.model import Quantity
from protocols.quantities import BY_ID
from storage.connection import Row, Session
from storage.entries import (
    Additions,
    Daemon,
    Installation,
    Line,
    Meter,
    MeterState,
    NewInstallation,
    NewLine,
    NewMeter,
    NewPlan,
    NewUsagePoint,
    Plan,
    UsagePoint,
)
from storage.errors import AlreadyThere, NotFound, translated
from storage.statements import load

SQL = load("registry")


class Registry(Session):
    """One connection. Errors: `AlreadyThere`, `NotFound`, `Rejected`, `DatabaseUnreachable`."""

    async def add(self, new: Additions, *, keep_existing: bool = False) -> int:
        """Add all or nothing; returns how many entries were added.

        `keep_existing`: entries whose name is there already are passed over as they stand, so that an import can be
        repeated; an installation is, when its meter and start are there.
        """
        async with self.transaction() as connection:
            known = await self._known(connection, new)
            added = 0
            for line in _fresh("line", new.lines, known, keep_existing):
                await _insert(connection, "add_line", line, (line.name, line.url, line.protocol, Jsonb(line.options)))
                added += 1
            known |= await self._known(connection, new)
            for meter in _fresh("meter", new.meters, known, keep_existing):
                line_id = _found(known, "line", meter.line, f"meter {meter.name}")
                row: Row = (
                    meter.name, meter.address, meter.model, line_id, meter.multiplier, _ids(meter.quantities),
                    str(meter.state), meter.created,
                )  # fmt: skip
                await _insert(connection, "add_meter", meter, row)
                added += 1
            for point in _fresh("usage point", new.points, known, keep_existing):
                await _insert(connection, "add_usage_point", point, (point.name, point.address, Jsonb(point.options)))
                added += 1
            for plan in _fresh("plan", new.plans, known, keep_existing):
                row = (plan.name, plan.period_s, _ids(plan.quantities), plan.valid_from)
                await _insert(connection, "add_plan", plan, row)
                added += 1
            known |= await self._known(connection, new)
            stored = {(i.meter, i.start) for i in await _installations(connection, None)} if keep_existing else set()
            for installation in new.installations:
                if (installation.meter, installation.start) in stored:
                    continue
                point_id = _found(known, "usage point", installation.point, f"installation of {installation.meter}")
                meter_id = _found(known, "meter", installation.meter, f"installation at {installation.point}")
                row = (point_id, meter_id, installation.start, installation.end)
                await _insert(connection, "add_installation", installation, row)
                added += 1
            return added

    async def lines(self) -> list[Line]:
        return [Line(id=i, name=n, url=u, protocol=p, options=o) for i, n, u, p, o in await self._rows("lines")]

    async def meters(
        self, names: Sequence[str] | None = None, *, states: Sequence[MeterState] | None = None
    ) -> list[Meter]:
        """All meters by name, or the named ones that exist."""
        given = {
            "names": None if names is None else list(names),
            "states": None if states is None else [str(state) for state in states],
        }
        return [
            Meter(
                id=i, name=name, address=address, model=model, line=line, line_id=line_id, multiplier=multiplier,
                quantities=None if quantities is None else _quantities(quantities),
                state=MeterState(state), created=created,
            )
            for i, name, address, model, line, line_id, multiplier, quantities, state, created
            in await self._rows("meters", given)
        ]  # fmt: skip

    async def meter(self, name: str) -> Meter:
        """Raises `NotFound`."""
        found = await self.meters([name])
        if not found:
            raise NotFound(f"no meter named {name!r}")
        return found[0]

    async def set_meter_state(self, name: str, state: MeterState) -> None:
        """Raises `NotFound`."""
        async with self.use() as connection:
            changed = await connection.execute(SQL["set_meter_state"], {"name": name, "state": str(state)})
            if changed.rowcount == 0:
                raise NotFound(f"no meter named {name!r}")

    async def usage_points(self) -> list[UsagePoint]:
        rows = await self._rows("usage_points")
        return [UsagePoint(id=i, name=name, address=address, options=options) for i, name, address, options in rows]

    async def installations(self, points: Sequence[str] | None = None) -> list[Installation]:
        """By point and time; all, or those at the named points."""
        async with self.use() as connection:
            return await _installations(connection, points)

    async def end_installation(self, meter: str, at: datetime) -> None:
        """The meter leaves its point. Raises `NotFound` when it stands nowhere."""
        async with self.use() as connection:
            changed = await connection.execute(SQL["end_installation"], {"meter": meter, "at": at})
            if changed.rowcount == 0:
                raise NotFound(f"meter {meter!r} stands at no usage point")

    async def keep_plans(self, wanted: Sequence[NewPlan], now: datetime) -> None:
        """Make `wanted` the current plans: one that is there unchanged goes on, others end `now`, new ones begin."""
        async with self.transaction() as connection:
            rows = await (await connection.execute(SQL["plans"])).fetchall()
            ids = {name: plan_id for plan_id, name, *_ in rows}
            stored = {name: (period_s, set(quantities)) for _, name, period_s, quantities, _ in rows}
            asked = {plan.name: (plan.period_s, {quantity.id for quantity in plan.quantities}) for plan in wanted}
            for name, plan_id in ids.items():
                if stored[name] != asked.get(name):
                    await connection.execute(SQL["end_plan"], {"id": plan_id, "at": now})
            for plan in wanted:
                if stored.get(plan.name) != asked[plan.name]:
                    row = (plan.name, plan.period_s, _ids(plan.quantities), plan.valid_from)
                    await _insert(connection, "add_plan", plan, row)

    async def plans(self) -> list[Plan]:
        """The current ones."""
        return [
            Plan(id=i, name=name, period_s=period_s, quantities=_quantities(quantities), valid_from=valid_from)
            for i, name, period_s, quantities, valid_from in await self._rows("plans")
        ]

    async def beat(self, daemon: Daemon) -> None:
        """Write a daemon's sign of life."""
        row = (daemon.name, daemon.pid, daemon.host, daemon.started, daemon.seen, Jsonb(dict(daemon.counters)))
        async with self.use() as connection:
            await connection.execute(SQL["beat"], row)

    async def daemons(self) -> list[Daemon]:
        return [
            Daemon(name=name, pid=pid, host=host, started=started, seen=seen, counters=counters)
            for name, pid, host, started, seen, counters in await self._rows("daemons")
        ]

    async def _rows(self, statement: str, given: Mapping[str, object] | None = None) -> list[Row]:
        async with self.use() as connection:
            return await (await connection.execute(SQL[statement], given)).fetchall()

    async def _known(self, connection: psycopg.AsyncConnection[Row], new: Additions) -> dict[tuple[str, str], int]:
        """(kind, name) to id for every name that `new` speaks of."""
        names = {
            "line": [line.name for line in new.lines] + [meter.line for meter in new.meters],
            "meter": [meter.name for meter in new.meters] + [i.meter for i in new.installations],
            "point": [point.name for point in new.points] + [i.point for i in new.installations],
            "plan": [plan.name for plan in new.plans],
        }
        rows = await (await connection.execute(SQL["known_names"], names)).fetchall()
        return {(kind, name): number for kind, number, name in rows}


class _Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)


def _fresh(kind: str, entries: Iterable[N], known: dict[tuple[str, str], int], keep_existing: bool) -> list[N]:
    """The entries that are not stored. Raises `AlreadyThere` unless existing ones are to be kept."""
    fresh = []
    for entry in entries:
        if (kind, entry.name) not in known:
            fresh.append(entry)
        elif not keep_existing:
            raise AlreadyThere(f"{kind} {entry.name!r} is there already")
    return fresh


def _found(known: dict[tuple[str, str], int], kind: str, name: str, who: str) -> int:
    try:
        return known[kind, name]
    except KeyError:
        raise NotFound(f"{who}: no {kind} named {name!r}") from None


async def _insert(
    connection: psycopg.AsyncConnection[Row],
    statement: str,
    entry: NewLine | NewMeter | NewUsagePoint | NewInstallation | NewPlan,
    row: Row,
) -> None:
    """One row; what the database says against it is told with the entry."""
    try:
        await connection.execute(SQL[statement], row)
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        refused = translated(error)
        refused.add_note(f"in {entry}")
        raise refused from error


async def _installations(connection: psycopg.AsyncConnection[Row], points: Sequence[str] | None) -> list[Installation]:
    rows = await connection.execute(SQL["installations"], {"points": None if points is None else list(points)})
    return [
        Installation(point=point, meter=meter, start=start, end=end, point_id=point_id, meter_id=meter_id)
        for point, meter, start, end, point_id, meter_id in await rows.fetchall()
    ]


def _ids(quantities: Sequence[Quantity] | None) -> list[int] | None:
    return None if quantities is None else [quantity.id for quantity in quantities]


def _quantities(ids: Sequence[int]) -> tuple[Quantity, ...]:
    return tuple(BY_ID[number] for number in ids)
