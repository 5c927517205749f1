"""Rules on who asks and who approved."""

from __future__ import annotations

from collections.abc import Iterator

from headend.safety.function import Source
from headend.safety.request import Against, Request, known, valid_approvals
from headend.safety.world import Step, World


def role(request: Request, world: World) -> Iterator[Against]:
    """For the function, in every area that it reaches. To send is to release once more; who requested must still be
    allowed to."""
    users, order = known(world.users, "the users"), request.order
    step = Step.RELEASE if request.step is Step.SEND else request.step
    for name, wanted in dict.fromkeys(((request.by, step), (order.requester, Step.DRAFT))):
        user = users.get(name)
        if user is None:
            yield Against(f"{name!r} is no user")
            continue
        areas = sorted({target.area for target in request.targets})
        yield from (
            Against(f"{name} may not {wanted} {order.function} in area {area}")
            for area in areas
            if not user.may(wanted, order.function, area)
        )


def requester(request: Request, world: World) -> Iterator[Against]:
    """Nobody drafts in another's name."""
    if request.by != request.order.requester:
        yield Against(f"{request.by} is not the requester {request.order.requester!r}")


def not_own(request: Request, world: World) -> Iterator[Against]:
    if request.by == request.order.requester:
        yield Against(f"{request.by} requested it: somebody else approves")


def needed(request: Request, world: World) -> int:
    """How many persons must approve besides the requester. Raises `Missing`."""
    order, policy = request.order, known(world.policy, "the policy")
    is_special = len(order.targets) > policy.bulk or order.source is not Source.PERSON
    return max(order.traits.approvals, int(is_special))


def approved(request: Request, world: World) -> Iterator[Against]:
    want = needed(request, world)
    if want and (held := len(valid_approvals(request, world))) < want:
        yield Against(f"{held} of {want} approvals that are good for exactly this order under this policy, now")


def source(request: Request, world: World) -> Iterator[Against]:
    """Automatic sources propose; people do the rest, and only where the policy lets such orders go out."""
    users = known(world.users, "the users")
    user = users.get(request.by)
    if request.step is not Step.DRAFT and (user is None or not user.is_person):
        yield Against(f"{request.by!r} is no person: it may only propose")
    asker = users.get(request.order.requester)
    if request.order.source is Source.PERSON and (asker is None or not asker.is_person):
        yield Against(f"{request.order.requester!r} is no person, and the order says that it is of one")
    late = request.step in (Step.RELEASE, Step.SEND)
    if late and request.order.source is Source.AUTOMATIC and not known(world.policy, "the policy").automatic_live:
        yield Against("the policy only shows what automatic sources propose")


def held(request: Request, world: World) -> Iterator[Against]:
    holds = known(world.holds, "the anomaly watch")
    for user in dict.fromkeys((request.by, request.order.requester)):
        if user in holds.users:
            yield Against(f"{user} is held: {holds.users[user]}")
    for area in sorted({target.area for target in request.targets} & holds.areas.keys()):
        yield Against(f"area {area} is held: {holds.areas[area]}")
