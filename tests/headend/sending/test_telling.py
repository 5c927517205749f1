"""An order tells a meter the time, under the rules of clocks, once a day; what came of it its clock tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from headend.clock.policy import ClockPolicy
from headend.clock.survey import survey_clock
from headend.safety.command import State
from headend.safety.function import Function
from headend.safety.request import Request
from headend.safety.verification import Seen
from headend.safety.world import Clock, Stops
from headend.sending.book import Due
from headend.sending.sender import Next, Sender
from headend.sending.telling import Timekeeper
from protocols.dlt645.services.clock import SET_TIME
from protocols.errors import NoAnswer
from protocols.traffic import Tap
from storage.clocks import ClockStore, ToTell
from tests.headend.clock.site import START, Site, site
from tests.headend.sending.shelf import Shelf

pytestmark = pytest.mark.postgres
GOOD = Clock(True, "synchronised")
NOUGHT = timedelta(0)


@dataclass
class Desk:
    """One meter, one order for it, and who sends it. `told`: frames 08H that went out. `clocks`: what is said of our
    own clock, the last of them for ever."""

    site: Site
    shelf: Shelf
    clocks: list[Clock] = field(default_factory=lambda: [GOOD])
    told: list[bytes] = field(default_factory=list)

    def show(self, direction: str, raw: bytes) -> None:
        if direction == ">" and raw.lstrip(b"\xfe")[8] == SET_TIME:
            self.told.append(raw)

    def sender(self, **more: Any) -> Sender:
        assert self.site.store is not None
        clock = lambda: self.clocks.pop(0) if len(self.clocks) > 1 else self.clocks[0]  # noqa: E731
        keeper = Timekeeper(self.site.store, self.site.policy, self.site.now, clock)
        return self.shelf.sender(clocks=keeper, **more)

    def due(self) -> Due:
        due = self.shelf.due(Function.SET_TIME)
        claimed = [told.more["seen"] for _, after, told in self.shelf.moves if after is State.SENT]
        return replace(due, earlier=Seen.of(claimed[0])) if claimed else due

    async def send(self) -> tuple[Next, State]:
        return await self.sender().send(self.site.line, self.site.meters[0], self.due())

    async def look(self, since: datetime | None = None, **more: Any) -> State:
        site = self.site
        return (await self.sender(**more).look(site.line, site.meters[0], self.due(), since or site.now()))[1]

    @property
    def why(self) -> str:
        return self.shelf.moves[-1][2].why

    async def log(self) -> list[tuple[str, str]]:
        assert self.site.store is not None
        return [(row.result, row.actor) for row in await self.site.store.syncs(START - timedelta(days=9))]


@asynccontextmanager
async def desk(conninfo: str, off: float, **more: Any) -> AsyncIterator[Desk]:
    async with (
        ClockStore(conninfo) as store,
        site(2, conninfo=conninfo, off={0: off}, store=store, **more) as one,
    ):
        made = Desk(one, Shelf(one))
        one.line._tap = Tap(made.show)
        yield made


@pytest.mark.parametrize("edition", ["2007", "1997"])
async def test_s10_told_read_back_verified(plain_database: str, edition: str) -> None:
    async with desk(plain_database, 20.0, edition=edition) as one:
        assert await one.send() == (Next.LOOK, State.UNKNOWN), "nobody answers 08H"
        assert await one.look() is State.VERIFIED
        assert [after for _, after, _ in one.shelf.moves] == [State.SENT, State.UNKNOWN, State.VERIFIED]
        assert abs(one.site.is_off(0)) < 1.5
        assert len(one.told) == 1
        assert one.shelf.moves[1][2].frames == ((">", one.told[0].hex(" ").upper()),)
        assert await one.log() == [("taken", "ada (order o1)")]


async def test_a_far_clock_is_moved_by_a_step(plain_database: str) -> None:
    async with desk(plain_database, -150.0) as one:
        await one.send()
        assert await one.look() is State.VERIFIED
        assert round(one.site.is_off(0) / 2) * 2 == -90


async def test_s10_a_meter_that_ignores_it_is_contradicted(plain_database: str) -> None:
    async with desk(plain_database, 20.0) as one:
        one.site.memory(0).dial.hear = lambda *_: False
        assert await one.send() == (Next.LOOK, State.UNKNOWN)
        assert await one.look() is State.UNKNOWN, "it is too early to say"
        assert await one.look(settle_for=NOUGHT) is State.CONTRADICTED
        assert await one.log() == [("not_taken", "ada (order o1)")]


async def test_s09_a_meter_that_falls_silent_is_unknown_until_its_clock_is_read(plain_database: str) -> None:
    async with desk(plain_database, 20.0) as one:
        assert await one.send() == (Next.LOOK, State.UNKNOWN)
        meter = one.site.meters[0]
        one.site.meters = [replace(meter, address="000000000099"), *one.site.meters[1:]]
        with pytest.raises(NoAnswer):
            await one.look()
        assert one.shelf.states[one.due().key].state is State.UNKNOWN
        one.site.meters = [meter, *one.site.meters[1:]]
        assert await one.look() is State.VERIFIED


@pytest.mark.parametrize(
    ("off", "hours", "said"),
    [(1.0, 0.0, "off: by"), (400.0, 0.0, "within 5 minutes"), (20.0, 9.6, "keep clear"), (-55.0, 0.16, "load record")],
)
async def test_what_a_rule_of_clocks_forbids_ends_with_its_words(
    plain_database: str, off: float, hours: float, said: str
) -> None:
    async with desk(plain_database, off) as one:
        one.site.now.wait(hours=hours)
        assert await one.send() == (Next.NOTHING, State.REJECTED)
        assert said in one.why
        assert (one.told, await one.log()) == ([], [])


@pytest.mark.parametrize(
    ("lists", "after"),
    [
        ({"stops": Stops(everywhere=True)}, State.STOPPED),
        ({"stops": Stops(areas=frozenset({"north"}))}, State.STOPPED),
        ({"stops": None}, State.STOPPED),
        ({"clock": Clock(False, "not synchronised")}, State.REJECTED),
    ],
)
async def test_s12_s17_what_the_core_holds_back_is_not_sent(
    plain_database: str, lists: dict[str, Any], after: State
) -> None:
    async with desk(plain_database, 20.0) as one:
        one.shelf.lists.update(lists)
        assert await one.send() == (Next.NOTHING, after)
        assert (one.told, await one.log()) == ([], [])


@pytest.mark.parametrize(
    ("clocks", "stops"),
    [
        ([GOOD, GOOD, Clock(False, "it was set back")], Stops()),
        ([GOOD], Stops(everywhere=True)),
        ([GOOD], None),
    ],
)
async def test_what_changes_just_before_the_frame_holds_it_back(
    plain_database: str, clocks: list[Clock], stops: Stops | None
) -> None:
    """When the day is taken already, the permit looks once more: the day is given back."""
    async with desk(plain_database, 20.0) as one:
        one.clocks = clocks
        assert one.site.store is not None
        reserve = one.site.store.reserve

        async def reserve_and_stop(*given: Any) -> list[int]:
            one.shelf.lists["stops"] = stops
            return await reserve(*given)

        one.site.store.reserve = reserve_and_stop  # type: ignore[method-assign, assignment]
        assert await one.send() == (Next.NOTHING, State.REJECTED)
        assert (one.told, await one.log()) == ([], [("held_back", "ada (order o1)")])
        assert one.site.is_off(0) > 19


async def test_s12_what_is_known_is_read_anew_behind_the_wait_for_its_second(plain_database: str) -> None:
    async with desk(plain_database, 20.0) as one:
        assert one.site.store is not None
        done: list[str] = []
        reserve, refresh = one.site.store.reserve, one.shelf.refresh

        async def reserved(*given: Any) -> list[int]:
            done.append("reserve")
            return await reserve(*given)

        async def refreshed(request: Request) -> None:
            done.append("refresh")
            await refresh(request)

        one.site.store.reserve = reserved  # type: ignore[method-assign, assignment]
        one.shelf.refresh = refreshed  # type: ignore[method-assign]
        await one.send()
        assert done == ["refresh", "reserve", "refresh"]


async def test_nobody_is_told_twice_a_day(plain_database: str) -> None:
    async with desk(plain_database, 20.0) as one:
        await one.site.survey()
        done = await one.site.sync.single(one.site.line, one.site.meters[0], "Li")
        assert done.told is not None
        one.site.off(0, 20.0)
        one.told.clear()
        assert await one.send() == (Next.NOTHING, State.REJECTED)
        assert "once a day: it was told on 2026-11-23" in one.why
        assert one.told == []


async def test_somebody_else_who_tells_it_just_now_comes_first(plain_database: str) -> None:
    async with desk(plain_database, 20.0) as one:
        store, meter = one.site.store, one.site.meters[0]
        assert store is not None
        reserve = store.reserve

        async def late(*given: Any) -> list[int]:
            await reserve([ToTell(meter.id, START.date(), 20_000)], START, "broadcast", "line", "automatic")
            return await reserve(*given)

        store.reserve = late  # type: ignore[method-assign, assignment]
        assert await one.send() == (Next.NOTHING, State.REJECTED)
        assert "once a day" in one.why
        assert (one.told, await one.log()) == ([], [("sent", "automatic")])


async def test_stopped_while_it_waits_for_its_second_it_has_sent_nothing(plain_database: str) -> None:
    async with desk(plain_database, 20.0) as one:
        assert one.site.store is not None
        reserve, reached = one.site.store.reserve, asyncio.Event()

        async def told(*given: Any) -> list[int]:
            ids = await reserve(*given)
            reached.set()
            await asyncio.sleep(0.01)
            return ids

        one.site.store.reserve = told  # type: ignore[method-assign, assignment]
        sending = asyncio.create_task(one.send())
        await reached.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert one.shelf.states[one.due().key].state is State.REJECTED
        assert one.told == []


async def test_without_who_keeps_the_time_nothing_is_told(plain_database: str) -> None:
    async with desk(plain_database, 20.0) as one:
        sent = await one.shelf.sender().send(one.site.line, one.site.meters[0], one.due())
        assert sent == (Next.NOTHING, State.REJECTED)
        assert one.told == []


async def test_without_a_step_it_is_put_right_at_once(plain_database: str) -> None:
    async with desk(plain_database, -150.0) as one:
        one.site.policy = ClockPolicy(step=None)
        await one.send()
        survey = await survey_clock(one.site.line, one.site.meters[0], one.site.now)
        assert survey.offset is not None
        assert abs(survey.offset.offset) < timedelta(seconds=2)
