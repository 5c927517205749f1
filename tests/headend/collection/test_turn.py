"""A turn with one meter: how each job comes out of it, and what another turn would have to ask."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from headend.collection.line import Line
from headend.collection.survey import MeterPath, task_of
from headend.collection.turn import End, Turn, Work, take_turn
from headend.work.job import Job, due
from headend.work.plan import Kind, Plan, Priority
from headend.work.schedule import Every
from protocols.quantities import BY_NAME
from protocols.timing import Timing
from tests.headend.bus import EXPORT, IMPORT, Bus, data, meter, path
from tests.headend.conftest import Plug
from tests.headend.virtual_time import START, Clock, virtually

TIMING = Timing(response=0.5, latency=0.0, gap=0.1, pause=0.0, retries=0, late=1.0)
ENERGY = tuple(BY_NAME[name] for name in ("active_energy_import", "active_energy_export"))
PLAN = Plan("curve", Every(900), ENERGY)
ADDRESS = "000000000001"
WHOLE = {IMPORT: data(IMPORT, 1), EXPORT: data(EXPORT, 2)}


async def turn_of(plug: Plug, bus: Bus, jobs: list[Job], errands: dict[Kind, object] | None = None) -> Turn:
    plug("bus", bus)
    one, clock = meter(1), Clock()
    line = Line(path("bus"), TIMING)
    task = task_of(one.model, ENERGY, 900)
    work = Work(line, clock, lambda _: task, errands or {})  # type: ignore[arg-type]
    try:
        return await take_turn(work, one, jobs)
    finally:
        await line.close()


def jobs_of(slot: datetime = START) -> list[Job]:
    return due(PLAN, [1], slot)


def gap(hours: int) -> Job:
    slot = START - timedelta(hours=hours)
    return Job(1, slot, START, START + timedelta(hours=1), Priority.RECOVERY, 1, Kind.RECORDS, wanted=ENERGY[:1])


@virtually
async def test_whole(plug: Plug) -> None:
    turn = await turn_of(plug, Bus({ADDRESS: WHOLE}), jobs_of())
    (result,) = turn.results
    assert (result.end, result.lacking, turn.heard, turn.silent, turn.gave) == (End.DONE, (), True, False, True)


@virtually
async def test_of_a_part_only_the_rest_is_lacking(plug: Plug) -> None:
    bus = Bus({ADDRESS: WHOLE})
    bus.answers_left = 1
    turn = await turn_of(plug, bus, jobs_of())
    (result,) = turn.results
    assert (result.end, result.lacking) == (End.UNDONE, ENERGY[1:])
    assert (turn.heard, turn.silent, turn.over) == (True, False, True)
    assert result.told.readings == 1


@virtually
async def test_a_job_with_something_wanted_asks_that_alone(plug: Plug) -> None:
    bus = Bus({ADDRESS: WHOLE})
    (job,) = jobs_of()
    again = Job(**{**{name: getattr(job, name) for name in Job.__slots__}, "wanted": ENERGY[1:]})
    turn = await turn_of(plug, bus, [again])
    assert [code for _, code in bus.asked] == [EXPORT]
    assert turn.results[0].end is End.DONE
    assert turn.results[0].told.readings == 1


@virtually
async def test_silence_leaves_the_rest_unbegun(plug: Plug) -> None:
    bus = Bus({})
    turn = await turn_of(plug, bus, [*jobs_of(), *jobs_of(START - timedelta(seconds=1)), gap(1), gap(2)])
    assert [result.end for result in turn.results] == [End.UNDONE, End.UNBEGUN, End.UNBEGUN, End.UNBEGUN]
    assert (turn.heard, turn.silent, turn.over, turn.gave) == (False, True, True, False)
    assert len(bus.asked) == 1


@virtually
async def test_a_lost_link_is_nobodys_silence(plug: Plug) -> None:
    bus = Bus({})
    bus.unplugged = True
    turn = await turn_of(plug, bus, [*jobs_of(), gap(1)])
    assert (turn.heard, turn.silent, turn.over) == (False, False, True)


@virtually
async def test_a_refusal_is_an_answer(plug: Plug) -> None:
    turn = await turn_of(plug, Bus({ADDRESS: {}}), jobs_of())
    assert (turn.heard, turn.silent, turn.over, turn.gave) == (True, False, False, False)
    assert turn.results[0].lacking == ENERGY


@virtually
async def test_memories_that_are_refused_are_told_and_what_only_they_held_is_given_up(plug: Plug) -> None:
    turn = await turn_of(plug, Bus({ADDRESS: {}}), [gap(1), gap(2)])
    assert {result.end for result in turn.results} == {End.DONE}
    misses = [miss for result in turn.results for miss in result.told.misses]
    assert {miss.time for miss in misses} == {START - timedelta(hours=1), START - timedelta(hours=2)}
    assert all(miss.final for miss in misses)
    assert "load_record_4" in turn.refused
    assert turn.heard


@pytest.mark.parametrize("brought_off", [True, False])
@virtually
async def test_an_errand(plug: Plug, brought_off: bool) -> None:
    bus = Bus({ADDRESS: WHOLE} if brought_off else {})

    async def errand(line: Line, one: MeterPath, _job: Job) -> None:
        await line.run(one.model.plan(ENERGY[:1])[0].exchange(one.address, line.wire))

    job = Job(1, START, START, START + timedelta(hours=1), Priority.PERSON, 1, Kind.REQUEST, request=1)
    turn = await turn_of(plug, bus, [job, *jobs_of()], {Kind.REQUEST: errand})
    assert [result.end for result in turn.results] == ([End.DONE] * 2 if brought_off else [End.UNDONE, End.UNBEGUN])
    assert turn.gave is brought_off
