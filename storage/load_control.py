"""Load control as it is kept: programmes, members, events with whom they called, balances, notices. Rows are added."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from storage.connection import Row, Session
from storage.errors import AlreadyThere, NotFound
from storage.statements import load

SQL = load("load_control")


@dataclass(frozen=True, slots=True)
class ProgrammeRow:
    """`document`: TOML."""

    name: str
    document: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """`out_of`: events that it has opted out of."""

    point: str
    by: str
    since: datetime
    out_of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A usage point with its meter. `protected`: why it must not be cut, else empty."""

    point: str
    meter: str
    area: str
    protected: str


@dataclass(frozen=True, slots=True)
class CallRow:
    """`state`: of the command that was to cut; empty: there is none."""

    round: int
    start: datetime
    end: datetime
    point: str
    meter: str
    available_w: int
    order_key: str
    state: str = ""


@dataclass(frozen=True, slots=True)
class EventRow:
    """`cancelled`: why; None while it holds. `settled`: the version of the last settlement."""

    id: str
    programme: str
    start: datetime
    end: datetime
    kw: Decimal
    areas: tuple[str, ...]
    reason: str
    missing_w: int
    by: str
    at: datetime
    cancelled: str | None
    calls: int
    settled: int | None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    point: str
    round: int
    baseline: Decimal | None
    used: Decimal | None
    amount: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class StandingRow:
    point: str
    balance: Decimal
    of: datetime
    warned: datetime | None
    noticed: datetime | None
    proof: str


