"""The network as it was at a moment, and a usage point's registers over a span."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from protocols.model import Quantity
from protocols.quantities import BY_ID
from storage.adding import add_all
from storage.connection import Row, Session
from storage.entries import Additions
from storage.errors import NotFound
from storage.exchange import ExchangeDone, NewExchange, Removal, exchange, remove
from storage.statements import load
from storage.topology_entries import (
    Area,
    AreaFeeder,
    AreaPoint,
    Edge,
    Exchanged,
    Feeder,
    MeterState,
    MultiplierChange,
    Phase,
    RegisterMark,
    RegisterSource,
    StateChange,
    TotalMeter,
    Vacancy,
)

SQL = load("topology")


@dataclass(frozen=True, slots=True)
class Standing:
    """A meter that stands at a point, at the moment that was asked for."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """A usage point of an area with the meters that stand there: usually one."""

    point: str
    phase: Phase | None
    branch: str | None
    meters: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class AreaAt:
    """An area at a moment."""

    area: Area
    feeder: str | None
    totals: tuple[str, ...]
    """Names of the meters that measure it."""
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """A meter at a point in [start, end) under one multiplier. Registers are the meter's own; None: not known there."""

    meter_id: int
    meter: str
    start: datetime
    end: datetime
    multiplier: Decimal
    initial: Decimal | None
    final: Decimal | None


