"""Plans of kind `clock` in the running collector: surveys are kept, lines are told the time if that is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from headend.clock.doubt import Doubts
from headend.clock.offset import Offset
from headend.clock.policy import ClockPolicy, Standing, SyncMode
from headend.clock.survey import ClockSurvey
from headend.collection.poller import Poller
from headend.collection.recall_survey import recall
from headend.collection.survey import MeterPath
from headend.errands.clocks import ClockErrand
from headend.recording.pending import Pending
from headend.work.job import Job
from headend.work.plan import Kind, Plan, Priority
from headend.work.schedule import Every
from protocols import models
from protocols.model import Quality
from protocols.quantities import BY_NAME
from storage.clocks import ClockStore
from tests.headend.clock.site import ZONE, Site, site
from tests.servers import wait_until

pytestmark = pytest.mark.postgres
ENERGY = BY_NAME["active_energy_import"]


@pytest.fixture
async def clocks(plain_database: str) -> AsyncIterator[ClockStore]:
    async with ClockStore(plain_database) as store:
        yield store


def errand_of(one: Site, mode: SyncMode) -> tuple[ClockErrand, Doubts]:
    assert one.store is not None
    one.policy = ClockPolicy(sync=mode)
    doubts = Doubts(one.policy)

    async def on_line(name: str) -> Sequence[MeterPath]:
        assert name == "line"
        return one.meters

    return ClockErrand(one.store, one.policy, doubts, one.sync, one.now, on_line), doubts


def job(one: Site, number: int) -> Job:
    now = one.now()
    return Job(one.meters[number].id, now, now, now + timedelta(hours=1), Priority.TODAY, 1, Kind.CLOCK)


@pytest.mark.parametrize(
    ("mode", "told"), [(SyncMode.OFF, False), (SyncMode.PROPOSE, False), (SyncMode.BROADCAST, True)]
)
async def test_what_is_done_by_itself(plain_database: str, clocks: ClockStore, mode: SyncMode, told: bool) -> None:
    """The second meter is off and causes it; the third, which is as much off, is right then, too."""
    off = {0: 0.0, 1: 20.0, 2: 20.0, 3: 7200.0}
    async with site(4, conninfo=plain_database, off=off, store=clocks) as one:
        errand, doubts = errand_of(one, mode)
        for number in range(4):
            await errand(one.line, one.meters[number], job(one, number))
        assert (abs(one.is_off(1)) < 1.5, abs(one.is_off(2)) < 1.5) == (told, told)
        assert abs(one.is_off(3)) > 7000
        assert [meter.id in doubts for meter in one.meters] == [False, False, False, True]
        syncs = await clocks.syncs(datetime(2026, 11, 1, tzinfo=UTC))
        assert {row.meter for row in syncs} == ({meter.name for meter in one.meters} if told else set())
        assert {row.actor for row in syncs} <= {"automatic"}


async def test_by_plan_in_a_poller(plain_database: str, clocks: ClockStore) -> None:
    async with site(3, conninfo=plain_database, off={2: 9.0}, store=clocks) as one:
        errand, _ = errand_of(one, SyncMode.OFF)
        plan = Plan("clocks", Every(1), kind=Kind.CLOCK)
        poller = Poller(one.line, one.meters, [plan], Pending(100), one.now, errands={Kind.CLOCK: errand})
        running = asyncio.create_task(poller.run())

        def surveyed() -> int:
            with psycopg.connect(plain_database) as connection:
                row = connection.execute("SELECT count(DISTINCT meter_id) FROM clock_survey").fetchone()
            assert row is not None
            return int(row[0])

        await asyncio.to_thread(wait_until, lambda: surveyed() == 3, "three clocks")
        poller.stop()
        await running
        latest = await clocks.latest(one.now() + timedelta(days=400))
        assert [abs((row.offset_ms or 0) - 1000 * one.is_off(n)) < 3000 for n, row in enumerate(latest)] == [True] * 3
        assert poller.failures == {}
        assert await clocks.far(5_000) == [one.meters[2].id]
        assert await clocks.far(60_000) == []


@pytest.mark.parametrize("doubtful", [False, True])
async def test_records_of_a_doubtful_clock_are_marked(doubtful: bool) -> None:
    async with site(1) as one:
        slot = one.now().replace(minute=15, second=0, microsecond=0) - timedelta(hours=1)
        found = await recall(one.line, one.meters[0], {slot: [ENERGY]}, one.now, doubtful=doubtful)
        (capture,) = found.captures
        place = next(n for n, value in enumerate(capture.values) if value is not None)
        assert capture.quality[place] is (Quality.CLOCK_DOUBTFUL if doubtful else Quality.GOOD)
        assert found.given == {(slot, ENERGY)}, "it is there, and nothing better will come"
        others = [quality for n, quality in enumerate(capture.quality) if n != place]
        assert set(others) == {Quality.GOOD}


def test_doubts_follow_the_last_reading() -> None:
    doubts = Doubts(ClockPolicy())
    doubts.learn([1, 2])
    now = datetime(2026, 11, 23, tzinfo=UTC)
    assert doubts.hear(ClockSurvey(3, now, None, fault="no_time")) is Standing.QUARANTINE
    right = Offset(now, timedelta(seconds=1), timedelta(seconds=1))
    assert doubts.hear(ClockSurvey(1, now, right)) is Standing.OK
    assert [number in doubts for number in (1, 2, 3, 4)] == [False, True, True, False]


async def test_a_meter_without_a_clock_is_done(plain_database: str, clocks: ClockStore) -> None:
    async with site(1, conninfo=plain_database, store=clocks) as one:
        errand, _ = errand_of(one, SyncMode.BROADCAST)
        modbus = MeterPath(one.meters[0].id, "m", "1", models.load("eastron_sdm630"), ZONE)
        await errand(one.line, modbus, job(one, 0))
        assert one.line.counters.requests == 0
