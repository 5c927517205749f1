"""A command goes out once or not at all, and what came of it is written down whatever happens between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from headend.collection.line import Line, LinePath
from headend.safety.command import State
from headend.safety.world import Clock, Entry, ProtectionList, Recalls, Stops
from headend.sending.book import Asked, Due, Told
from headend.sending.sender import Next
from protocols.dlt645.frame import Frame
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.services.access import Access
from protocols.errors import CommunicationError, NoAnswer
from protocols.exchange import Ask
from tests.headend.clock.site import TIMING, Site, site
from tests.headend.sending.shelf import Shelf
from tests.ports import free_port

ZERO = timedelta(0)


def closed(one: Site) -> bool:
    return bool(one.memory(0).relay.closed)


async def test_s10_sent_acknowledged_read_back_verified() -> None:
    async with site() as one:
        shelf = Shelf(one)
        due = shelf.due()
        assert await shelf.sender().send(one.line, one.meters[0], due) == (Next.LOOK, State.ACKNOWLEDGED)
        assert not closed(one)
        assert await shelf.sender().look(one.line, one.meters[0], shelf.at(due), one.now()) == (
            Next.NOTHING, State.VERIFIED,
        )  # fmt: skip
        assert [after for _, after, _ in shelf.moves] == [State.SENT, State.ACKNOWLEDGED, State.VERIFIED]
        assert shelf.moves[0][2].more["seen"]["relay_open"] is False, "the state before is written down"
        ((direction, frame),) = shelf.moves[1][2].frames
        assert direction == ">"
        assert "** ** **" in frame, "a password is not shown"


async def test_s09_it_is_sent_once_however_often_it_is_tried() -> None:
    async with site() as one:
        shelf = Shelf(one)
        due = shelf.due()
        await asyncio.gather(*(shelf.sender().send(one.line, one.meters[0], due) for _ in range(5)))
        assert [after for _, after, _ in shelf.moves].count(State.SENT) == 1
        assert not closed(one)
        assert shelf.states[due.key].state is State.ACKNOWLEDGED


@pytest.mark.parametrize(
    ("lists", "after"),
    [
        ({"stops": Stops(everywhere=True)}, State.STOPPED),
        ({"recalls": Recalls(points=frozenset({"p1"}))}, State.RECALLED),
        ({"clock": Clock(False, "not synchronised")}, State.REJECTED),
        ({"protection": None}, State.REJECTED),
        ({"users": {}}, State.REJECTED),
    ],
)
async def test_what_the_core_holds_back_is_not_sent(lists: Mapping[str, Any], after: State) -> None:
    async with site() as one:
        shelf = Shelf(one, lists=dict(lists))
        assert await shelf.sender().send(one.line, one.meters[0], shelf.due()) == (Next.NOTHING, after)
        assert closed(one)


async def test_s04_put_on_the_list_between_the_claim_and_the_frame_it_is_not_sent() -> None:
    """The last look is the permit's: the list changes when the command is already written down as sent."""
    async with site() as one:
        shelf = Shelf(one)
        due = shelf.due()

        def protection(now: datetime) -> ProtectionList:
            is_claimed = shelf.states[due.key].state is State.SENT
            return ProtectionList((Entry("life support", meter=one.meters[0].name),) if is_claimed else (), now)

        shelf.lists["protection"] = protection
        assert await shelf.sender().send(one.line, one.meters[0], due) == (Next.NOTHING, State.REJECTED)
        assert closed(one)
        assert "life support" in shelf.moves[-1][2].why


async def test_s06_s07_what_must_wait_stays_released() -> None:
    async with site() as one:
        shelf = Shelf(one)
        due = shelf.due(not_before=one.now() + timedelta(minutes=10))
        assert await shelf.sender().send(one.line, one.meters[0], due) == (Next.WAIT, State.RELEASED)
        one.now.wait(hours=9)
        later = shelf.due(key="o2", expires=one.now() + timedelta(hours=1))
        assert (await shelf.sender().send(one.line, one.meters[0], later))[0] is Next.WAIT, "23:20 is no hour to cut"
        assert closed(one)


async def test_a_silent_meter_is_not_claimed() -> None:
    async with site() as one:
        shelf = Shelf(one)
        due = shelf.due()
        one.memory(0).lose_power(one.now(), None)
        with pytest.raises(NoAnswer):
            await shelf.sender().send(one.line, one.meters[0], due)
        assert shelf.states[due.key].state is State.RELEASED


