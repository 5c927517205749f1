"""The decision: every rule for the step and the function is asked, and all that speaks against it is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from headend.safety import checks_amounts as amounts
from headend.safety import checks_order as orders
from headend.safety import checks_people as people
from headend.safety import checks_times as times
from headend.safety.function import Effect
from headend.safety.order import binding
from headend.safety.request import Against, Check, Missing, Request
from headend.safety.world import Step, World


class Verdict(StrEnum):
    """From good to bad; a decision is as bad as the worst that was said."""

    ALLOWED = "allowed"
    WAIT = "wait"
    """Ask again later: nothing is wrong with it."""
    QUARANTINE = "quarantine"
    """Two persons must look at it."""
    REFUSED = "refused"


_RANK: Final = {verdict: rank for rank, verdict in enumerate(Verdict)}
_EVERY: Final = tuple(Step)
_LATE: Final = (Step.RELEASE, Step.SEND)
_ACTING: Final = (Step.APPROVE, Step.RELEASE, Step.SEND)
_ALL: Final = tuple(Effect)


@dataclass(frozen=True, slots=True)
class Rule:
    """`row`: the requirement that it serves (docs/safety.md). `verdict`: what it says when it is broken."""

    id: str
    row: str
    check: Check
    steps: tuple[Step, ...] = _EVERY
    effects: tuple[Effect, ...] = _ALL
    verdict: Verdict = Verdict.REFUSED


RULES: Final[tuple[Rule, ...]] = (
    Rule("complete", "S1", orders.complete),
    Rule("reason", "S1", orders.reason),
    Rule("role", "S2", people.role),
    Rule("requester", "S2", people.requester, (Step.DRAFT,)),
    Rule("not own", "S2", people.not_own, (Step.APPROVE,)),
    Rule("registered", "S2", orders.registered),
    Rule("approved", "S3", people.approved, _LATE),
    Rule("limit", "S3", amounts.limit, (Step.SEND,), (Effect.CUTS, Effect.RESTORES)),
    Rule("protected", "S4", orders.protected, effects=(Effect.CUTS,)),
    Rule("caps", "S5", amounts.caps, _LATE, (Effect.CUTS, Effect.RESTORES), Verdict.QUARANTINE),
    Rule("ramp", "S6", amounts.ramp, (Step.SEND,), (Effect.CUTS, Effect.RESTORES), Verdict.WAIT),
    Rule("window", "S7", times.window, (Step.SEND,), (Effect.CUTS,), Verdict.WAIT),
    Rule("weather", "S7", times.weather, (Step.SEND,), (Effect.CUTS,), Verdict.WAIT),
    Rule("expired", "S8", times.expired),
    Rule("early", "S8", times.early, (Step.SEND,), verdict=Verdict.WAIT),
    Rule("recalled", "S8", orders.recalled),
    Rule("once", "S9", orders.once),
    Rule("busy", "S9", orders.busy, (Step.SEND,)),
    Rule("stopped", "S12", orders.stopped, _ACTING),
    Rule("source", "S13", people.source),
    Rule("score", "S13", orders.score, _ACTING),
    Rule("secret", "S14", orders.secret),
    Rule("held", "S16", people.held, _ACTING),
    Rule("clock", "S17", times.clock),
    Rule("meter clock", "S17", times.meter_clock, _LATE),
    Rule("telling", "S17", times.telling, effects=(Effect.NEUTRAL,)),
)


@dataclass(frozen=True, slots=True)
class Reason:
    """What a rule says against it."""

    rule: str
    row: str
    why: str
    verdict: Verdict = Verdict.REFUSED
    meter: str = ""

    def __str__(self) -> str:
        return f"{self.row} {self.rule}: {self.meter + ': ' if self.meter else ''}{self.why}"


@dataclass(frozen=True, slots=True)
class Decision:
    """`bound`: the order and the policy that it is about; empty where the policy is not known."""

    reasons: tuple[Reason, ...]
    bound: str = ""

    @property
    def allowed(self) -> bool:
        return not self.reasons

    @property
    def verdict(self) -> Verdict:
        return max((reason.verdict for reason in self.reasons), key=_RANK.__getitem__, default=Verdict.ALLOWED)


def decide(request: Request, world: World) -> Decision:
    """Pure: the same question is answered the same at any time, so that a record of both can be replayed."""
    found: list[Reason] = []
    for rule in RULES:
        if request.step in rule.steps and request.order.traits.effect in rule.effects:
            found += _said(rule, request, world)
    bound = "" if world.policy is None else binding(request.order, world.policy.version)
    return Decision(tuple(found), bound)


def _said(rule: Rule, request: Request, world: World) -> Iterator[Reason]:
    try:
        for against in rule.check(request, world):
            yield _reason(rule, against, rule.verdict)
    except Missing as missing:
        yield _reason(rule, Against(str(missing)), Verdict.REFUSED)


def _reason(rule: Rule, against: Against, verdict: Verdict) -> Reason:
    return Reason(rule.id, rule.row, against.why, verdict, against.meter)
