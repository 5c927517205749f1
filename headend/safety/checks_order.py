"""Rules on what is ordered, at whom, and on what is known of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from headend.safety.command import Command, State
from headend.safety.function import TRAITS, Effect, ReasonCode
from headend.safety.request import Against, Request, known, time_of
from headend.safety.world import EVERYWHERE, Step, World

_BROADCAST: Final = "99" * 6
_SECRETS: Final = ("password", "secret", "key", "密码")
_MAY_BE: Final = {
    Step.DRAFT: frozenset({State.DRAFT}),
    Step.APPROVE: frozenset({State.DRAFT, State.APPROVED, State.QUARANTINED}),
    Step.RELEASE: frozenset({State.APPROVED, State.QUARANTINED}),
}


def complete(request: Request, world: World) -> Iterator[Against]:
    order = request.order
    fields = {
        "idempotency key": order.key,
        "requester": order.requester,
        "reason code": order.reason,
        "not-before": order.not_before,
        "expiry": order.expires,
        "who asks": request.by,
    }
    yield from (Against(f"no {name}") for name, value in fields.items() if not value)
    if not request.targets:
        yield Against("no meter" if request.step is not Step.SEND else f"no meter {request.meter!r} in the order")
    for target in request.targets:
        places = {"usage point": target.point, "area": target.area, "line": target.line, "meter": target.meter}
        yield from (Against(f"no {name}", target.meter) for name, value in places.items() if not value)
        address = target.address
        if not (address.isascii() and address.isdigit()) or address == _BROADCAST:
            yield Against(f"{address!r} is not the address of one meter", target.meter)
        if target.area == EVERYWHERE:
            yield Against("that is no area", target.meter)
        if target.load_w is not None and target.load_w < 0:
            yield Against("a load below nothing", target.meter)
    if request.step is not Step.SEND:
        for what, names in (
            ("meter", [t.meter for t in order.targets]),
            ("address on one line", [f"{t.line} {t.address.lstrip('0')}" for t in order.targets]),
        ):
            yield from (Against(f"{what} twice: {name}") for name, count in Counter(names).items() if count > 1)


def reason(request: Request, world: World) -> Iterator[Against]:
    """The reason code selects what may be done for it, and whether it wants a notice."""
    order = request.order
    if order.reason is None:
        return
    rule = known(world.policy, "the policy").reasons.get(order.reason)
    if rule is None or order.function not in rule.functions:
        yield Against(f"{order.function} is not done for {order.reason}")
    elif rule.notice and not order.notice:
        yield Against(f"no notice or law referred to, which {order.reason} wants")


def secret(request: Request, world: World) -> Iterator[Against]:
    """What is hashed, shown and logged holds no password."""
    for name, _ in request.order.parameters:
        if any(word in name.lower() for word in _SECRETS):
            yield Against(f"parameter {name!r} is a secret: it does not belong into an order")


def score(request: Request, world: World) -> Iterator[Against]:
    if request.order.reason is ReasonCode.SUSPICION:
        yield Against("a score is a hint, never a reason to act")


def registered(request: Request, world: World) -> Iterator[Against]:
    registry = known(world.registry, "the registry")
    for target in request.targets:
        now = registry.get(target.meter)
        if now is None:
            yield Against("not in the registry", target.meter)
        elif now.identity != target.identity:
            yield Against("the registry has it otherwise than the order", target.meter)


def protected(request: Request, world: World) -> Iterator[Against]:
    now, policy = time_of(world), known(world.policy, "the policy")
    protection = known(world.protection, "the protection list")
    age = now - protection.as_of
    if age > policy.protection_fresh or age.total_seconds() < 0:
        yield Against(f"the protection list is of {protection.as_of.isoformat()}: stale, or of the future")
    for target in request.targets:
        for entry in protection.against(target, now):
            yield Against(f"protected: {entry.category}", target.meter)


def once(request: Request, world: World) -> Iterator[Against]:
    """The same key never acts twice, nor for anything else than it was first used for."""
    commands, order = known(world.commands, "the commands"), request.order
    for target in request.targets:
        command = commands.get(request.key._replace(meter=target.meter))
        if command is None:
            if request.step is not Step.DRAFT:
                yield Against("no such command", target.meter)
        elif request.step is Step.SEND:
            yield from _sendable(request, command)
        elif command.digest != order.digest and request.step is not Step.DRAFT:
            yield Against("it is another order than the one of this key", target.meter)
        elif command.state not in _MAY_BE[request.step]:
            yield Against(f"the command is {command.state}", target.meter)


def _sendable(request: Request, command: Command) -> Iterator[Against]:
    if command.digest != request.order.digest:
        yield Against("it is another order than the one of this key", request.meter)
    if command.state is State.SENT:
        if not request.claim or command.claim != request.claim:
            yield Against("the command is sent, by another claim: never again", request.meter)
    elif command.state is not State.RELEASED or request.claim:
        yield Against(f"the command is {command.state}", request.meter)


def busy(request: Request, world: World) -> Iterator[Against]:
    """Nothing is switched where nobody knows what came of the last switch."""
    ledger = known(world.ledger, "the commands of late")
    other = ledger.unsettled(request.meter, request.key)
    if other is not None:
        yield Against(f"of {other.order} nobody knows yet what came of it: read the meter first", request.meter)


def stopped(request: Request, world: World) -> Iterator[Against]:
    stops = known(world.stops, "the stops")
    if stops.everywhere:
        yield Against("everything is stopped")
    for area in sorted({target.area for target in request.targets} & stops.areas):
        yield Against(f"area {area} is stopped")


def recalled(request: Request, world: World) -> Iterator[Against]:
    """A payment recalls cuts for non-payment; a cancellation recalls whatever it names."""
    recalls, order = known(world.recalls, "payments and cancellations"), request.order
    if order.key in recalls.orders:
        yield Against("cancelled")
    if order.reason is ReasonCode.NON_PAYMENT and TRAITS[order.function].effect is Effect.CUTS:
        for target in request.targets:
            if target.point in recalls.points:
                yield Against("paid meanwhile", target.meter)
