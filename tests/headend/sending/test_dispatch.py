"""Commands for a crew's meters are taken, sent once, and looked after until they are settled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from headend.collection.crew import Crew
from headend.collection.poller import Poller
from headend.recording.pending import Pending
from headend.safety.command import FINAL, CommandKey, State
from headend.safety.function import Function
from headend.sending import dispatch as module
from headend.sending.book import Due
from headend.sending.dispatch import Dispatch, Waiting
from headend.work.plan import Kind
from tests.headend.clock.site import Site, site
from tests.headend.sending.shelf import Shelf

PATIENCE_S = 120.0


@dataclass
class Tray:
    """A queue over a shelf. `orders` by command."""

    shelf: Shelf
    dues: dict[CommandKey, Due] = field(default_factory=dict)

    def put(self, due: Due) -> Due:
        self.dues[due.key] = due
        return due

    async def waiting(self, meters: Collection[str]) -> list[Waiting]:
        return [
            Waiting(key, held.state, self.shelf.site.now(), due.order.not_before or self.shelf.site.now(),
                    due.order.function, held.claim)
            for key, due in self.dues.items()
            if key.meter in meters and (held := self.shelf.states[key]).state not in FINAL
        ]  # fmt: skip

    async def due(self, key: CommandKey) -> Due | None:
        return self.shelf.at(self.dues[key])

    async def ring(self, timeout_s: float) -> None:
        await asyncio.sleep(0.01)


@asynccontextmanager
async def at_work(one: Site, shelf: Shelf, tray: Tray, **more: Any) -> Any:
    """A crew of one line, and who gives it commands."""
    given = Dispatch(tray, shelf.sender(**more), one.now, bury_after=timedelta(0))
    crew = Crew(
        lambda path, meters, guard: Poller(
            one.line, meters, (), Pending(10), one.now, errands={Kind.COMMAND: given.errand}, given_up=given.given_up
        )
    )
    crew.begin(one.line.path, one.meters)
    tasks = [asyncio.create_task(crew.run()), asyncio.create_task(given.run(crew))]
    try:
        yield given
    finally:
        crew.stop()
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for is other tasks' doing
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AGAIN_S", (0.05,))
    monkeypatch.setattr(module, "_WAIT_S", (0.02, 0.05))


async def test_released_commands_are_sent_and_settled() -> None:
    async with site(4) as one:
        shelf = Shelf(one)
        tray = Tray(shelf)
        keys = [tray.put(shelf.due(number=n, key=f"o{n}")).key for n in range(4)]
        async with at_work(one, shelf, tray) as given:
            await until(lambda: all(shelf.states[key].state is State.VERIFIED for key in keys))
            await until(lambda: given.settled == 4)
        assert given.sent == 4
        assert not any(one.memory(n).relay.closed for n in range(4))


async def test_s11_giving_back_goes_first() -> None:
    async with site(3) as one:
        shelf = Shelf(one)
        tray = Tray(shelf)
        for number, function in enumerate((Function.TRIP, Function.TRIP, Function.CLOSE)):
            tray.put(shelf.due(function, number, f"o{number}"))
        async with at_work(one, shelf, tray):
            await until(lambda: all(held.state is State.VERIFIED for held in shelf.states.values()))
        sent = [told for _, after, told in shelf.moves if after is State.SENT]
        assert len(sent) == 3
        assert sent[0].more["seen"]["relay_open"] is False
        first = next(key for key, held in shelf.states.items() if held.claim == shelf.claims[0])
        assert first.order == "o2"


async def test_s09_what_a_dead_sender_had_claimed_is_read_and_never_sent() -> None:
    async with site() as one:
        shelf = Shelf(one)
        tray = Tray(shelf)
        due = tray.put(shelf.due(expires=one.now() + timedelta(seconds=0.3)))
        shelf.states[due.key] = shelf.states[due.key].claimed("a dead sender's")
        async with at_work(one, shelf, tray):
            await until(lambda: shelf.states[due.key].state is State.FAILED)
        assert one.memory(0).relay.closed
        assert [after for _, after, _ in shelf.moves] == [State.UNKNOWN, State.FAILED]


async def test_a_meter_that_comes_back_is_switched_then() -> None:
    async with site() as one:
        shelf = Shelf(one)
        tray = Tray(shelf)
        due = tray.put(shelf.due())
        one.memory(0).lose_power(one.now(), 1.0)
        async with at_work(one, shelf, tray):
            await until(lambda: shelf.states[due.key].state is State.VERIFIED)
        assert not one.memory(0).relay.closed


async def test_what_must_wait_is_asked_again() -> None:
    async with site() as one:
        shelf = Shelf(one)
        tray = Tray(shelf)
        due = tray.put(shelf.due(not_before=one.now() + timedelta(seconds=0.5)))
        async with at_work(one, shelf, tray):
            await asyncio.sleep(0.1)
            assert shelf.states[due.key].state is State.RELEASED
            await until(lambda: shelf.states[due.key].state is State.VERIFIED)