class Topology(Session):
    """One connection. Times carry a zone. Errors as `storage.registry.Registry`'s."""

    async def feeders(self) -> list[Feeder]:
        rows = await self._rows("feeders")
        return sorted((Feeder(name=n, address=a, options=o) for n, a, o in rows), key=lambda f: f.name)

    async def areas(self) -> list[Area]:
        rows = await self._rows("areas")
        found = (Area(name=n, timezone=z, address=a, options=o) for n, z, a, o in rows)
        return sorted(found, key=lambda area: area.name)

    async def areas_at(self, at: datetime, names: Collection[str] | None = None) -> list[AreaAt]:
        """By name: all, or the named ones. Raises `NotFound`."""
        areas = {area.name: area for area in await self.areas()}
        for name in names or ():
            if name not in areas:
                raise NotFound(f"no area named {name!r}")
        wanted = sorted(areas if names is None else set(names))
        feeders = {link.area: link.feeder for link in await self.area_feeders(wanted, at=at)}
        totals: dict[str | None, list[str]] = {}
        for total in await self.totals(at=at):
            totals.setdefault(total.area, []).append(total.meter)
        rows = await self._rows("members_at", at=at, areas=wanted, feeder=None, branch=None)
        members = {name: _members(group) for name, group in groupby(rows, key=lambda row: str(row[0]))}
        return [
            AreaAt(areas[name], feeders.get(name), tuple(totals.get(name, ())), members.get(name, ()))
            for name in wanted
        ]

    async def meters_at(
        self, at: datetime, *, area: str | None = None, feeder: str | None = None, branch: str | None = None
    ) -> list[Standing]:
        """Meters that stood at the points of an area, a feeder or a branch, by area and point; total meters not."""
        areas = None if area is None else [area]
        rows = await self._rows("members_at", at=at, areas=areas, feeder=feeder, branch=branch)
        return [Standing(row[5], row[6]) for row in rows if row[5] is not None]

    async def segments(self, point: str, quantity: Quantity, start: datetime, end: datetime) -> list[Segment]:
        """Who measured at a point in [start, end), cut where multipliers change; by time.

        A register is the one that was stated for the moment, else the one that was read at that very moment.
        """
        rows = await self._rows("segments", point=point, quantity=quantity.id, start=start, end=end)
        return [
            Segment(i, name, since, until, multiplier, _value(quantity, initial), _value(quantity, final))
            for i, name, since, until, multiplier, initial, final in rows
        ]

    async def multipliers_at(self, at: datetime, meters: Collection[int]) -> dict[int, Decimal]:
        """Meter id to what its registers are multiplied with."""
        return dict(await self._rows("multipliers_at", at=at, meters=list(meters)))

    async def multiplier_at(self, meter_id: int, at: datetime) -> Decimal:
        """Raises `NotFound`."""
        found = await self.multipliers_at(at, [meter_id])
        if meter_id not in found:
            raise NotFound(f"no meter with id {meter_id}")
        return found[meter_id]

    async def exchange(self, new: NewExchange) -> ExchangeDone:
        """One meter takes another's place: all of it or nothing. Raises `Rejected`, `NotFound`, `AlreadyThere`."""
        async with self.transaction() as connection:
            return await exchange(connection, new)

    async def remove(self, removal: Removal) -> int:
        """A meter leaves its point and what it measured, and is removed; how many captures are later than that."""
        async with self.transaction() as connection:
            return await remove(connection, removal)

    async def change_states(self, changes: Sequence[StateChange]) -> None:
        """All of them or none. Raises `NotFound`, `Rejected`."""
        async with self.transaction() as connection:
            await add_all(connection, Additions(states=tuple(changes)))

    async def move_point(self, membership: AreaPoint) -> None:
        """The point belongs to that area from then on; what it belonged to ends there."""
        async with self.transaction() as connection:
            given = {"name": membership.point, "at": membership.start}
            await connection.execute(SQL["end_area_point"], given)
            await add_all(connection, Additions(area_points=(membership,)))

    async def move_area(self, membership: AreaFeeder) -> None:
        """The area is fed by that feeder from then on."""
        async with self.transaction() as connection:
            given = {"name": membership.area, "at": membership.start}
            await connection.execute(SQL["end_area_feeder"], given)
            await add_all(connection, Additions(area_feeders=(membership,)))

    async def area_feeders(self, areas: Sequence[str] | None = None, *, at: datetime | None = None) -> list[AreaFeeder]:
        """By area and time; of all times, or those that hold at one."""
        rows = await self._rows("area_feeders", areas=areas, at=at)
        found = (AreaFeeder(area=a, feeder=f, start=s, end=e) for a, f, s, e in rows)
        return sorted(found, key=lambda link: (link.area, link.start))

    async def area_points(
        self,
        areas: Sequence[str] | None = None,
        points: Sequence[str] | None = None,
        *,
        at: datetime | None = None,
    ) -> list[AreaPoint]:
        """By point and time."""
        found = (
            AreaPoint(point=p, area=a, start=s, end=e, phase=None if phase is None else Phase(phase), branch=branch)
            for p, a, s, e, phase, branch in await self._rows("area_points", areas=areas, points=points, at=at)
        )
        return sorted(found, key=lambda link: (link.point, link.start))

    async def members(self) -> dict[str, list[str]]:
        """Area to the points that belong to it, whenever; by name."""
        return {area: sorted(points) for area, points in sorted(await self._rows("members"))}

    async def totals(self, meters: Sequence[str] | None = None, *, at: datetime | None = None) -> list[TotalMeter]:
        """By meter and time."""
        rows = await self._rows("totals", meters=meters, at=at)
        found = (TotalMeter(meter=m, area=a, feeder=f, start=s, end=e) for m, a, f, s, e in rows)
        return sorted(found, key=lambda total: (total.meter, total.start))

    async def states(self, meters: Sequence[str] | None = None) -> list[StateChange]:
        """Of each meter in the order in which they came; the first is how it began."""
        rows = await self._rows("states", meters=meters)
        found = (StateChange(meter=m, state=MeterState(s), start=t, actor=a, reason=r) for m, s, t, a, r in rows)
        return sorted(found, key=lambda change: change.meter)

    async def multipliers(self, meters: Sequence[str] | None = None) -> list[MultiplierChange]:
        """By meter and time."""
        rows = await self._rows("multipliers", meters=meters)
        found = (MultiplierChange(meter=m, start=t, multiplier=x, actor=a, reason=r) for m, t, x, a, r in rows)
        return sorted(found, key=lambda change: (change.meter, change.start))

    async def registers(self, meters: Sequence[str] | None = None) -> list[RegisterMark]:
        """By meter, time and quantity, what ends before what begins."""
        found = (
            RegisterMark(
                meter=m, time=t, quantity=BY_ID[q], edge=Edge(e), value=BY_ID[q].value(v), source=RegisterSource(s),
                actor=a, reason=r,
            )
            for m, t, q, e, v, s, a, r in await self._rows("registers", meters=meters)
        )  # fmt: skip
        return sorted(found, key=lambda mark: (mark.meter, mark.time, mark.quantity.id, mark.edge))

    async def exchanges(self, meters: Sequence[str] | None = None) -> list[Exchanged]:
        """By time; those that the named meters had a part in."""
        rows = await self._rows("exchanges", meters=meters)
        found = (Exchanged(old=o, new=n, at=t, actor=a, reason=r) for o, n, t, a, r in rows)
        return sorted(found, key=lambda exchanged: (exchanged.at, exchanged.old))

    async def vacancies(self) -> list[Vacancy]:
        """By point and time; those that count."""
        rows = await self._rows("vacancies")
        found = (Vacancy(point=p, start=s, end=e, actor=a, reason=r) for p, s, e, a, r in rows)
        return sorted(found, key=lambda vacancy: (vacancy.point, vacancy.start))

    async def _rows(self, statement: str, **given: object) -> list[Row]:
        async with self.use() as connection:
            return await (await connection.execute(SQL[statement], given)).fetchall()


def _members(rows: Any) -> tuple[Member, ...]:
    return tuple(
        Member(
            point,
            None if phase is None else Phase(phase),
            branch,
            tuple(Standing(row[5], row[6]) for row in standing if row[5] is not None),
        )
        for (point, phase, branch), standing in groupby(rows, key=lambda row: (row[2], row[3], row[4]))
    )


def _value(quantity: Quantity, steps: int | None) -> Decimal | None:
    return None if steps is None else quantity.value(steps)
