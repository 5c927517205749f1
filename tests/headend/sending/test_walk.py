"""S18: over many random steps no frame goes onto the wire that must not, and none twice."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Final

import pytest

from headend.safety import decision, permit
from headend.sending import sender
from protocols.links.open import SCHEMES
from tests import soak
from tests.headend.sending.lab import Lab
from tests.headend.virtual_time import virtually

STEPS: Final = 100_000
SOAK_STEPS: Final = 1_000_000
_WALK: Final = (
    "pause",
    "pause",
    "pause",
    "order",
    "protect",
    "stop",
    "doubt",
    "recall",
    "befall",
    "away",
    "work",
    "calm",
)
_WEIGHTS: Final = (20, 20, 20, 5, 4, 1, 1, 1, 4, 1, 8, 4)


async def walk(lab: Lab, steps: int) -> None:
    rng = lab.rng
    for number in range(steps):
        what = rng.choices(_WALK, _WEIGHTS)[0]
        if what == "pause":
            await asyncio.sleep(rng.choice([0.0, 0.1, 1.0, 20.0]))
        elif what == "order":
            lab.order()
        elif what == "protect":
            lab.protect()
        elif what == "stop":
            lab.turn(lab.stopped)
        elif what == "doubt":
            lab.turn(lab.doubtful)
        elif what == "calm":
            for spans in (lab.stopped, lab.doubtful):
                if spans and spans[-1].until is None:
                    lab.turn(spans)
        elif what == "recall":
            lab.recall()
        elif what == "befall":
            lab.befall()
        elif what == "away":
            lab.away = rng.randrange(4)
        else:
            await lab.work()
            lab.check()
        if number % 500 == 0:
            lab.clear_away()
    await asyncio.sleep(600.0)
    lab.check()


async def walked(monkeypatch: pytest.MonkeyPatch, seed: int, steps: int) -> Lab:
    lab = Lab(random.Random(seed))
    for place in range(2):
        monkeypatch.setitem(SCHEMES, f"lab{place}", lab.open)
    lab.build()
    try:
        await walk(lab, steps)
    finally:
        await lab.close()
    return lab


@pytest.mark.soak
@virtually
async def test_s18_no_frame_goes_out_that_must_not(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = SOAK_STEPS if soak.SECONDS else STEPS
    lab = await walked(monkeypatch, 20261123, steps)
    assert lab.frames > steps / 100, "the walk itself did something"
    assert lab.changed > steps / 2000


@pytest.mark.parametrize(
    "without", ["protected", "stopped", "approved", "expired", "recalled", "clock", "once"],
)  # fmt: skip
@virtually
async def test_the_walk_finds_a_core_without_a_rule(monkeypatch: pytest.MonkeyPatch, without: str) -> None:
    monkeypatch.setattr(decision, "RULES", tuple(rule for rule in decision.RULES if rule.id != without))
    if without == "once":  # the book refuses a second claim itself: here it forgets that it was asked
        monkeypatch.setattr(Lab, "claim", _always)
    with pytest.raises(AssertionError):
        await walked(monkeypatch, 7, 20_000)


@virtually
async def test_the_walk_finds_a_permit_that_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permit.OneFrame, "__call__", lambda self, ask: None)
    monkeypatch.setattr(sender, "decide", lambda request, world: decision.Decision(()))
    monkeypatch.setattr(permit, "_decided", lambda request, world: None)
    with pytest.raises(AssertionError):
        await walked(monkeypatch, 7, 20_000)


async def _always(self: Lab, due: Any, asked: Any, claim: str, told: Any) -> bool:
    from headend.safety.command import Command, State

    self.states[due.key] = Command(due.key, due.order.digest, State.SENT, claim)
    return True