def tapped(one: Site, told: Callable[[Ask[Any]], None]) -> None:
    """`told` hears of every request behind its answer; what it raises is what the conversation comes to."""
    run = one.line.run

    async def run_and_tell(exchange: Any, meter: str | None = None) -> Any:
        ask = next(exchange)

        def again() -> Any:
            answer = yield ask
            try:
                while True:
                    answer = yield exchange.send(answer)
            except StopIteration as end:
                return end.value

        value = await run(again(), meter)
        told(ask)
        return value

    one.line.run = run_and_tell  # type: ignore[method-assign]


def lost(ask: Ask[Any]) -> None:
    if ask.acts:
        raise NoAnswer("lost on the way back")


async def test_s09_an_answer_that_is_lost_leaves_it_unknown_until_the_meter_is_read() -> None:
    async with site() as one:
        tapped(one, lost)
        shelf = Shelf(one)
        due = shelf.due()
        assert await shelf.sender().send(one.line, one.meters[0], due) == (Next.LOOK, State.UNKNOWN)
        assert not closed(one)
        assert (await shelf.sender().look(one.line, one.meters[0], shelf.at(due), one.now()))[1] is State.VERIFIED


async def test_s09_an_unknown_that_did_nothing_fails_only_when_its_frame_is_too_old() -> None:
    async with site() as one:
        shelf = Shelf(one)
        due = shelf.due()
        shelf.states[due.key] = shelf.states[due.key].claimed("x").to(State.UNKNOWN)
        now = one.now()
        assert await shelf.sender().look(one.line, one.meters[0], shelf.at(due), now) == (Next.LOOK, State.UNKNOWN)
        one.now.wait(hours=2)
        assert (await shelf.sender().look(one.line, one.meters[0], shelf.at(due), now))[1] is State.FAILED


async def test_s10_a_stuck_relay_is_contradicted_after_a_while() -> None:
    async with site() as one:
        one.memory(0).stick(True, one.now())
        shelf = Shelf(one)
        due = shelf.due()
        await shelf.sender().send(one.line, one.meters[0], due)
        at = shelf.at(due)
        sent = one.now()
        assert await shelf.sender().look(one.line, one.meters[0], at, sent) == (Next.LOOK, State.ACKNOWLEDGED)
        assert (await shelf.sender(settle_for=ZERO).look(one.line, one.meters[0], at, sent))[1] is State.CONTRADICTED


async def test_a_meter_that_refuses_has_failed() -> None:
    async with site() as one:
        shelf = Shelf(one, secret=Access(2, b"\x09\x09\x09"))
        due = shelf.due()
        assert (await shelf.sender().send(one.line, one.meters[0], due))[1] is State.FAILED
        assert closed(one)


async def test_a_database_that_is_away_before_the_claim_keeps_the_command_back() -> None:
    async with site() as one:
        shelf = Shelf(one, away=1)
        due = shelf.due()
        with pytest.raises(Exception, match="away"):
            await shelf.sender().send(one.line, one.meters[0], due)
        assert closed(one)
        assert shelf.states[due.key].state is State.RELEASED


async def test_what_came_of_it_is_written_down_when_the_database_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headend.sending.sender._AWAY_S", 0.0)
    async with site() as one:
        shelf = Shelf(one)
        due = shelf.due()
        claimed = shelf.claim

        async def claim_and_lose(due: Due, asked: Asked, claim: str, told: Told) -> bool:
            won = await claimed(due, asked, claim, told)
            shelf.away = 3
            return won

        shelf.claim = claim_and_lose  # type: ignore[method-assign]
        sender = shelf.sender()
        assert (await sender.send(one.line, one.meters[0], due))[1] is State.ACKNOWLEDGED
        await sender.close()
        assert shelf.states[due.key].state is State.ACKNOWLEDGED
        assert not sender.claims


async def test_without_a_link_nothing_is_claimed() -> None:
    async with site() as one:
        shelf = Shelf(one)
        due = shelf.due()
        nowhere = Line(LinePath("line", f"tcp://127.0.0.1:{free_port()}", "dlt645"), TIMING)
        with pytest.raises(CommunicationError):
            await shelf.sender().send(nowhere, one.meters[0], due)
        assert shelf.states[due.key].state is State.RELEASED


async def test_the_frame_says_until_when_it_is_good() -> None:
    async with site() as one:
        shelf = Shelf(one)
        asked: list[Ask[Any]] = []
        tapped(one, asked.append)
        due = shelf.due()
        await shelf.sender().send(one.line, one.meters[0], due)
        (frame,) = (frame for ask in asked if ask.acts for frame in FrameReader().feed(ask.data))
        assert isinstance(frame, Frame)
        assert due.order.expires is not None
        local = due.order.expires.astimezone(one.meters[0].zone)
        assert frame.data[-6:][::-1].hex() == local.strftime("%y%m%d%H%M%S")
