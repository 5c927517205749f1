"""A password is changed so that it is never lost: whatever happens between, what a meter takes is sealed, and found out
with fewer wrong tries than lock it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from headend.safety.command import State
from headend.safety.function import Function, ReasonCode
from headend.safety.ledger import Rows
from headend.safety.passwords import Change, InForce, Outcome, Try, found, next_try
from headend.safety.world import Stops
from headend.secrets.making import is_guessable, new_password
from headend.sending.book import Due
from headend.sending.sender import Next
from protocols import models
from protocols.dlt645.services.access import Access
from protocols.dlt645.services.signer import PlainPassword
from protocols.errors import NoAnswer, NotPermitted
from tests.headend.clock.site import Site, site
from tests.headend.sending.shelf import Shelf

FACTORY = Access(2, bytes(3))
ZERO = timedelta(0)


@dataclass
class Bench:
    """One meter whose password is `FACTORY`, and its order to change it. `frames` that acted, in their order."""

    one: Site
    shelf: Shelf
    due: Due
    frames: list[bytes] = field(default_factory=list)
    lost: frozenset[int] = frozenset()

    @property
    def state(self) -> State:
        return self.shelf.states[self.due.key].state

    @property
    def in_meter(self) -> Access:
        return Access(2, self.one.memory(0).passwords._secrets[2])

    def sealed(self, state: str) -> list[Access]:
        return [held.access for _, held in self.shelf.vault.of(self.one.meters[0].name) if held.state == state]

    def lose(self, *which: int) -> None:
        """The answers to these of the frames that act, counted from 1."""
        self.lost = frozenset(which)

    def tap(self) -> None:
        run = self.one.line.run

        async def tapped(exchange: Any, meter: str | None = None) -> Any:
            number = 0

            def again() -> Any:
                nonlocal number
                ask = next(exchange)
                if ask.acts:
                    self.frames.append(ask.data)
                    number = len(self.frames)
                try:
                    while True:
                        ask = exchange.send((yield ask))
                except StopIteration as end:
                    return end.value

            try:
                return await run(again(), meter)
            finally:
                if number in self.lost:
                    raise NoAnswer("lost on the way back")

        self.one.line.run = tapped  # type: ignore[method-assign]

    async def send(self) -> tuple[Next, State]:
        return await self.shelf.sender().send(self.one.line, self.one.meters[0], self.due)

    async def look(self) -> State:
        at = self.shelf.at(self.due)
        return (await self.shelf.sender(settle_for=ZERO).look(self.one.line, self.one.meters[0], at, self.one.now()))[1]

    async def settled(self) -> State:
        for _ in range(9):
            if (after := await self.look()) not in (State.UNKNOWN, State.ACKNOWLEDGED):
                return after
        raise AssertionError("it is never settled")

    async def takes_orders(self) -> bool:
        """By the password that the safe gives."""
        due = self.shelf.due(Function.CLOSE, key="after")
        return (await self.shelf.sender().send(self.one.line, self.one.meters[0], due))[1] is State.ACKNOWLEDGED


@asynccontextmanager
async def bench(known: Access | None = FACTORY, *, pressed: bool = True, edition: str = "2007") -> AsyncIterator[Bench]:
    async with site(1, f"programming = {str(pressed).lower()}", edition=edition) as one:
        shelf = Shelf(one, secret=known)
        due = shelf.due(Function.CHANGE_PASSWORD, reason=ReasonCode.DANGER)
        made = Bench(one, shelf, due)
        made.tap()
        yield made


async def test_it_is_told_once_proved_and_used_from_then_on() -> None:
    async with bench() as it:
        assert await it.send() == (Next.LOOK, State.ACKNOWLEDGED)
        (new,) = it.sealed("next")
        assert it.in_meter == new != FACTORY
        assert await it.look() is State.VERIFIED
        assert (it.sealed("current"), it.sealed("past"), it.sealed("next")) == ([new], [FACTORY], [])
        assert len(it.frames) == 3, "the old one proved, the change, the new one proved"
        assert await it.takes_orders()


async def test_s14_the_book_and_what_is_told_hold_no_password() -> None:
    async with bench(Access(2, b"\x12\x34\x56")) as it:
        it.one.memory(0).passwords.change(Access(2, b"\x12\x34\x56"))
        await it.send()
        await it.look()
        told = str(it.shelf.moves)
        frames = [text for _, _, one in it.shelf.moves for _, text in one.frames]
        assert len(frames) == 3
        assert all("** ** **" in frame for frame in frames)
        for secret in (b"\x12\x34\x56", it.in_meter.secret):
            coded = bytes((byte + 0x33) & 0xFF for byte in secret)
            for text in (secret.hex(), secret[::-1].hex(), secret.hex(" "), coded.hex(" "), coded.hex()):
                assert text.upper() not in told.upper()


async def test_no_answer_to_the_first_proof_and_nothing_is_changed() -> None:
    async with bench() as it:
        it.lose(1)
        assert await it.send() == (Next.NOTHING, State.REJECTED)
        assert it.in_meter == FACTORY
        assert not it.sealed("next")
        assert await it.takes_orders()


async def test_a_change_whose_answer_is_lost_is_proved_by_the_new_password() -> None:
    async with bench() as it:
        it.lose(2)
        assert await it.send() == (Next.LOOK, State.UNKNOWN)
        assert it.sealed("current") == [FACTORY], "both are kept"
        assert it.sealed("next") == [it.in_meter]
        assert await it.look() is State.VERIFIED
        assert it.sealed("current") == [it.in_meter]
        assert len(it.frames) == 3
        assert await it.takes_orders()


async def test_a_change_that_never_came_there_is_proved_by_the_old_password() -> None:
    async with bench() as it:
        it.lose(2)
        passwords = it.one.memory(0).passwords
        passwords.change = lambda new: None
        assert await it.send() == (Next.LOOK, State.UNKNOWN)
        assert await it.settled() is State.FAILED
        assert (it.sealed("current"), it.sealed("next")) == ([FACTORY], [])
        assert len(it.frames) == 4, "one wrong try"
        assert passwords._wrong == {}, "the right one behind it"
        assert await it.takes_orders()


async def test_a_meter_that_says_done_and_keeps_the_old_one_is_contradicted_and_both_are_kept() -> None:
    async with bench() as it:
        it.one.memory(0).passwords.change = lambda new: None
        await it.send()
        assert await it.settled() is State.CONTRADICTED
        assert it.sealed("current") == [FACTORY]
        assert len(it.sealed("next")) == 1
        assert not await it.takes_orders(), "nobody knows which"


async def test_no_programming_key_is_found_out_before_anything_is_told() -> None:
    async with bench(pressed=False) as it:
        assert await it.send() == (Next.NOTHING, State.FAILED)
        assert len(it.frames) == 1
        assert "no password that is known is taken" in it.shelf.moves[-1][2].why
        assert not it.sealed("next")
        assert await it.takes_orders(), "control wants no key"


async def test_a_password_that_is_wrong_costs_one_try() -> None:
    async with bench(Access(2, b"\x09\x09\x09")) as it:
        assert await it.send() == (Next.NOTHING, State.FAILED)
        assert it.one.memory(0).passwords._wrong == {2: 1}
        assert it.in_meter == FACTORY


async def test_a_refusal_proves_nothing_and_another_change_finds_it_out() -> None:
    """The key is let go behind the change: neither password is taken, and both stay until it is pressed again."""
    async with bench() as it:
        it.lose(2)
        await it.send()
        new = it.in_meter
        it.one.memory(0).press_programming_key(False, it.one.now())
        assert await it.settled() is State.CONTRADICTED
        assert (it.sealed("current"), it.sealed("next")) == ([FACTORY], [new])
        assert not await it.takes_orders()
        it.one.memory(0).press_programming_key(True, it.one.now())
        it.due = it.shelf.due(Function.CHANGE_PASSWORD, key="o2", reason=ReasonCode.DANGER)
        await it.send()
        assert await it.look() is State.VERIFIED
        assert it.sealed("past") == [FACTORY, new]
        assert it.sealed("current") == [it.in_meter] != [new]


async def test_the_old_one_found_out_by_another_change_ends_what_was_made_before() -> None:
    async with bench() as it:
        it.one.memory(0).passwords.change = lambda new: None
        await it.send()
        assert await it.settled() is State.CONTRADICTED
        del it.one.memory(0).passwords.change
        it.due = it.shelf.due(Function.CHANGE_PASSWORD, key="o2", reason=ReasonCode.DANGER)
        await it.send()
        assert await it.look() is State.VERIFIED
        assert it.sealed("current") == [it.in_meter]


async def test_a_change_that_comes_later_still_is_found_by_another_one() -> None:
    async with bench() as it:
        it.lose(2)
        passwords = it.one.memory(0).passwords
        late: list[Access] = []
        passwords.change = late.append
        await it.send()
        assert await it.settled() is State.FAILED
        del passwords.change
        _, new, _ = late
        passwords.change(new)
        assert not await it.takes_orders()
        it.due = it.shelf.due(Function.CHANGE_PASSWORD, key="o2", reason=ReasonCode.DANGER)
        assert (await it.send())[1] is State.ACKNOWLEDGED
        assert await it.look() is State.VERIFIED
        assert it.sealed("current") == [it.in_meter]
        assert it.sealed("past") == [FACTORY, new]


async def test_answers_to_proofs_that_are_lost_too_never_lock_the_meter() -> None:
    async with bench() as it:
        it.lose(2, 3, 4, 5)
        await it.send()
        assert await it.settled() is State.UNVERIFIABLE
        assert len(it.frames) == 5, "the new one twice, then the old one"
        assert not it.one.memory(0).passwords.is_locked(2, it.one.now())
        assert it.sealed("next") == [it.in_meter]


async def test_a_silent_meter_is_not_tried() -> None:
    async with bench() as it:
        it.lose(2)
        await it.send()
        it.one.memory(0).lose_power(it.one.now(), None)
        with pytest.raises(NoAnswer):
            await it.look()
        assert it.shelf.vault.tried == {}


@pytest.mark.parametrize("frames", [0, 1, 2], ids=["before the first proof", "before the change", "before its answer"])
async def test_s09_a_sender_that_dies_anywhere_leaves_what_another_one_finds_out(frames: int) -> None:
    """What is written down by then is all that the next one knows."""
    async with bench() as it:
        run = it.one.line.run
        dead = asyncio.Event()

        async def die(exchange: Any, meter: str | None = None) -> Any:
            if dead.is_set():
                raise AssertionError("a dead one speaks")
            if exchange.gi_code.co_name == "perform" and len(it.frames) == min(frames, 1):
                if frames == 2:
                    await run(exchange, meter)
                dead.set()
                await asyncio.sleep(3600)
            return await run(exchange, meter)

        it.one.line.run = die  # type: ignore[method-assign]
        task = asyncio.create_task(it.send())
        async with asyncio.timeout(30):
            await dead.wait()
        book = dict(it.shelf.states)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        it.one.line.run = run  # type: ignore[method-assign]
        it.shelf.states = {it.due.key: book[it.due.key].to(State.UNKNOWN)}
        after = await it.settled()
        assert after is (State.VERIFIED if it.in_meter != FACTORY else State.FAILED)
        assert it.sealed("current") == [it.in_meter]
        assert not it.sealed("next")
        assert await it.takes_orders()


async def test_s09_one_that_dies_while_it_proves_has_tried() -> None:
    async with bench() as it:
        await it.send()
        await it.shelf.vault.begin_try(it.due.key, 1, InForce.NEW)
        assert await it.look() is State.VERIFIED
        assert [one.outcome for one in it.shelf.vault.tried[it.due.key]] == [Outcome.SILENT, Outcome.TAKEN]


async def test_s09_one_that_dies_behind_its_proof_is_believed() -> None:
    """The new one is current, and that is not in the book yet."""
    async with bench() as it:
        await it.send()
        await it.shelf.vault.confirm(it.due.key.meter)
        assert await it.look() is State.VERIFIED
        assert len(it.frames) == 2


async def test_what_is_held_back_behind_the_claim_changes_nothing() -> None:
    async with bench(None) as it:
        assert (await it.send())[1] is State.REJECTED
        assert "no password is known" in it.shelf.moves[-1][2].why
    async with bench() as it:
        it.shelf.lists["stops"] = lambda now: Stops(everywhere=it.state is State.SENT)
        assert (await it.send())[1] is State.REJECTED, "a stop between the claim and the change"
        assert it.in_meter == FACTORY
        assert not it.sealed("next"), "what was sealed for it is past"
        assert await it.takes_orders()


async def test_meters_of_1997_have_no_order_for_it() -> None:
    async with bench() as it:
        it.one.meters = [replace(it.one.meters[0], model=models.load("dlt645_1997"))]
        assert (await it.send())[1] is State.REJECTED
        assert "no frame for change_password" in it.shelf.moves[-1][2].why
        assert not it.frames


async def test_nothing_else_goes_to_a_meter_while_nobody_knows_which() -> None:
    async with bench() as it:
        it.lose(2)
        await it.send()
        it.shelf.lists["ledger"] = lambda now: Rows(())  # even if the rule on busy meters were not there
        due = it.shelf.due(Function.CLOSE, key="between")
        assert (await it.shelf.sender().send(it.one.line, it.one.meters[0], due))[1] is State.REJECTED
        assert len(it.frames) == 2


NEW, OLD = InForce.NEW, InForce.OLD
TAKEN, REFUSED, SILENT = Outcome.TAKEN, Outcome.REFUSED, Outcome.SILENT


@pytest.mark.parametrize(
    ("tries", "then", "says"),
    [
        ([], NEW, None),
        ([(NEW, TAKEN)], None, NEW),
        ([(NEW, SILENT)], NEW, None),
        ([(NEW, REFUSED)], OLD, None),
        ([(NEW, SILENT), (NEW, TAKEN)], None, NEW),
        ([(NEW, SILENT), (NEW, SILENT)], OLD, None),
        ([(NEW, SILENT), (NEW, REFUSED)], OLD, None),
        ([(NEW, REFUSED), (OLD, TAKEN)], None, OLD),
        ([(NEW, REFUSED), (OLD, REFUSED)], None, InForce.NEITHER),
        ([(NEW, REFUSED), (OLD, SILENT)], None, None),
        ([(NEW, SILENT), (NEW, SILENT), (OLD, REFUSED)], None, None),
    ],
)
def test_which_is_tried_next(tries: list[tuple[InForce, Outcome]], then: InForce | None, says: InForce | None) -> None:
    done = [Try(of, outcome) for of, outcome in tries]
    assert next_try(done) is then
    assert found(done) is says


@pytest.mark.parametrize("really", [NEW, OLD])
def test_where_either_is_in_force_two_tries_are_wrong_at_most(really: InForce) -> None:
    """Whatever answers are lost."""

    def worst(tries: list[Try]) -> int:
        which = next_try(tries)
        if which is None:
            return sum(one.of is not really for one in tries)
        told = TAKEN if which is really else REFUSED
        return max(worst([*tries, Try(which, outcome)]) for outcome in (told, SILENT))

    assert worst([]) <= 2


def test_a_new_password_is_not_to_be_guessed() -> None:
    for digits in ("000000", "111111", "121212", "123456", "654321", "012345", "890123", "112233", "123123"):
        assert is_guessable(digits)
    old = PlainPassword(2, "A1B2C3")
    made = [new_password(old) for _ in range(500)]
    assert len({one.password for one in made}) > 490
    for one in made:
        assert one.level == 2
        assert one.password.isdecimal()
        assert not is_guessable(one.password)


@pytest.mark.parametrize("new", [Access(4, b"\x01\x02\x03"), FACTORY])
def test_a_change_is_one_of_the_same_level_to_another_password(new: Access) -> None:
    with pytest.raises(NotPermitted):
        Change(FACTORY, new)
