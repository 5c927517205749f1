"""What the running daemon does beside reading: events of a simulated meter come into the database, outages follow."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from headend.collection.collector import Collector
from headend.collection.line import Line
from headend.config import Config, parse
from headend.daemon import prepare
from headend.errands.events import EventErrand
from headend.errands.kept import NotKept
from headend.errands.staff import employed
from headend.place import store
from headend.registry.files import one_meter
from headend.requests.asking import ask
from headend.upkeep.housekeeping import Housekeeping
from headend.work.job import Job
from headend.work.plan import Kind, Priority
from simulators.fleet import Fleet
from storage.entries import Additions, NewInstallation, NewUsagePoint
from storage.events import EventStore
from storage.registry import Registry
from storage.retention import Keep, Retention
from storage.topology_entries import Area, AreaPoint
from tests.headend.bus import Bus, meter, path
from tests.headend.command import Headend
from tests.headend.conftest import Plug, configuration
from tests.servers import wait_until
from tests.simulators.reading import bus, scenario

PLAN = "".join(f'[[plan]]\nname = "{kind}"\nkind = "{kind}"\nevery = "1s"\n' for kind in ("events", "clock"))


@asynccontextmanager
async def collecting(config: Config, url: str, address: str) -> AsyncIterator[Collector]:
    async with store(config) as opened, employed(config, opened) as staff:
        cells = {"address": address, "model": "dlt645_2007", "line": "line", "link": url, "framing": ""}
        await opened.registry.add(one_meter(Additions(), "m1", cells))
        collector = await prepare(config, opened, staff=staff)
        running = asyncio.create_task(collector.run())
        yield collector
        collector.stop()
        await running


def rows(conninfo: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(conninfo) as connection:
        return connection.execute(statement.encode()).fetchall()


async def test_what_happens_to_a_meter_is_in_the_database(plain_database: str) -> None:
    text = configuration(plain_database, every="1s") + PLAN
    config = parse(text.replace('response = "150ms"', 'response = "2s"'), "test.toml")
    async with Fleet(scenario(bus("dlt645", "tcp://127.0.0.1:0", "meters = 1"))) as fleet:
        (simulated,) = fleet.meters

        def kinds() -> set[object]:
            return {kind for (kind,) in rows(plain_database, "SELECT kind FROM meter_event")}

        async with collecting(config, fleet.buses[0].url, simulated.address) as collector:
            await asyncio.to_thread(
                wait_until, lambda: bool(rows(plain_database, "SELECT 1 FROM event_state")), "the first look"
            )
            fleet.happen(simulated.name, "cover_open", 1)
            await asyncio.to_thread(wait_until, lambda: "meter_cover_open" in kinds(), "the event")
            captures = collector.recorder.counters.captures
            await asyncio.to_thread(
                wait_until, lambda: collector.recorder.counters.captures > captures, "readings beside it"
            )
    clocks = rows(plain_database, "SELECT abs(offset_ms) <= uncertainty_ms + 1000 FROM clock_survey")
    assert clocks
    assert set(clocks) == {(True,)}
    count = rows(plain_database, "SELECT count(*) FROM meter_event WHERE kind = 'meter_cover_open'")
    assert count == [(1,)]


async def test_a_person_has_events_read_by_the_daemon(plain_database: str, tmp_path: Path, headend: Headend) -> None:
    text = configuration(plain_database, every="1s").replace('response = "150ms"', 'response = "2s"')
    site = tmp_path / "headend.toml"
    site.write_text(text, encoding="utf-8")
    async with Fleet(scenario(bus("dlt645", "tcp://127.0.0.1:0", "meters = 1"))) as fleet:
        (simulated,) = fleet.meters
        async with collecting(parse(text, str(site)), fleet.buses[0].url, simulated.address):
            alive = "SELECT 1 FROM daemon WHERE (counters->>'lines')::int > 0"
            await asyncio.to_thread(wait_until, lambda: bool(rows(plain_database, alive)), "a sign of life")
            first = await ask(str(site), "m1", [], timedelta(seconds=60), "events")
            fleet.happen(simulated.name, "cover_open", 1)
            ran = await asyncio.to_thread(headend, "--config", site, "events", "read", "m1", "--json")
    assert first == {"address": simulated.address}
    assert ran.code == 0
    told = [json.loads(line) for line in ran.out.splitlines() if line.startswith("{")]  # the daemon logs there, too
    assert [event["kind"] for event in told] == ["meter_cover_open"]
    assert rows(plain_database, "SELECT kind FROM meter_event WHERE kind = 'meter_cover_open'") != []
    asked = rows(plain_database, "SELECT kind, state FROM request")
    assert asked == [("events", "done")] * 2


async def test_without_the_database_a_meter_is_not_asked(plug: Plug) -> None:
    silent = Bus({})
    plug("line1", silent)
    job = Job(11, datetime.now(UTC), datetime.now(UTC), datetime.now(UTC), Priority.TODAY, 1, Kind.EVENTS)
    async with EventStore("host=127.0.0.1 port=1 dbname=x") as away:
        from tests.headend.events.test_event_survey import QUICK

        with pytest.raises(NotKept):
            await EventErrand(away, lambda: datetime.now(UTC))(Line(path("line1"), QUICK), meter(1, 1), job)
    assert silent.asked == []


async def test_outages_are_concluded_beside_collecting_and_go_with_time(plain_database: str) -> None:
    """Two meters of one branch say their last; then they are back; both are forgotten by retention."""
    began = datetime.now(UTC).replace(microsecond=0)
    stood = began - timedelta(days=1)
    async with Registry(plain_database) as registry:
        for name in ("a1", "a2", "b1"):
            known = Additions(lines=tuple(await registry.lines()))
            cells = {
                "address": name[1:] + str(ord(name[0])),
                "model": "dlt645_2007",
                "line": "l",
                "link": "tcp://127.0.0.1:1",
                "framing": "",
            }
            await registry.add(one_meter(known, name, cells))
        await registry.add(
            Additions(
                areas=(Area(name="A"),),
                points=tuple(NewUsagePoint(name=f"p{n}") for n in ("a1", "a2", "b1")),
                installations=tuple(NewInstallation(point=f"p{n}", meter=n, start=stood) for n in ("a1", "a2", "b1")),
                area_points=tuple(
                    AreaPoint(point=f"p{n}", area="A", start=stood, branch=n[0]) for n in ("a1", "a2", "b1")
                ),
            )
        )
        ids = {one.name: one.id for one in await registry.meters()}
    keeping = Housekeeping(parse(configuration(plain_database), "x.toml"), plain_database)
    from protocols.events import EventSource, MeterEvent, kind

    def said(name: str, what: str, at: datetime) -> MeterEvent:
        return MeterEvent(ids[name], kind(what), at, at, EventSource.LAST_GASP)

    async with EventStore(plain_database) as events, Retention(plain_database) as retention:
        await events.write([said(n, "last_gasp", began) for n in ("a1", "a2")], {}, began)
        await keeping.tick(began + timedelta(seconds=10))
        held = "SELECT area, level, place, restored IS NULL FROM outage"
        assert rows(plain_database, held) == [("A", "branch", "a", True)]
        back = began + timedelta(seconds=30)
        await events.write([said(n, "power_restored", back) for n in ("a1", "a2")], {}, back)
        await keeping.tick(began + timedelta(seconds=40))
        assert rows(plain_database, held) == [("A", "branch", "a", True)], "not a minute later yet"
        await keeping.tick(began + timedelta(seconds=75))
        assert rows(plain_database, held) == [("A", "branch", "a", False)]
        keep = Keep(events=timedelta(days=1), outages=timedelta(days=1))
        done = await retention.drop(keep, began + timedelta(hours=12), dry_run=True)
        assert [(one.kind, one.rows) for one in done or ()] == [("events", 0), ("outages", 0)]
        late = began + timedelta(days=2)
        told = await retention.drop(keep, late, dry_run=True)
        assert [(one.kind, one.rows) for one in told or ()] == [("events", 4), ("outages", 1)]
        assert await retention.drop(keep, late) == told
        assert await retention.drop(keep, late, dry_run=True) != told
    await keeping.close()
    assert rows(plain_database, "SELECT count(*) FROM meter_event") == [(0,)]
