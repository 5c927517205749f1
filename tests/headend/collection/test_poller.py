"""A line's poller: every meter at every slot within the slot, whatever meters, lines and clocks do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from headend.collection.line import Line
from headend.collection.poller import Poller
from headend.collection.survey import MeterPath
from headend.recording.pending import Pending, Record
from headend.work.plan import Plan
from protocols import models
from protocols.model import Capture
from protocols.quantities import BY_NAME
from protocols.timing import Timing
from storage.writer import Miss
from tests.headend.bus import ENERGY, IMPORT, VOLTAGE, Bus, data, meter, path
from tests.headend.conftest import Plug
from tests.headend.plans import every
from tests.headend.virtual_time import START, Clock, virtually

TIMING = Timing(response=0.5, latency=0.0, gap=0.1, pause=0.0, retries=0, late=1.0)
QUARTER = every("quarter", 900, "active_energy_import", "active_energy_export")
SECONDS = every("seconds", 2, "active_energy_import")


def meters(count: int) -> list[MeterPath]:
    return [meter(number) for number in range(1, count + 1)]


def fleet(count: int) -> Bus:
    return Bus({f"{number:012}": ENERGY for number in range(1, count + 1)})


class Watched:
    """A poller with its clock and queue; `for_s` lets virtual seconds pass."""

    def __init__(
        self, of: list[MeterPath], plans: Iterable[Plan] = (QUARTER,), line: str = "bus", limit: int = 10**6,
        start: datetime = START,
    ) -> None:  # fmt: skip
        self.clock = Clock(start)
        self.pending = Pending(limit)
        self.poller = Poller(Line(path(line), TIMING), of, list(plans), self.pending, self.clock)
        self.running = asyncio.create_task(self.poller.run())

    async def for_s(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def stop(self) -> None:
        self.poller.stop()
        await self.running
        assert not self.poller.line.is_open

    @property
    def records(self) -> list[Record]:
        return list(self.pending._records)

    def captures(self, of: int | None = None) -> list[tuple[int, datetime]]:
        return [(r.meter_id, r.time) for r in self.records if isinstance(r, Capture) and of in (None, r.meter_id)]

    def misses(self) -> list[tuple[int, datetime, str]]:
        return [(r.meter_id, r.time, r.reason) for r in self.records if isinstance(r, Miss)]


def at(*seconds: float) -> list[datetime]:
    return [START + timedelta(seconds=s) for s in seconds]


@virtually
async def test_every_meter_at_every_slot(plug: Plug) -> None:
    plug("bus", fleet(3))
    watched = Watched(meters(3), start=START + timedelta(seconds=1))
    await watched.for_s(3600)
    await watched.stop()
    assert watched.captures() == [(m, slot) for slot in at(900, 1800, 2700, 3600) for m in (1, 2, 3)]
    assert watched.misses() == []
    counters = watched.poller.counters
    assert (counters.slots, counters.surveys, counters.captures, counters.readings) == (4, 12, 12, 24)
    assert (counters.misses, counters.late, watched.poller.failures) == (0, 0, {})


@virtually
async def test_a_slot_that_begins_with_the_poller_is_taken(plug: Plug) -> None:
    plug("bus", fleet(1))
    watched = Watched(meters(1))
    await watched.for_s(1000)
    await watched.stop()
    assert watched.captures() == [(1, slot) for slot in at(0, 900)]


@virtually
async def test_several_plans(plug: Plug) -> None:
    plug("bus", fleet(1))
    watched = Watched(meters(1), [QUARTER, every("minute", 60, "active_energy_import")])
    await watched.for_s(1000)
    await watched.stop()
    assert watched.captures() == [(1, slot) for slot in sorted([*at(*range(0, 1000, 60)), *at(0, 900)])]
    assert watched.misses() == []


@virtually
async def test_what_a_kind_of_meter_cannot_give_is_neither_asked_nor_missed(plug: Plug) -> None:
    bus = fleet(1)
    plug("bus", bus)
    model = models.load("eastron_sdm630")
    lacking = next(quantity for quantity in BY_NAME.values() if quantity not in model.quantities)
    watched = Watched([MeterPath(1, "m1", "1", model)], [every("strange", 60, lacking.name)])
    await watched.for_s(1000)
    await watched.stop()
    assert (watched.records, bus.asked, watched.poller.counters.slots) == ([], [], 17)


@virtually
async def test_meters_that_are_not_reached_in_time_are_late(plug: Plug) -> None:
    bus = fleet(7)
    bus.delay_s = dict.fromkeys(bus.meters, 0.45)
    plug("bus", bus)
    watched = Watched(meters(7), [SECONDS])
    await watched.for_s(2.9)
    await watched.stop()
    first = [(m, slot) for m, slot in watched.captures() if slot == START]
    assert first == [(m, START) for m in (1, 2, 3, 4)]
    assert watched.misses()[:3] == [(m, START, "late") for m in (5, 6, 7)]
    assert watched.poller.counters.late == 2, "the fifth was asked, and answered too late"
    assert watched.poller.failures == {"m5": 1}
    assert bus.asked[5][0] == "000000000006", "in the next slot those come first that were left out"


@virtually
async def test_slots_that_passed_meanwhile_are_not_made_up(plug: Plug) -> None:
    bus = fleet(30)
    bus.delay_s = dict.fromkeys(bus.meters, 0.4)
    bus.delay_s["000000000001"] = 0.0
    plug("bus", bus)
    watched = Watched(meters(30), [SECONDS])
    await watched.for_s(60)
    await watched.stop()
    for number in range(1, 31):
        slots = [slot for m, slot in watched.captures() if m == number]
        assert slots == sorted(set(slots))
        assert len(slots) in (4, 5, 6), "all get their share, and what is late for one slot does not delay the next"


@virtually
async def test_stopped_in_mid_slot(plug: Plug) -> None:
    bus = fleet(5)
    bus.delay_s = dict.fromkeys(bus.meters, 0.4)
    plug("bus", bus)
    watched = Watched(meters(5), [SECONDS])
    await watched.for_s(0.6)  # the second meter is thinking
    await watched.stop()
    assert watched.captures() == [(1, START), (2, START)], "the survey under way is finished and queued"
    assert {address for address, _ in bus.asked} == {"000000000001", "000000000002"}


@virtually
async def test_stopped_while_it_waits(plug: Plug) -> None:
    plug("bus", fleet(1))
    watched = Watched(meters(1), start=START + timedelta(seconds=1))
    await watched.for_s(10)
    began = asyncio.get_running_loop().time()
    await watched.stop()
    assert asyncio.get_running_loop().time() == began
    assert watched.records == []


@virtually
async def test_a_clock_set_back_a_little_repeats_nothing(plug: Plug) -> None:
    plug("bus", fleet(1))
    watched = Watched(meters(1))
    await watched.for_s(10)
    watched.clock.set_back(timedelta(seconds=30))
    await watched.for_s(3600)
    await watched.stop()
    assert watched.captures() == [(1, slot) for slot in at(0, 900, 1800, 2700)]


@virtually
async def test_a_clock_set_back_repeats_slots_without_harm(plug: Plug) -> None:
    plug("bus", fleet(1))
    watched = Watched(meters(1))
    await watched.for_s(2000)
    watched.clock.set_back(timedelta(minutes=40))
    await watched.for_s(3600)
    await watched.stop()
    assert watched.captures() == [(1, slot) for slot in at(0, 900, 1800, 0, 900, 1800, 2700)]
    assert watched.misses() == []


@virtually
async def test_a_clock_that_was_years_ahead(plug: Plug) -> None:
    plug("bus", fleet(1))
    watched = Watched(meters(1), start=datetime(2036, 1, 1, tzinfo=UTC))
    await watched.for_s(60)
    watched.clock.set_back(datetime(2036, 1, 1, tzinfo=UTC) - START)
    await watched.for_s(2000)
    await watched.stop()
    assert [slot for _, slot in watched.captures()][1:] == at(900, 1800)


@virtually
async def test_a_clock_set_forward_leaves_slots_out(plug: Plug) -> None:
    plug("bus", fleet(1))
    watched = Watched(meters(1))
    await watched.for_s(10)
    watched.clock.set_back(timedelta(hours=-10))
    await watched.for_s(1800)
    await watched.stop()
    assert watched.captures() == [(1, slot) for slot in at(0, 36000, 36900, 37800)]


@virtually
async def test_a_dead_meter_costs_only_itself(plug: Plug) -> None:
    bus = fleet(3)
    del bus.meters["000000000002"]
    plug("bus", bus)
    watched = Watched(meters(3))
    await watched.for_s(1000)
    assert watched.poller.failures == {"m2": 2}
    bus.meters["000000000002"] = dict(ENERGY)
    await watched.for_s(1000)
    await watched.stop()
    for number in (1, 3):
        assert watched.captures(number) == [(number, slot) for slot in at(0, 900, 1800)]
    assert watched.captures(2) == [(2, slot) for slot in at(1800)]
    assert watched.misses() == [(2, slot, "no_answer") for slot in at(0, 900)]
    assert watched.poller.failures == {}


@virtually
async def test_a_meter_that_only_refuses_is_missed_and_heard_again(plug: Plug) -> None:
    bus = fleet(1)
    bus.meters["000000000001"] = {VOLTAGE: data(VOLTAGE, 2301)}
    plug("bus", bus)
    watched = Watched(meters(1))
    await watched.for_s(10)
    assert watched.misses() == [(1, START, "refused")]
    assert watched.poller.failures == {"m1": 1}
    bus.meters["000000000001"][IMPORT] = data(IMPORT, 5)
    await watched.for_s(900)
    await watched.stop()
    assert watched.poller.failures == {}
    assert watched.captures() == [(1, at(900)[0])]


@virtually
async def test_lines_are_independent_and_come_back(plug: Plug) -> None:
    good, bad = fleet(2), fleet(2)
    bad.unplugged = True
    plug("good", good)
    plug("bad", bad)
    one, other = Watched(meters(2), line="good"), Watched(meters(2), line="bad")
    await one.for_s(1000)
    bad.unplugged = False
    await one.for_s(1000)
    bad.unplugged = True  # under an open link: the next answer finds it gone
    await one.for_s(1000)
    await one.stop()
    await other.stop()
    assert one.captures() == [(m, slot) for slot in at(0, 900, 1800, 2700) for m in (1, 2)]
    assert other.captures() == [(m, slot) for slot in at(1800) for m in (1, 2)]
    assert [(m, slot) for m, slot, _ in other.misses()] == [(m, slot) for slot in at(0, 900, 2700) for m in (1, 2)]
    assert {reason for _, _, reason in other.misses()} == {"unreachable", "link_closed"}


@virtually
async def test_a_full_queue_holds_the_poller_back_and_nothing_is_dropped(plug: Plug) -> None:
    bus = fleet(3)
    plug("bus", bus)
    watched = Watched(meters(3), limit=2)
    await watched.for_s(10)
    assert watched.captures() == [(1, START), (2, START)]
    assert watched.poller.counters.captures == 2, "what is not queued is not counted as received"
    await watched.for_s(3600)
    assert len(bus.asked) == 6, "nobody is asked meanwhile"
    first = watched.records
    await watched.pending.done(2)
    await watched.for_s(1)
    assert watched.captures()[0] == (3, START)
    await watched.pending.done(len(watched.records))
    await watched.for_s(1)
    assert {slot for _, slot in watched.captures()} == set(at(3600)), "the slots in between are over"
    await watched.pending.done(len(watched.records))
    await watched.stop()
    assert len(first) == 2


@virtually
async def test_an_error_of_ours_ends_the_poller_and_closes_its_line(plug: Plug) -> None:
    bus = fleet(1)
    plug("bus", bus)
    watched = Watched(meters(1))
    await watched.for_s(10)
    watched.poller._keeping.pending = None  # type: ignore[assignment]
    bus.meters["000000000001"] = dict(ENERGY)
    await asyncio.wait({watched.running})
    assert isinstance(watched.running.exception(), AttributeError)
    assert not watched.poller.line.is_open


@virtually
async def test_nothing_to_do() -> None:
    watched = Watched(meters(1), [])
    await watched.for_s(100_000)
    await watched.stop()
    assert watched.records == []
