"""Gaps are filled from what the meters kept: newest first, behind everything live, and never twice at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from headend.collection.recovery import Gap
from headend.work.job import Job
from headend.work.plan import Kind, Plan, Priority
from headend.work.schedule import Every
from protocols.links.open import SCHEMES
from protocols.model import Source
from protocols.quantities import BY_NAME
from storage.writer import Miss
from tests.headend.memory_gaps import MemoryGaps, quarters
from tests.headend.plans import every
from tests.headend.plant import SimulatedLine, Watched
from tests.headend.virtual_time import START, Clock, virtually

CURVE = every("curve", 900, "active_energy_import")
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    return monkeypatch


def line_of(
    plug: pytest.MonkeyPatch, count: int, start: timedelta = timedelta(seconds=1), **more: int
) -> SimulatedLine:
    clock = Clock(START + start)
    clock.set_back(clock() - (START + start))
    line = SimulatedLine(1, count, clock, **more)
    plug.setitem(SCHEMES, line.name, line.open)
    return line


@virtually
async def test_a_day_is_recovered_newest_first_and_is_what_the_meters_showed(plug: pytest.MonkeyPatch) -> None:
    line = line_of(plug, 2)
    gaps = MemoryGaps(line.meters, quarters(START, 96))
    watched = Watched(line, [CURVE], gaps)
    await asyncio.sleep(600)
    await watched.stop()
    assert not gaps.open
    for capture in watched.captures:
        held = [value for value in capture.values if value is not None]
        assert held == list(line.truth(capture).values())
        assert capture.source is Source.RECORD
    by_meter = {m: [c.time for c in watched.captures if c.meter_id == m] for m in line.meters}
    for times in by_meter.values():
        assert len(times) == len(set(times)) == 96
        assert max(times[:12]) == max(times)
        blocks = [max(times[n : n + 12]) for n in range(0, 96, 12)]
        assert blocks == sorted(blocks, reverse=True)
    assert watched.poller.counters.recovered == 192
    assert {(miss.reason, miss.final) for miss in watched.misses} == {("not_collected", False)}, "they are gaps filled"


@virtually
async def test_recovery_never_delays_a_live_slot(plug: pytest.MonkeyPatch) -> None:
    """A backlog of days on a slow bus: every slot's registers are read as soon as without it, but for one conversation
    that was begun before."""
    alone = Watched(line_of(plug, 8, -10 * MINUTE), [CURVE])
    await asyncio.sleep(3 * 3600)
    await alone.stop()
    line = line_of(plug, 8, -10 * MINUTE)
    gaps = MemoryGaps(line.meters, quarters(START - HOUR, 96 * 4))
    busy = Watched(line, [CURVE], gaps)
    await asyncio.sleep(3 * 3600)
    await busy.stop()
    live = [c for c in busy.captures if c.source is Source.PULL]
    assert {(c.meter_id, c.time) for c in live} == {(c.meter_id, c.time) for c in alone.captures}
    lag = {(c.meter_id, c.time): c.received - c.time for c in alone.captures}
    assert max(c.received - c.time - lag[c.meter_id, c.time] for c in live) < timedelta(seconds=4)
    assert busy.poller.counters.recovered > 500
    assert busy.poller.counters.late == 0


@virtually
async def test_a_silent_meter_leaves_its_gaps_open_with_its_tries_counted(plug: pytest.MonkeyPatch) -> None:
    line = line_of(plug, 2)
    line.dead.add(line.address(101))
    gaps = MemoryGaps(line.meters, quarters(START, 40))
    watched = Watched(line, [], gaps)
    await asyncio.sleep(1800)
    await watched.stop()
    assert {meter for meter, _ in gaps.open} == {101}
    assert len(gaps.open) == 40
    assert gaps.tries
    assert {miss.reason for miss in watched.misses if miss.meter_id == 101} == {"no_answer"}
    assert not gaps.given_up
    assert watched.poller.quarantined == ["m101"]


@virtually
async def test_gaps_of_a_quarantined_meter_do_not_stand_before_the_others(plug: pytest.MonkeyPatch) -> None:
    """500 newer gaps of a dead meter, and the ledger gives 500 at a time."""
    line = line_of(plug, 2)
    line.dead.add(line.address(101))
    gaps = MemoryGaps([101], quarters(START, 600))
    gaps.open |= {(102, moment): {BY_NAME["active_energy_import"]} for moment in quarters(START - 200 * HOUR, 12)}
    watched = Watched(line, [CURVE], gaps)
    await asyncio.sleep(2 * 3600)
    await watched.stop()
    assert not [key for key in gaps.open if key[0] == 102]


@virtually
async def test_a_dead_meter_with_live_work_does_not_stop_the_others_recovery(plug: pytest.MonkeyPatch) -> None:
    """Its job waits on the agenda the whole slot through, and recovery gives way to what can be done alone."""
    line = line_of(plug, 3, timedelta(0))
    line.dead.add(line.address(102))
    gaps = MemoryGaps([101, 103], quarters(START - HOUR, 24))
    watched = Watched(line, [CURVE], gaps)
    await asyncio.sleep(3 * 3600)
    await watched.stop()
    assert not gaps.open
    assert watched.poller.quarantined == ["m102"]


@virtually
async def test_an_unreachable_ledger_costs_nothing_live(plug: pytest.MonkeyPatch) -> None:
    line = line_of(plug, 2, timedelta(0))
    gaps = MemoryGaps(line.meters, quarters(START - HOUR, 4))
    gaps.away = True
    watched = Watched(line, [CURVE], gaps)
    await asyncio.sleep(3600)
    assert len(gaps.looks) > 10
    assert len([c for c in watched.captures if c.source is Source.PULL]) == 2 * 4
    gaps.away = False
    await asyncio.sleep(200)
    await watched.stop()
    assert not gaps.open


@virtually
async def test_a_ledger_that_answers_slowly_holds_nobody(plug: pytest.MonkeyPatch) -> None:
    class Slow(MemoryGaps):
        async def recoverable(self, meters: Sequence[int], now: datetime, since: datetime) -> list[Gap]:
            await asyncio.sleep(1000)
            return await super().recoverable(meters, now, since)

    line = line_of(plug, 2)
    gaps = Slow(line.meters, quarters(START, 4))
    watched = Watched(line, [CURVE], gaps)
    await asyncio.sleep(2500)
    await watched.stop()
    live = [c for c in watched.captures if c.source is Source.PULL]
    assert {c.time for c in live} == {START + 15 * MINUTE, START + 30 * MINUTE}
    assert max(c.received - c.time for c in live) < timedelta(seconds=2)
    assert not gaps.open


@virtually
async def test_slots_left_out_while_we_stood_still_are_gaps_at_once(plug: pytest.MonkeyPatch) -> None:
    line = line_of(plug, 1)
    gaps = MemoryGaps([], [])
    watched = Watched(line, [CURVE], gaps)
    await asyncio.sleep(3600)
    assert isinstance(line.clock, Clock)
    line.clock.set_back(-4 * HOUR)  # suspended for four hours
    gaps.open = {(101, START + HOUR + n * 15 * MINUTE): {BY_NAME["active_energy_import"]} for n in range(1, 16)}
    await asyncio.sleep(1200)
    await watched.stop()
    assert not gaps.open


@virtually
async def test_a_clock_set_back_does_not_stop_recovery(plug: pytest.MonkeyPatch) -> None:
    line = line_of(plug, 1, 40 * HOUR, bits_per_second=0)  # a paced line would be busy for 40 hours
    gaps = MemoryGaps([], [])
    watched = Watched(line, [CURVE], gaps)
    await asyncio.sleep(3600)
    assert isinstance(line.clock, Clock)
    line.clock.set_back(39 * HOUR)
    gaps.open = {(101, moment): {BY_NAME["active_energy_import"]} for moment in quarters(START, 4)}
    await asyncio.sleep(1800)
    await watched.stop()
    assert not gaps.open


@virtually
async def test_a_person_is_answered_in_the_middle_of_a_recovery(plug: pytest.MonkeyPatch) -> None:
    line = line_of(plug, 4)
    gaps = MemoryGaps(line.meters, quarters(START, 96 * 7))
    answered: list[float] = []

    async def errand(*_: object) -> None:
        answered.append(asyncio.get_running_loop().time())

    watched = Watched(line, [CURVE], gaps, errands={Kind.REQUEST: errand})
    await asyncio.sleep(30)
    now, began = line.clock(), asyncio.get_running_loop().time()
    watched.poller.ask([Job(103, now, now, now + MINUTE, Priority.PERSON, 1, Kind.REQUEST, request=1)])
    await asyncio.sleep(60)
    await watched.stop()
    assert len(answered) == 1
    assert answered[0] - began < 4.0, "one conversation of twelve records at most"
    assert gaps.open, "recovery was not done yet"


@virtually
async def test_what_a_person_wants_of_a_silent_meter_is_tried_and_given_up(plug: pytest.MonkeyPatch) -> None:
    line = line_of(plug, 1, timedelta(0))
    line.dead.add(line.address(101))
    given_up: list[tuple[int | None, str]] = []
    tried: list[int | None] = []

    async def errand(wire: object, meter: object, job: Job) -> None:
        tried.append(job.request)
        read = line.paths[0].model.plan([BY_NAME["active_energy_import"]])[0]
        await watched.poller.line.run(read.exchange(line.address(101), watched.poller.line.wire))

    def told(job: Job, reason: str) -> None:
        given_up.append((job.request, reason))

    watched = Watched(line, [CURVE], None, errands={Kind.REQUEST: errand}, given_up=told)
    await asyncio.sleep(1000)
    assert watched.poller.quarantined == ["m101"]
    now = line.clock()
    for number in (1, 2):
        watched.poller.ask([Job(101, now, now, now + MINUTE, Priority.PERSON, 1, Kind.REQUEST, request=number)])
    await asyncio.sleep(20)
    await watched.stop()
    assert tried == [1], "a person may ask whom the schedule leaves alone"
    assert given_up == [(2, "no_answer")], "but is not kept waiting for one time-out after the other"


@virtually
async def test_records_are_collected_together_and_are_no_gaps(plug: pytest.MonkeyPatch) -> None:
    line = line_of(plug, 2, timedelta(0))
    energy = (BY_NAME["active_energy_import"],)
    plan = Plan("curve", Every(900), energy, Kind.RECORDS, collect=Every(4 * 3600), delay=5 * MINUTE)
    watched = Watched(line, [plan])
    await asyncio.sleep(4.2 * 3600)
    await watched.stop()
    expected = {(m, START + n * 15 * MINUTE) for m in line.meters for n in range(16)}
    assert {(c.meter_id, c.time) for c in watched.captures} == expected
    assert watched.misses == []
    assert len({when.replace(second=0, microsecond=0) for _, when in line.asked}) == 1, "all in one minute"
    assert all(c.values[0] == next(iter(line.truth(c).values())) for c in watched.captures)


@virtually
async def test_a_records_job_of_a_dead_meter_is_missed_once(plug: pytest.MonkeyPatch) -> None:
    line = line_of(plug, 1, timedelta(0))
    line.dead.add(line.address(101))
    energy = (BY_NAME["active_energy_import"],)
    plan = Plan("hours", Every(3600), energy, Kind.RECORDS, delay=MINUTE, expires=20 * MINUTE, tries=2)
    watched = Watched(line, [plan])
    await asyncio.sleep(3 * 3600 - 1)
    await watched.stop()
    found = {(miss.time, miss.reason) for miss in watched.misses}
    assert {time for time, _ in found} == {START, START + HOUR, START + 2 * HOUR}
    assert len(watched.misses) == 3
    assert all(isinstance(miss, Miss) and not miss.final for miss in watched.misses)
