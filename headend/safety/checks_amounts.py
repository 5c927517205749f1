"""Rules on how much at once. A load that is not known counts as all that the cap allows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from headend.safety.command import CommandKey
from headend.safety.function import Function
from headend.safety.ledger import MINUTE, Use, place_of
from headend.safety.limit import LIMITS, limit_kw
from headend.safety.policy import Cap
from headend.safety.request import Against, Request, known, time_of, valid_approvals
from headend.safety.world import Step, World
from protocols.errors import NotPermitted

_OVER_CAP = 2
"""Persons who must let an order go beyond a cap, neither of them the requester."""


def caps(request: Request, world: World) -> Iterator[Against]:
    now, policy = time_of(world), known(world.policy, "the policy")
    ledger, order = known(world.ledger, "the commands of late"), request.order
    those = [c for c in policy.caps if c.effect is order.traits.effect and c.source in (None, order.source)]
    if not any(cap.source is None for cap in those):
        yield Against(f"the policy has no cap for what {order.traits.effect}")
    if sum(approval.over_caps for approval in valid_approvals(request, world)) >= _OVER_CAP:
        return
    besides: CommandKey | str = request.key if request.step is Step.SEND else order.key
    for cap in those:
        mine: dict[str, Use] = defaultdict(Use)
        for target in request.targets:
            place = place_of(cap, target)
            mine[place] = mine[place].with_load(target.load_w)
        for place, use in mine.items():
            if cap.per and not place:
                yield Against(f"cap {cap.name}: no {cap.per} known")
                continue
            before = ledger.used(cap, place, now - cap.window, besides)
            both = Use(before.commands + use.commands, before.watts + use.watts, before.unknown + use.unknown)
            yield from _over(cap, place, both, world)


def _over(cap: Cap, place: str, use: Use, world: World) -> Iterator[Against]:
    where = f"cap {cap.name}{' of ' + place if place else ''}"
    if cap.commands is not None and use.commands > cap.commands:
        yield Against(f"{where}: {use.commands} commands, at most {cap.commands}")
    if cap.watts is not None and _watts(use, cap.watts) > cap.watts:
        yield Against(f"{where}: {_told(use)}, at most {cap.watts} W")
    if cap.permille is not None:
        customers = known(world.customers, "the numbers of customers").get(place)
        if customers is None or use.commands * 1000 > cap.permille * customers:
            yield Against(f"{where}: {use.commands} of {customers or 'unknown'} customers, at most {cap.permille} ‰")


def ramp(request: Request, world: World) -> Iterator[Against]:
    """Both ways: load that comes back all at once is as bad as load that goes."""
    effect = request.order.traits.effect
    if not request.order.traits.moves:
        return
    now, ledger = time_of(world), known(world.ledger, "the commands of late")
    limit = known(known(world.policy, "the policy").ramps.get(effect), f"a ramp for what {effect}")
    flying = ledger.in_flight(effect, request.key)
    if flying >= limit.in_flight:
        yield Against(f"{flying} in flight, at most {limit.in_flight}")
    use = ledger.sent(effect, now - MINUTE, request.key)
    for target in request.targets:
        use = use.with_load(target.load_w)
    if _watts(use, limit.watts_per_minute) > limit.watts_per_minute:
        yield Against(f"{_told(use)} within a minute, at most {limit.watts_per_minute} W")


def limit(request: Request, world: World) -> Iterator[Against]:
    """To lower a limit cuts, to raise it gives back: which of them it is, the meter's own value tells. Nothing may mean
    that there is no limit, so to set one there is to lower it."""
    order = request.order
    if order.function not in LIMITS:
        return
    shown = known(known(world.load_limits, "the meter's present limit").get(request.meter), "the meter's present limit")
    try:
        wanted = limit_kw(order)
    except NotPermitted as error:
        yield Against(str(error), request.meter)
        return
    is_lower = wanted < shown or not shown
    if order.function is Function.RAISE_LIMIT and is_lower:
        yield Against(f"{wanted} kW where the meter shows {shown} kW is no higher limit: limit_load", request.meter)
    if order.function is Function.LIMIT_LOAD and wanted > shown and not is_lower:
        yield Against(f"{wanted} kW where the meter shows {shown} kW is no lower limit: raise_limit", request.meter)


def _watts(use: Use, worst: int) -> int:
    return use.watts + use.unknown * worst


def _told(use: Use) -> str:
    return f"{use.watts} W" + (f" and {use.unknown} of unknown load" if use.unknown else "")
