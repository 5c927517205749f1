"""Rules on when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from headend.safety.function import Function
from headend.safety.request import Against, Request, known, time_of
from headend.safety.world import MeterClock, World


def clock(request: Request, world: World) -> Iterator[Against]:
    """Expiry means nothing by a clock that is doubtful, or that went back behind what has happened."""
    trust = known(world.clock, "whether this machine's clock is right")
    if not trust.trusted:
        yield Against(f"this machine's clock is doubtful: {trust.why}")
    now = time_of(world)
    past = [approval.at for approval in request.approvals]
    if world.ledger is not None and world.ledger.latest is not None:
        past.append(world.ledger.latest)
    if past and now < max(past):
        yield Against(f"it is {now.isoformat()}, before what has happened already ({max(past).isoformat()})")


def meter_clock(request: Request, world: World) -> Iterator[Against]:
    """A clock that is told the time may well be off: that is why."""
    if request.order.function is Function.SET_TIME:
        return
    clocks = known(world.meter_clocks, "the meters' clocks")
    for target in request.targets:
        state = clocks.get(target.meter)
        if state is None:
            yield Against("its clock was never read", target.meter)
        elif state is MeterClock.DOUBTFUL:
            yield Against("its clock is doubtful", target.meter)


def telling(request: Request, world: World) -> Iterator[Against]:
    """The rules of clocks, as far as they can be known at this step; at sending all of them."""
    if request.order.function is not Function.SET_TIME:
        return
    rules = known(world.time_rules, "what the rules of clocks say")
    for target in request.targets:
        against = known(rules.get(target.meter), "what the rules of clocks say")
        yield from (Against(why, target.meter) for why in against)


def expired(request: Request, world: World) -> Iterator[Against]:
    order, now, policy = request.order, time_of(world), known(world.policy, "the policy")
    if order.not_before is None or order.expires is None:
        yield Against("it has no not-before or no expiry")
        return
    if order.not_before >= order.expires:
        yield Against("it expires before it begins")
    elif order.expires - order.not_before > policy.longest:
        yield Against(f"it is good for longer than {policy.longest}")
    if now >= order.expires:
        yield Against(f"it expired at {order.expires.isoformat()}")


def early(request: Request, world: World) -> Iterator[Against]:
    not_before = request.order.not_before
    if not_before is None or time_of(world) < not_before:
        yield Against("not before its time")


def window(request: Request, world: World) -> Iterator[Against]:
    """Hour, weekday, holiday and the day before one, by the area's own clock; what is not known is no."""
    now, policy = time_of(world), known(world.policy, "the policy")
    if not _bound(request, world):
        return
    zones, holidays = known(world.zones, "the areas' zones"), known(world.holidays, "the holidays")
    for area in sorted({target.area for target in request.targets}):
        if area not in zones:
            yield Against(f"no zone known of area {area}")
            continue
        local: datetime = now.astimezone(zones[area])
        day, clock = local.date(), local.time()
        if not any(day.weekday() in w.weekdays and w.start <= clock < w.end for w in policy.windows):
            yield Against(f"area {area}: nothing is cut at {local:%H:%M} on weekday {day.weekday()}")
        for what, when in (("a holiday", day), ("the day before a holiday", day + timedelta(days=1))):
            if not holidays.first <= when <= holidays.last:
                yield Against(f"area {area}: no holidays known of {when}")
            elif when in holidays.days:
                yield Against(f"area {area}: today is {what}")


def weather(request: Request, world: World) -> Iterator[Against]:
    now, policy = time_of(world), known(world.policy, "the policy")
    if not _bound(request, world):
        return
    told = known(world.weather, "the weather")
    for area in sorted({target.area for target in request.targets}):
        there = told.get(area)
        if there is None or not timedelta(0) <= now - there.at <= policy.weather_fresh:
            yield Against(f"area {area}: the forecast is not known, or old")
        elif there.harsh:
            yield Against(f"area {area}: nothing is cut in the weather that is forecast")


def _bound(request: Request, world: World) -> bool:
    """Whether the order keeps to windows; of a reason that the policy does not know, yes. Raises `Missing`."""
    reason = request.order.reason
    rule = None if reason is None else known(world.policy, "the policy").reasons.get(reason)
    return rule is None or rule.windows
