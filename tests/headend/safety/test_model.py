"""S18: whatever happens in whatever order, no frame gets out that must not.

The machine lets hypothesis look for the shortest way to a broken promise; the walk goes on for long.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from headend.safety import decision
from headend.safety.permit import OneFrame
from protocols.exchange import Ask
from tests import soak
from tests.headend.safety.site import NOW
from tests.headend.safety.utility import Utility

STEPS = 20_000
SOAK_STEPS = 1_000_000
N = st.integers(0, 59)
MAYBE = st.booleans()


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.it = Utility()

    @rule(a=N, b=N, c=N, d=N, e=N)
    def draft(self, a: int, b: int, c: int, d: int, e: int) -> None:
        self.it.draft(a, b, c, d, e)

    @rule(a=N, b=N, c=MAYBE)
    def approve(self, a: int, b: int, c: bool) -> None:
        self.it.approve(a, b, c)

    @rule(a=N, b=N, c=MAYBE)
    def edit(self, a: int, b: int, c: bool) -> None:
        self.it.edit(a, b, c)

    @rule(a=N, b=N)
    def release(self, a: int, b: int) -> None:
        self.it.release(a, b)

    @rule(a=N, b=N)
    def work(self, a: int, b: int) -> None:
        self.it.work(a, b)

    @rule(a=N, b=N, c=MAYBE)
    def send(self, a: int, b: int, c: bool) -> None:
        self.it.send(a, b, c)

    @rule(a=N, b=N, c=N, d=MAYBE)
    def line_is_free(self, a: int, b: int, c: int, d: bool) -> None:
        self.it.line_is_free(a, b, c, d)

    @rule(a=N, b=N, c=N)
    def told(self, a: int, b: int, c: int) -> None:
        self.it.told(a, b, c)

    @rule(a=N, b=st.none() | N)
    def protect(self, a: int, b: int | None) -> None:
        self.it.protect(a, b)

    @rule(a=N)
    def unprotect(self, a: int) -> None:
        self.it.unprotect(a)

    @rule(a=N)
    def pay(self, a: int) -> None:
        self.it.pay(a)

    @rule(where=st.sampled_from(["*", "north", "south"]))
    def stop(self, where: str) -> None:
        self.it.stop(where)

    @rule(what=st.sampled_from(["trusted", "readable", "stale"]))
    def toggle(self, what: str) -> None:
        self.it.toggle(what)

    @rule(a=st.integers(-600, 600))
    def step_clock(self, a: int) -> None:
        self.it.step_clock(a)

    @rule(a=N)
    def pass_time(self, a: int) -> None:
        self.it.pass_time(a)

    @rule()
    def change_policy(self) -> None:
        self.it.change_policy()


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def moves(it: Utility, random: random.Random) -> list[tuple[int, Callable[[], None]]]:
    """What can happen, with how often: mostly work, sometimes trouble."""

    def n() -> int:
        return random.randrange(60)

    def often() -> bool:
        return random.random() < 0.1

    return [
        (12, lambda: it.draft(n(), n(), n(), random.choice((0, 0, 2, n())), n())),
        (25, lambda: it.approve(n(), random.choice((1, 2, n())), often())),
        (2, lambda: it.edit(n(), n(), not often())),
        (20, lambda: it.release(n(), random.choice((1, 2, n())))),
        (35, lambda: it.send(n(), n(), often())),
        (35, lambda: it.line_is_free(n(), n(), n(), often())),
        (25, lambda: it.told(n(), n(), n())),
        (3, lambda: it.protect(n(), None if often() else n() % 20)),
        (3, lambda: it.unprotect(n())),
        (1, lambda: it.pay(n())),
        (25, lambda: it.work(n(), n())),
        (20, lambda: it.pass_time(n() // 2)),
        (1, it.change_policy),
    ]


def faults(it: Utility, random: random.Random) -> None:
    """For some steps something is out of order, then all is well again."""
    what = random.choice(("trusted", "readable", "stale", "stop", "clock"))
    if what == "stop":
        it.stop(random.choice(("*", "north", "south")))
    elif what == "clock":
        it.step_clock(random.randint(-300, 300))
    else:
        it.toggle(what)


def mend(it: Utility) -> None:
    it.trusted, it.readable, it.stale = True, True, False
    it.stopped.clear()
    it.paid.clear()
    it.now = max([it.now, *(row.at for row in it.rows.values())])


def walk(steps: int, seed: int) -> Utility:
    chance = random.Random(seed)
    it = Utility()
    table = moves(it, chance)
    weights, actions = [weight for weight, _ in table], [action for _, action in table]
    for number in range(steps):
        if number % 40 == 0:
            mend(it)
        elif number % 40 == 30:
            faults(it, chance)
        chance.choices(actions, weights)[0]()
    return it


@pytest.mark.soak
def test_s18_no_protected_meter_is_cut_and_no_command_acts_twice() -> None:
    steps = SOAK_STEPS if soak.SECONDS else STEPS
    it = walk(steps, seed=random.randrange(2**32))  # pytest-randomly says which, and takes it again
    assert it.frames > steps // 400, "it proves nothing where nothing is sent"
    assert it.held_back > steps // 400
    assert it.now > NOW


@pytest.mark.parametrize(
    ("gone", "promise"),
    [
        ("protected", "a protected meter was cut"),
        ("stopped", "in spite of a stop"),
        ("expired", "it went too late"),
        ("recalled", "after it was paid"),
        ("approved", "nobody else had said yes"),
        ("clock", "by a doubtful clock"),
        ("once", "acted twice"),
    ],
)
def test_s18_without_a_rule_the_walk_notices(gone: str, promise: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision, "RULES", tuple(rule for rule in decision.RULES if rule.id != gone))
    with pytest.raises(AssertionError, match=promise):
        walk(STEPS, seed=1)


def test_s18_a_permit_that_could_be_used_again_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    asks = OneFrame.__call__

    def forgetful(self: OneFrame, ask: Ask[Any]) -> None:
        self.used = False
        asks(self, ask)

    monkeypatch.setattr(OneFrame, "__call__", forgetful)
    with pytest.raises(AssertionError, match="acted twice"):
        walk(STEPS, seed=1)
