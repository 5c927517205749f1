"""A small utility in which everything is in order: three meters in two districts, four people, one robot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from headend.safety.command import Command, CommandKey, State
from headend.safety.decision import Decision, decide
from headend.safety.function import Effect, Function, ReasonCode, Source
from headend.safety.ledger import Rows
from headend.safety.order import Approval, Order, Target, binding
from headend.safety.policy import Cap, Policy, Ramp, ReasonRule, Window
from headend.safety.request import Request
from headend.safety.world import (
    EVERYWHERE,
    Clock,
    Grant,
    Holds,
    Holidays,
    MeterClock,
    Oversight,
    ProtectionList,
    Recalls,
    Step,
    Stops,
    User,
    Weather,
    World,
)

NOW: Final = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
"""Ten on a Tuesday in Shanghai."""
ZONE: Final = ZoneInfo("Asia/Shanghai")
HOUR: Final = timedelta(hours=1)
CUTS: Final = frozenset({Function.TRIP, Function.TRIP_RECLOSE, Function.LIMIT_LOAD, Function.UNPROTECT})
EVERY: Final = frozenset(Function)


def target(number: int, area: str = "north", load_w: int | None = 2000) -> Target:
    return Target(f"m{number}", f"{number:012}", "line1", f"p{number}", area, "f1", f"No. {number}", load_w)


METERS: Final = (target(1), target(2), target(3, "south"))

POLICY: Final = Policy(
    version="7",
    reasons={
        ReasonCode.NON_PAYMENT: ReasonRule(CUTS),
        ReasonCode.MOVE_OUT: ReasonRule(CUTS, notice=False),
        ReasonCode.DANGER: ReasonRule(EVERY, windows=False, notice=False),
        ReasonCode.PAYMENT: ReasonRule(EVERY - CUTS, notice=False),
        ReasonCode.SUSPICION: ReasonRule(EVERY, notice=False),
    },
    caps=(
        Cap("hourly", Effect.CUTS, HOUR, commands=10),
        Cap("daily load", Effect.CUTS, timedelta(days=1), per="area", watts=50_000),
        Cap("share", Effect.CUTS, timedelta(days=1), per="area", permille=100),
        Cap("automatic", Effect.CUTS, HOUR, commands=2, source=Source.AUTOMATIC),
        Cap("back", Effect.RESTORES, HOUR, commands=100),
    ),
    ramps={Effect.CUTS: Ramp(5, 20_000), Effect.RESTORES: Ramp(5, 20_000)},
    windows=(Window(frozenset(range(4)), time(8), time(16)),),
    longest=timedelta(days=7),
    bulk=5,
    protection_fresh=timedelta(minutes=5),
    weather_fresh=timedelta(hours=3),
)


def user(*steps: Step, areas: Iterable[str] = (EVERYWHERE,), **more: Any) -> User:
    return User((Grant(frozenset(steps), EVERY, frozenset(areas)),), **more)


USERS: Final = {
    "ada": user(Step.DRAFT),
    "bo": user(Step.APPROVE, Step.RELEASE, oversight=frozenset(Oversight)),
    "cai": user(Step.DRAFT, Step.APPROVE, Step.RELEASE, oversight=frozenset(Oversight)),
    "dee": user(Step.APPROVE),
    "robot": user(*Step, oversight=frozenset(Oversight), is_person=False),
}

WORLD: Final = World(
    now=NOW,
    clock=Clock(True, "synchronised"),
    policy=POLICY,
    users=USERS,
    registry={t.meter: t for t in METERS},
    protection=ProtectionList((), NOW),
    stops=Stops(),
    recalls=Recalls(),
    holds=Holds({}, {}),
    commands={},
    ledger=Rows(()),
    customers={"north": 100, "south": 100, "": 200},
    zones={"north": ZONE, "south": ZONE},
    holidays=Holidays(frozenset({date(2026, 12, 25)}), date(2026, 1, 1), date(2026, 12, 31)),
    weather={"north": Weather(False, NOW), "south": Weather(False, NOW)},
    meter_clocks={t.meter: MeterClock.RIGHT for t in METERS},
    load_limits={t.meter: Decimal("8.0000") for t in METERS},
    time_rules={t.meter: () for t in METERS},
)
KW: Final = {Function.LIMIT_LOAD: "5", Function.RAISE_LIMIT: "10"}


def order(function: Function = Function.TRIP, **more: Any) -> Order:
    cuts = function in CUTS
    given: dict[str, Any] = {
        "key": "o1",
        "targets": METERS[:2],
        "reason": ReasonCode.NON_PAYMENT if cuts else ReasonCode.PAYMENT,
        "requester": "ada",
        "notice": "letter 12 of 2026-11-01",
        "not_before": NOW - HOUR,
        "expires": NOW + HOUR,
        "parameters": (("kw", KW[function]),) if function in KW else (),
    }
    return Order(function=function, **(given | more))


def approval(what: Order, by: str = "bo", policy: str = POLICY.version, **more: Any) -> Approval:
    given: dict[str, Any] = {"at": NOW - HOUR / 2, "expires": NOW + HOUR}
    return Approval(by, binding(what, policy), **(given | more))


def world(what: Order, state: State, claim: str = "", **more: Any) -> World:
    """In which each of the order's commands is in `state`."""
    commands = {
        key: Command(key, what.digest, state, claim) for t in what.targets if (key := CommandKey(what.key, t.meter))
    }
    return replace(WORLD, **({"commands": commands} | more))


STATES: Final = {
    Step.DRAFT: State.DRAFT,
    Step.APPROVE: State.DRAFT,
    Step.RELEASE: State.APPROVED,
    Step.SEND: State.RELEASED,
}
WHO: Final = {Step.DRAFT: "ada", Step.APPROVE: "bo", Step.RELEASE: "bo", Step.SEND: "bo"}


def asked(step: Step, what: Order | None = None, approvals: Iterable[Approval] | None = None, **more: Any) -> Request:
    what = order() if what is None else what
    given: dict[str, Any] = {
        "by": WHO[step],
        "meter": what.targets[0].meter if step is Step.SEND and what.targets else "",
    }
    if approvals is None:
        approvals = (approval(what),)
    return Request(step, order=what, approvals=tuple(approvals), **(given | more))


def told(step: Step, what: Order | None = None, approvals: Iterable[Approval] | None = None, **known: Any) -> Decision:
    """What the core says, with the world of `WORLD` but for `known`; `by` and `meter` go to the request."""
    what = order() if what is None else what
    more = {name: known.pop(name) for name in ("by", "meter", "claim") if name in known}
    return decide(asked(step, what, approvals, **more), world(what, STATES[step], **known))


def broken(*args: Any, **known: Any) -> set[str]:
    """The rules that `told` names."""
    return {reason.rule for reason in told(*args, **known).reasons}
