"""Lines, meters, usage points, plans and daemons in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import psycopg
from psycopg.types.json import Jsonb

from protocols.model import Quantity
from protocols.quantities import BY_ID
from storage.adding import add_all, insert
from storage.connection import Row, Session
from storage.entries import (
    Additions,
    Daemon,
    Installation,
    Line,
    Meter,
    MeterState,
    NewPlan,
    Plan,
    UsagePoint,
)
from storage.errors import NotFound
from storage.statements import load

SQL = load("registry")


class Registry(Session):
    """One connection. Errors: `AlreadyThere`, `NotFound`, `Rejected`, `DatabaseUnreachable`."""

    async def add(self, new: Additions, *, keep_existing: bool = False) -> int:
        """Add all or nothing; returns how many entries were added.

        `keep_existing`: entries whose name is there already are passed over as they stand, so that an import can be
        repeated; what has no name is, when its key is there (of an installation meter and start).
        """
        async with self.transaction() as connection:
            return await add_all(connection, new, keep_existing=keep_existing)

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

    async def set_meter_state(
        self, name: str, state: MeterState, *, at: datetime | None = None, actor: str = "", reason: str = ""
    ) -> None:
        """The meter is in that state from `at` on (None: now). Raises `NotFound`.

        `Rejected` where no such step is allowed (`meter_transition`), or `at` is before the last one.
        """
        given = {"name": name, "state": str(state), "at": at, "actor": actor, "reason": reason}
        async with self.use() as connection:
            changed = await connection.execute(SQL["set_meter_state"], given)
            if changed.rowcount == 0:
                raise NotFound(f"no meter named {name!r}")

    async def usage_points(self) -> list[UsagePoint]:
        rows = await self._rows("usage_points")
        return [
            UsagePoint(
                id=i, name=name, address=address, options=options,
                tariff=tariff, category=category, capacity_kw=capacity_kw, rated_current_a=rated_current_a,
            )
            for i, name, address, options, tariff, category, capacity_kw, rated_current_a in rows
        ]  # fmt: skip

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
            await connection.execute(SQL["lock_plans"])  # several daemons may start at once
            rows = await (await connection.execute(SQL["plans"])).fetchall()
            stored = {plan.name: plan for plan in map(_plan, rows)}
            asked = {plan.name: plan for plan in wanted}
            for name, current in stored.items():
                if name not in asked or current.row != asked[name].row:
                    await connection.execute(SQL["end_plan"], {"id": current.id, "at": now})
            for plan in wanted:
                if plan.name not in stored or stored[plan.name].row != plan.row:
                    await insert(connection, "add_plan", [(plan, (plan.name, plan.valid_from, *plan.row))])

    async def plans(self) -> list[Plan]:
        """The current ones."""
        return [_plan(row) for row in await self._rows("plans")]

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


async def _installations(connection: psycopg.AsyncConnection[Row], points: Sequence[str] | None) -> list[Installation]:
    rows = await connection.execute(SQL["installations"], {"points": None if points is None else list(points)})
    return [
        Installation(point=point, meter=meter, start=start, end=end, point_id=point_id, meter_id=meter_id)
        for point, meter, start, end, point_id, meter_id in await rows.fetchall()
    ]


def _plan(row: Row) -> Plan:
    plan_id, name, valid_from, kind, _, period_s, quantities, minute, days, zone, *selection, horizon_s = row
    models, areas, tariffs, lines, meters = (None if one is None else tuple(one) for one in selection)
    return Plan(
        id=plan_id, name=name, period_s=period_s, quantities=_quantities(quantities), valid_from=valid_from, kind=kind,
        minute=minute, days=None if days is None else tuple(days), zone=zone, models=models, areas=areas,
        tariffs=tariffs, lines=lines, meters=meters,
        horizon=None if horizon_s is None else timedelta(seconds=horizon_s),
    )  # fmt: skip


def _quantities(ids: Sequence[int]) -> tuple[Quantity, ...]:
    return tuple(BY_ID[number] for number in ids)
