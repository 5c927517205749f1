"""A meter that refuses what its kind is said to give is asked in other parts, and only that meter."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from headend.collection.line import Line, LinePath
from headend.collection.poller import Poller
from headend.collection.survey import MeterPath, relearnt, survey, task_of
from headend.recording.pending import Pending
from protocols import models
from protocols.links.open import SCHEMES
from protocols.modbus.pdu import ReadRegisters, exception_reply, parse_request
from protocols.timing import Timing
from tests.headend.modbus_bus import ModbusBus
from tests.headend.plans import every
from tests.headend.virtual_time import START, Clock, virtually

TIMING = Timing(response=0.2, latency=0.0, gap=0.05, pause=0.0, retries=0, late=0.2)
KIND = models.load("eastron_sdm630")


def unit(limit: int = 125, missing: Sequence[int] = ()) -> object:
    """Zeros everywhere, but no more than `limit` registers at once and none of `missing`."""

    def answer(pdu: bytes) -> bytes:
        request = parse_request(pdu)
        assert isinstance(request, ReadRegisters)
        span = range(request.address, request.address + request.count)
        if request.count > limit or any(address in missing for address in span):
            return exception_reply(request.function, 3 if request.count > limit else 2)
        return request.encode_reply(bytes(2 * request.count))

    return answer


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> ModbusBus:
    found = ModbusBus({})
    monkeypatch.setitem(SCHEMES, "bus", found.open)
    return found


def path(unit_: int) -> MeterPath:
    return MeterPath(unit_, f"m{unit_}", str(unit_), KIND)


def line() -> Line:
    return Line(LinePath("bus", "bus://x", "modbus", "rtu"), TIMING)


@virtually
async def test_smaller_reads_are_learnt_and_everything_is_gathered_at_once(bus: ModbusBus) -> None:
    bus.units = {1: unit(limit=20)}  # type: ignore[dict-item]
    task = task_of(KIND, KIND.quantities, 900)
    first = line()
    result = await survey(first, path(1), task, START, Clock())
    assert result.misses == []
    assert result.readings == len(KIND.quantities)
    assert result.model is not None
    bus.asked.clear()
    again = await survey(first, path(1), relearnt(task, result.model), START, Clock())
    await first.close()
    assert (again.errors, again.misses, again.model) == ([], [], None)
    assert len(bus.asked) == len(relearnt(task, result.model).reads)
    assert KIND.plan(KIND.quantities) == task.reads, "its kind is as it was"


@virtually
async def test_what_a_meter_does_not_have_costs_itself_alone_and_stays_missed(bus: ModbusBus) -> None:
    bus.units = {1: unit(missing=(342, 343))}  # type: ignore[dict-item]
    task = task_of(KIND, KIND.quantities, 900)
    first = line()
    result = await survey(first, path(1), task, START, Clock())
    assert result.model is not None
    assert "active_energy_combined" not in {q.name for q in result.model.quantities}
    again = await survey(first, path(1), relearnt(task, result.model), START, Clock())
    await first.close()
    for one in (result, again):
        assert one.readings == len(KIND.quantities) - 1
        assert {miss.reason for miss in one.misses} == {"refused"}


@virtually
async def test_a_meter_that_refuses_everything_teaches_nothing_for_long(bus: ModbusBus) -> None:
    bus.units = {1: unit(limit=0)}  # type: ignore[dict-item]
    first = line()
    result = await survey(first, path(1), task_of(KIND, KIND.quantities, 900), START, Clock())
    await first.close()
    assert result.captures == []
    assert len(bus.asked) < 15


@virtually
async def test_the_poller_keeps_what_one_meter_taught(bus: ModbusBus) -> None:
    bus.units = {1: unit(limit=20), 2: unit()}  # type: ignore[dict-item]
    pending = Pending(10_000)
    plan = every("curve", 60, *(q.name for q in KIND.quantities))
    poller = Poller(line(), [path(1), path(2)], [plan], pending, Clock(START))
    ((_, tasks),) = poller.programme.plans
    running = asyncio.create_task(poller.run())
    await asyncio.sleep(30)
    bus.asked.clear()
    await asyncio.sleep(60)
    poller.stop()
    await running
    by_unit = {number: [pdu for unit_, pdu in bus.asked if unit_ == number] for number in (1, 2)}
    assert len(by_unit[2]) == len(KIND.plan(KIND.quantities))
    assert len(by_unit[1]) == len(tasks[1].reads) > len(by_unit[2])


@virtually
async def test_a_meter_that_gave_nothing_is_asked_as_before(bus: ModbusBus) -> None:
    bus.units = {1: unit(limit=0)}  # type: ignore[dict-item]
    plan = every("curve", 60, *(q.name for q in KIND.quantities))
    poller = Poller(line(), [path(1)], [plan], Pending(10_000), Clock(START))
    ((_, tasks),) = poller.programme.plans
    before = tasks[1]
    running = asyncio.create_task(poller.run())
    await asyncio.sleep(30)
    poller.stop()
    await running
    assert bus.asked
    assert tasks[1] is before
