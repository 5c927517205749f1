"""What is asked of the core, and what a rule can say against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeAlias, TypeVar

from headend.safety.command import CommandKey
from headend.safety.order import Approval, Order, Target, binding
from headend.safety.world import Step, World

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """`by` asks to take `step`. `SEND` is for one `meter` of the order and for who holds its `claim`; before it is
    claimed that is empty."""

    step: Step
    by: str
    order: Order
    approvals: tuple[Approval, ...] = ()
    meter: str = ""
    claim: str = ""

    @property
    def key(self) -> CommandKey:
        return CommandKey(self.order.key, self.meter)

    @property
    def targets(self) -> tuple[Target, ...]:
        """Whom the step is about."""
        if self.step is not Step.SEND:
            return self.order.targets
        target = self.order.by_meter.get(self.meter)
        return () if target is None else (target,)


class Missing(Exception):
    """A rule asks for what is not known."""


class Against(NamedTuple):
    """Why not; `meter` is empty where it holds for all."""

    why: str
    meter: str = ""


Check: TypeAlias = Callable[[Request, World], Iterator[Against]]


def known(value: T | None, what: str) -> T:
    """Raises `Missing`."""
    if value is None:
        raise Missing(f"not known: {what}")
    return value


def time_of(world: World) -> datetime:
    """Raises `Missing`."""
    return known(world.now, "the time")


def valid_approvals(request: Request, world: World) -> list[Approval]:
    """One a person: bound to this order under this policy, given by somebody else who may, not over yet.

    Raises `Missing`.
    """
    now, order = time_of(world), request.order
    policy, users = known(world.policy, "the policy"), known(world.users, "the users")
    bound = binding(order, policy.version)
    good: dict[str, Approval] = {}
    for approval in request.approvals:
        user = users.get(approval.by)
        if user is None or not user.is_person or approval.by == order.requester or approval.bound != bound:
            continue
        over = min(approval.expires, approval.at + policy.longest)
        if not approval.at <= now < over:
            continue
        if all(user.may(Step.APPROVE, order.function, area) for area in order.areas):
            held = good.get(approval.by)
            good[approval.by] = approval if held is None or approval.over_caps else held
    return list(good.values())
