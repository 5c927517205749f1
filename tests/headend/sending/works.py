"""A utility in a real database whose meters are simulated ones behind TCP ports, and daemons that send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg

from headend.collection.crew import Crew
from headend.collection.line import Line, LinePath
from headend.collection.poller import Poller
from headend.collection.survey import MeterPath
from headend.commands.asked import Asked
from headend.commands.desk import Desk
from headend.commands.policy_file import sample
from headend.commands.told import OrderTold
from headend.people.founding import found
from headend.recording.pending import Pending
from headend.safety.function import Function, ReasonCode
from headend.safety.world import Clock
from headend.sending.at_work import dispatching
from headend.sending.book import Keys
from headend.sending.dispatch import Dispatch
from headend.work.plan import Kind
from protocols import models
from protocols.timing import Timing
from protocols.traffic import Tap
from simulators.fleet import Fleet
from storage import people
from storage.connection import Session
from storage.entries import Additions, NewInstallation, NewLine, NewMeter, NewUsagePoint
from storage.people import Person
from storage.registry import Registry
from storage.topology_entries import Area, AreaFeeder, AreaPoint, Feeder
from tests.headend.clock.site import ZONE
from tests.headend.commands.site import PAST, PEOPLE
from tests.headend.sending.vault import Vault
from tests.simulators.reading import bus, scenario

TIMING: Final = Timing(response=0.5, latency=0.3, gap=0.1, pause=0.0, late=0.3, retries=0)
PATIENCE_S: Final = 30.0


def policy(**changes: str) -> str:
    """The sample, without caps and ramps that stand in the way of a few."""
    text = (
        sample()
        .replace("permille = 100", "permille = 1000")
        .replace("watts_per_minute = 200_000", "watts_per_minute = 20_000_000")
    )
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Works:
    """`lines` with their meters, in the fleet's order. `sent`: every frame that went out, as hex."""

    conninfo: str
    fleet: Fleet
    lines: list[tuple[LinePath, list[MeterPath]]]
    desks: list[Desk] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    zone: ZoneInfo = ZONE

    @property
    def meters(self) -> list[MeterPath]:
        return [meter for _, own in self.lines for meter in own]

    def memory(self, meter: MeterPath) -> Any:
        return self.fleet.station(meter.name).memory(now())

    def _show(self, direction: str, raw: bytes) -> None:
        if direction == ">":
            self.sent.append(raw.hex().upper())

    def closed(self, meter: MeterPath) -> bool:
        return bool(self.memory(meter).relay.closed)

    def sql(self, statement: str, *given: Any) -> list[tuple[Any, ...]]:
        """As the owner of the database."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), given or None)
            return cursor.fetchall() if cursor.description else []

    def states(self, order: str) -> dict[str, str]:
        return dict(self.sql("SELECT meter, state FROM command_state WHERE key = %s", order))

    @property
    def desk(self) -> Desk:
        if not self.desks:
            self.desks.append(Desk(self.conninfo, self.zone.key, lambda: Clock(True, "as the test says")))
        return self.desks[0]

    async def who(self, person: str) -> Person:
        async with Session(self.conninfo) as session, session.use() as connection:
            return (await people.persons(connection, [person]))[person]

    async def released(
        self, function: Function = Function.TRIP, meters: Iterable[MeterPath] | None = None, **more: Any
    ) -> OrderTold:
        """Asked for by ada, approved by bo, let go by dee."""
        asked = Asked(
            **(
                {
                    "function": function, "reason": ReasonCode.EMERGENCY, "notice": "letter 12",
                    "meters": tuple(meter.name for meter in (self.meters if meters is None else meters)),
                }
                | more
            )
        )  # fmt: skip
        order = await self.desk.draft(await self.who("ada"), asked)
        if "approval" in order.needs:
            order = await self.desk.approve(await self.who("bo"), order.id, order.bound)
        return await self.desk.release(await self.who("dee"), order.id)

    @asynccontextmanager
    async def daemon(self, name: str = "one", keys: Keys | None = None, **more: Any) -> AsyncIterator[Dispatch]:
        """Pollers of all lines that have nothing to read, and who gives them commands."""
        clock = lambda: Clock(True, "as the test says")  # noqa: E731
        async with dispatching(self.conninfo, name, self.zone.key, clock, keys or Vault(), **more) as given:
            crew = Crew(
                lambda path, meters, guard: Poller(
                    Line(path, TIMING, Tap(self._show), guard), meters, (), Pending(10), now,
                    errands={Kind.COMMAND: given.errand}, given_up=given.given_up,
                )
            )  # fmt: skip
            for path, meters in self.lines:
                crew.begin(path, meters)
            tasks = [asyncio.create_task(crew.run()), asyncio.create_task(given.run(crew))]
            try:
                yield given
            finally:
                crew.stop()
                tasks[1].cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def settled(self, order: str, *wanted: str) -> dict[str, str]:
        """When all commands of an order are in one of these states."""
        await until(lambda: set(self.states(order).values()) <= set(wanted))
        return self.states(order)


async def until(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    async with asyncio.timeout(patience_s):
        while not condition():  # noqa: ASYNC110 - what is waited for is other tasks' doing
            await asyncio.sleep(0.02)


@asynccontextmanager
async def works(
    conninfo: str,
    lines: int = 1,
    meters: int = 4,
    text: str = "",
    extra: str = "",
    protocol: str = "dlt645",
    carrier: str = "tcp://127.0.0.1:0",
    model: str = "dlt645_2007",
    zone: ZoneInfo = ZONE,
) -> AsyncIterator[Works]:
    """`text`: the policy; `extra`: of each bus of the scenario; `model`: its name or file."""
    rows = [f"meters = {meters}", f'model = "{model}"', *([extra] if extra else [])]
    buses = "".join(bus(protocol, carrier, *rows, f'name = "bus{n}"') for n in range(lines))
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(Fleet(scenario(buses), now))
        names = [(f"line{n}", running.url, running.meters) for n, running in enumerate(fleet.buses)]
        made = [(line, one) for line, _, own in names for one in own]
        async with Registry(conninfo) as registry:
            await registry.add(
                Additions(
                    lines=tuple(NewLine(name=line, url=url, protocol=protocol) for line, url, _ in names),
                    meters=tuple(
                        NewMeter(name=one.name, address=one.address, model=model, line=line, created=PAST)
                        for line, one in made
                    ),
                    points=tuple(NewUsagePoint(name=f"p-{one.name}") for _, one in made),
                    installations=tuple(
                        NewInstallation(point=f"p-{one.name}", meter=one.name, start=PAST) for _, one in made
                    ),
                    feeders=(Feeder(name="f1"),),
                    areas=(Area(name="north"),),
                    area_feeders=(AreaFeeder(area="north", feeder="f1", start=PAST),),
                    area_points=tuple(AreaPoint(point=f"p-{one.name}", area="north", start=PAST) for _, one in made),
                )
            )
            ids = {meter.name: meter.id for meter in await registry.meters()}
        await found(conninfo, {who: list(roles) for who, roles in PEOPLE.items()}, text or policy())
        known = models.load(model)
        done = Works(
            conninfo,
            fleet,
            [
                (
                    LinePath(line, url, protocol),
                    [MeterPath(ids[one.name], one.name, one.address, known, zone) for one in own],
                )
                for line, url, own in names
            ],
            zone=zone,
        )
        done.sql(
            "INSERT INTO clock_survey (meter_id, at, offset_ms, uncertainty_ms) SELECT id, %s, 0, 500 FROM meter",
            now() - timedelta(days=1),
        )
        done.sql("INSERT INTO meter_load (meter, watts, by, at) SELECT name, 2000, 'test', %s FROM meter", now())
        try:
            yield done
        finally:
            for desk in done.desks:
                await desk.close()