class LoadControl(Session):
    """Raises `DatabaseUnreachable`, and what the methods say."""

    async def add_programme(self, name: str, document: str, by: str) -> None:
        """It holds from now on under this name."""
        await self._run("add_programme", name=name, document=document, by=by)

    async def programmes(self, name: str | None = None) -> list[ProgrammeRow]:
        return [ProgrammeRow(*row) for row in await self._rows("programmes", name=name)]

    async def change_members(
        self, programme: str, points: Collection[str], *, joined: bool, by: str, event: str | None = None,
        reason: str = "",
    ) -> None:  # fmt: skip
        """Points join or leave, or opt out of one event. Raises `NotFound` naming the points that are not there."""
        names = sorted(set(points))
        async with self.transaction() as connection:
            unknown = await (await connection.execute(SQL["unknown_points"], {"points": names})).fetchall()
            if unknown:
                raise NotFound(f"no usage point named {', '.join(repr(name) for (name,) in unknown[:10])}")
            given = {
                "programme": programme, "points": names, "joined": joined, "event": event, "reason": reason, "by": by,
            }  # fmt: skip
            await connection.execute(SQL["change_members"], given)

    async def members(self, programme: str) -> list[Member]:
        rows = await self._rows("members", programme=programme)
        return [Member(point, by, since, tuple(out_of)) for point, by, since, out_of in rows]

    async def places(self, points: Collection[str] | None, at: datetime) -> list[Place]:
        """Of points that have an active meter then."""
        names = None if points is None else sorted(points)
        return [Place(*row) for row in await self._rows("places", points=names, at=at)]

    async def areas(self) -> list[str]:
        return [name for (name,) in await self._rows("areas")]

    async def calls(self, since: datetime) -> dict[str, list[tuple[datetime, datetime]]]:
        """By usage point, those that began since."""
        found: dict[str, list[tuple[datetime, datetime]]] = {}
        for point, start, end in await self._rows("calls", since=since):
            found.setdefault(point, []).append((start, end))
        return found

    async def add_event(self, event: EventRow, calls: Sequence[CallRow], left_out: Sequence[tuple[str, str]]) -> None:
        """All of it or nothing. Raises `AlreadyThere` for an event of that id."""
        async with self.transaction() as connection:
            given = {
                "id": event.id, "programme": event.programme, "start": event.start, "end": event.end, "kw": event.kw,
                "areas": list(event.areas), "reason": event.reason, "missing_w": event.missing_w, "by": event.by,
            }  # fmt: skip
            await connection.execute(SQL["add_event"], given)
            for number in sorted({call.round for call in calls}):
                own = [call for call in calls if call.round == number]
                await connection.execute(
                    SQL["add_calls"],
                    {
                        "event": event.id, "round": number, "start": own[0].start, "end": own[0].end,
                        "order_key": own[0].order_key, "points": [c.point for c in own],
                        "meters": [c.meter for c in own], "watts": [c.available_w for c in own],
                    },
                )  # fmt: skip
            points, whys = [p for p, _ in left_out], [why for _, why in left_out]
            await connection.execute(SQL["add_left_out"], {"event": event.id, "points": points, "whys": whys})

    async def events(self, event: str | None = None) -> list[EventRow]:
        """Newest first."""
        rows = await self._rows("events", id=event)
        return [EventRow(*(*row[:5], tuple(row[5]), *row[6:])) for row in rows]

    async def event(self, event: str) -> EventRow:
        """Raises `NotFound`."""
        found = await self.events(event)
        if not found:
            raise NotFound(f"no event {event!r}")
        return found[0]

    async def called(self, event: str) -> list[CallRow]:
        return [CallRow(*row) for row in await self._rows("called", event=event)]

    async def left_out(self, event: str) -> list[tuple[str, str]]:
        return [(point, why) for point, why in await self._rows("left_out", event=event)]

    async def cancel(self, event: str, why: str, by: str) -> None:
        """Raises `NotFound`, `AlreadyThere`."""
        row = await self.event(event)
        if row.cancelled is not None:
            raise AlreadyThere(f"event {event!r} is cancelled: {row.cancelled}")
        await self._run("cancel", event=event, why=why, by=by)

    async def settle(self, event: str, deliveries: Sequence[DeliveryRow], currency: str, by: str) -> int:
        """The version that this settlement has. Raises `NotFound`."""
        version = ((await self.event(event)).settled or 0) + 1
        await self._run(
            "add_deliveries", event=event, version=version, currency=currency, by=by,
            points=[d.point for d in deliveries], rounds=[d.round for d in deliveries],
            baselines=[d.baseline for d in deliveries], used=[d.used for d in deliveries],
            amounts=[d.amount for d in deliveries], reasons=[d.reason for d in deliveries],
        )  # fmt: skip
        return version

    async def add_balances(self, rows: Sequence[tuple[str, Decimal, datetime]], by: str) -> None:
        """(usage point, balance, when it was so). Raises `NotFound`."""
        points = [point for point, _, _ in rows]
        async with self.transaction() as connection:
            unknown = await (await connection.execute(SQL["unknown_points"], {"points": points})).fetchall()
            if unknown:
                raise NotFound(f"no usage point named {', '.join(repr(name) for (name,) in unknown[:10])}")
            given = {"points": points, "balances": [b for _, b, _ in rows], "ofs": [at for _, _, at in rows], "by": by}
            await connection.execute(SQL["add_balances"], given)

    async def add_notice(self, point: str, kind: str, proof: str, of: datetime, by: str) -> None:
        """`kind`: warned or noticed. Raises `NotFound`."""
        given = {"point": point, "kind": kind, "proof": proof, "of": of, "by": by}
        async with self.use() as connection:
            if not (await connection.execute(SQL["add_notice"], given)).rowcount:
                raise NotFound(f"no usage point named {point!r}")

    async def cut_since(self, points: Collection[str], reason: str) -> dict[str, datetime]:
        """Of those whose relay was seen to be cut for this reason, and not seen to be given back."""
        rows = await self._rows("switched", points=sorted(points), reason=reason)
        return {point: at for point, function, at in rows if function == "trip"}

    async def ordered(self, points: Collection[str]) -> dict[str, str]:
        """Of those that wait for an order to cut or to give back: its key."""
        return dict(await self._rows("ordered", points=sorted(points)))

    async def standings(self, points: Collection[str], above: Decimal) -> list[StandingRow]:
        """Of points whose balance was told. What was told before the balance was last above `above` counts no more."""
        rows = await self._rows("standings", points=sorted(points), above=above)
        return [StandingRow(*row) for row in rows]

    async def _rows(self, statement: str, **given: Any) -> list[Row]:
        async with self.use() as connection:
            return await (await connection.execute(SQL[statement], given or None)).fetchall()

    async def _run(self, statement: str, **given: Any) -> None:
        async with self.use() as connection:
            await connection.execute(SQL[statement], given)
