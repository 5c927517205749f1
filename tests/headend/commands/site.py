"""A small utility in a real database, in which everything is in order: meters in two districts, people, a policy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from headend.commands.asked import Asked
from headend.commands.desk import Desk
from headend.commands.policy_file import sample
from headend.commands.told import OrderTold
from headend.people.founding import found
from headend.safety.function import Function, ReasonCode
from headend.safety.world import Clock
from storage import people
from storage.connection import Session
from storage.entries import Additions, NewInstallation, NewLine, NewMeter, NewUsagePoint
from storage.people import Person
from storage.registry import Registry
from storage.roles import DAEMON
from storage.topology_entries import Area, AreaFeeder, AreaPoint, Feeder

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
"""Ten on a Tuesday in Shanghai."""
HOUR = timedelta(hours=1)
PAST = datetime(2026, 1, 1, tzinfo=UTC)
PEOPLE = {
    "ada": ["requester"],
    "bo": ["approver"],
    "cai": ["approver", "operator"],
    "dee": ["operator"],
    "eve": ["reader"],
    "fay": ["administrator"],
}
POLICY = sample().replace("permille = 100", "permille = 1000")


def name(number: int) -> str:
    return f"m{number:05}"


def network(meters: int) -> Additions:
    """The odd ones in the north, the even ones in the south, all on one line."""
    numbers = range(1, meters + 1)
    return Additions(
        lines=(NewLine(name="bus", url="tcp://192.0.2.1:1", protocol="dlt645"),),
        meters=tuple(
            NewMeter(name=name(n), address=f"{n:012}", model="dlt645_2007", line="bus", created=PAST) for n in numbers
        ),
        points=tuple(NewUsagePoint(name=f"p{n:05}", address=f"No. {n}") for n in numbers),
        installations=tuple(NewInstallation(point=f"p{n:05}", meter=name(n), start=PAST) for n in numbers),
        feeders=(Feeder(name="f1"),),
        areas=(Area(name="north"), Area(name="south", timezone="Asia/Shanghai")),
        area_feeders=tuple(AreaFeeder(area=area, feeder="f1", start=PAST) for area in ("north", "south")),
        area_points=tuple(AreaPoint(point=f"p{n:05}", area="north" if n % 2 else "south", start=PAST) for n in numbers),
    )


@dataclass
class Site:
    """`now` and `trusted` are what the desk is told of clocks."""

    conninfo: str
    now: datetime = NOW
    trusted: bool = True
    desks: list[Desk] = field(default_factory=list)

    @classmethod
    async def build(cls, conninfo: str, meters: int = 12, policy: str = POLICY, **more: Iterable[str]) -> Site:
        """`more`: further people with their roles."""
        async with Registry(conninfo) as registry:
            await registry.add(network(meters))
        await found(conninfo, PEOPLE | {who: list(roles) for who, roles in more.items()}, policy)
        site = cls(conninfo)
        site.sql(
            "INSERT INTO clock_survey (meter_id, at, offset_ms, uncertainty_ms) SELECT id, %s, 1000, 500 FROM meter",
            NOW - timedelta(days=1),
        )
        site.sql("INSERT INTO meter_load (meter, watts, by, at) SELECT name, 2000, 'test', %s FROM meter", NOW)
        return site

    def sql(self, statement: str, *given: Any) -> list[tuple[Any, ...]]:
        """As the owner of the database."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), given or None)
            return cursor.fetchall() if cursor.description else []

    def desk(self) -> Desk:
        """One more daemon's, with a daemon's rights."""
        conninfo = make_conninfo(self.conninfo, user=DAEMON)
        desk = Desk(conninfo, "Asia/Shanghai", lambda: Clock(self.trusted, "as the test says"), lambda: self.now)
        self.desks.append(desk)
        return desk

    async def who(self, person: str) -> Person:
        async with Session(self.conninfo) as session, session.use() as connection:
            return (await people.persons(connection, [person]))[person]

    async def close(self) -> None:
        for desk in self.desks:
            await desk.close()

    # -- the usual way

    def asked(self, function: Function = Function.TRIP, meters: Iterable[int] = (1,), **more: Any) -> Asked:
        cuts = function in (Function.TRIP, Function.TRIP_RECLOSE, Function.UNPROTECT)
        given: dict[str, Any] = {
            "function": function,
            "meters": tuple(name(n) for n in meters),
            "reason": ReasonCode.NON_PAYMENT if cuts else ReasonCode.PAYMENT,
            "notice": "letter 12 of 2026-11-01",
        }
        return Asked(**(given | more))

    async def draft(self, by: str = "ada", *args: Any, **more: Any) -> OrderTold:
        return await self.desk().draft(await self.who(by), self.asked(*args, **more))

    async def approve(self, order: OrderTold, by: str = "bo", **more: Any) -> OrderTold:
        return await self.desk().approve(await self.who(by), order.id, order.bound, **more)

    async def release(self, order: OrderTold, by: str = "dee") -> OrderTold:
        return await self.desk().release(await self.who(by), order.id)

    async def approved(self, *args: Any, **more: Any) -> OrderTold:
        return await self.approve(await self.draft("ada", *args, **more))

    async def released(self, *args: Any, **more: Any) -> OrderTold:
        return await self.release(await self.approved(*args, **more))

    def states(self, order: str) -> dict[str, str]:
        rows = self.sql("SELECT meter, state FROM command_state WHERE key = %s", order)
        return dict(rows)

    def audited(self, action: str) -> list[tuple[str, str]]:
        """(by, subject)."""
        return [(by, subject) for by, subject in self.sql(
            "SELECT by, subject FROM audit WHERE action = %s ORDER BY number", action
        )]  # fmt: skip
