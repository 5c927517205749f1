"""Pollers that come and go while the collector runs: slots are finished, what was received is kept and counted."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from headend.collection.crew import Crew
from headend.collection.line import Line
from headend.collection.poller import Poller
from headend.collection.roster import Post
from headend.collection.solo import Solo
from headend.recording.pending import Pending
from protocols.errors import LeaseLost
from protocols.model import Capture
from protocols.timing import Timing
from storage.writer import Miss
from tests.headend.bus import ENERGY, Bus, meter, path
from tests.headend.cluster.daemons import OpenRoster
from tests.headend.collection.test_poller import QUARTER
from tests.headend.conftest import Plug
from tests.headend.virtual_time import START, Clock, virtually

TIMING = Timing(response=0.5, latency=0.0, gap=0.1, pause=0.0, retries=0, late=1.0)


class Site:
    """One bus of meters that each think for a second, and a crew."""

    def __init__(self, plug: Plug, meters: int = 4) -> None:
        self.bus = Bus({f"{number:012}": ENERGY for number in range(1, meters + 1)})
        self.bus.delay_s = dict.fromkeys(self.bus.meters, 0.4)
        plug("bus", self.bus)
        self.pending = Pending(10**6)
        clock = Clock(START + timedelta(seconds=1))
        self.crew = Crew(
            lambda line, meters, guard: Poller(Line(line, TIMING, guard=guard), meters, [QUARTER], self.pending, clock)
        )
        self.running = asyncio.create_task(self.crew.run())

    async def end(self) -> None:
        self.crew.stop()
        await self.running

    @property
    def captured(self) -> list[int]:
        return [record.meter_id for record in self.pending._records if isinstance(record, Capture)]

    @property
    def missed(self) -> list[str]:
        return [record.reason for record in self.pending._records if isinstance(record, Miss)]


@virtually
async def test_who_is_retired_finishes_the_slot(plug: Plug) -> None:
    site = Site(plug)
    site.crew.begin(path("bus"), [meter(1), meter(2), meter(3)])
    await asyncio.sleep(899.5)
    leaving = site.crew.retire("bus")
    assert site.crew.working("bus") is None
    assert site.crew.knows("bus")
    await leaving
    assert site.captured == [1, 2, 3]
    assert not site.crew.knows("bus")
    assert site.crew.left.is_set()
    await asyncio.sleep(1800)
    assert site.captured == [1, 2, 3]
    assert site.crew.totals[0]["captures"] == 3, "what has left is counted still"
    await site.end()


@virtually
async def test_a_line_that_is_lost_in_the_middle_keeps_what_came_and_blames_nobody(plug: Plug) -> None:
    site, lost = Site(plug), asyncio.Event()

    def guard() -> None:
        if lost.is_set():
            raise LeaseLost("gone")

    site.crew.begin(path("bus"), [meter(1), meter(2), meter(3)], guard)
    await asyncio.sleep(899.5)
    asked = len(site.bus.asked)
    lost.set()
    await asyncio.sleep(5)
    assert len(site.bus.asked) == asked
    assert site.missed == []
    assert not site.crew.knows("bus"), "it left by itself"
    lost.clear()
    site.crew.begin(path("bus"), [meter(1)], guard)
    await asyncio.sleep(900)
    assert site.captured[-1] == 1
    await site.end()


@virtually
async def test_meters_come_and_go_without_a_gap(plug: Plug) -> None:
    site = Site(plug)
    site.crew.begin(path("bus"), [meter(1), meter(2)])
    await asyncio.sleep(899.5)
    poller = site.crew.working("bus")
    assert poller is not None
    poller.give([meter(2), meter(3), meter(4)])
    await asyncio.sleep(10)
    assert site.captured == [1, 2], "the slot under way is as it was"
    await asyncio.sleep(900)
    assert sorted(site.captured[2:]) == [2, 3, 4]
    poller.give([meter(1)])
    await asyncio.sleep(900)
    assert site.captured[5:] == [1]
    assert site.missed == []
    await site.end()


@virtually
async def test_a_line_is_polled_by_one(plug: Plug) -> None:
    site = Site(plug)
    site.crew.begin(path("bus"), [meter(1)])
    with pytest.raises(ValueError, match="polled already"):
        site.crew.begin(path("bus"), [meter(1)])
    await site.end()
    site.crew.begin(path("other"), [meter(1)])
    assert not site.crew.knows("other"), "nothing is begun once stopped"


@virtually
async def test_alone_it_follows_the_registry(plug: Plug) -> None:
    site, roster = Site(plug), OpenRoster([])
    roster.posts = {1: Post(1, path("bus"), [meter(1)])}
    leading = asyncio.create_task(Solo(roster, 30.0).run(site.crew))
    await asyncio.sleep(905)
    assert site.captured == [1]
    roster.posts = {1: Post(1, path("bus"), [meter(1), meter(2)])}
    await asyncio.sleep(900)
    assert sorted(site.captured[1:]) == [1, 2]
    roster.posts = {}
    await asyncio.sleep(31)
    assert site.crew.pollers == []
    leading.cancel()
    await site.end()
