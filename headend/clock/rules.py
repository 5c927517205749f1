"""When a meter may be told the time. Every rule says why; what is not known is not allowed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from headend.clock.boundaries import Boundaries
from headend.clock.offset import Offset, shown_at
from headend.clock.policy import REACH, ClockPolicy
from headend.clock.trust import Trust
from headend.safety.world import EVERYWHERE


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule, whether it is kept, and what that rests on. `meter` is empty where it holds for all."""

    rule: str
    kept: bool
    why: str
    meter: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a meter's clock. `told`: the days, by its own clock or by ours, on which it was told the time
    or may have been."""

    name: str
    zone: ZoneInfo
    offset: Offset | None
    told: frozenset[date] = frozenset()
    bounds: Boundaries = field(default=Boundaries())
    asks: bool = True
    """It is a meter that 08H is made for."""
    areas: frozenset[str] = frozenset()


def own_days(known: Known, now: datetime) -> frozenset[date]:
    """The days that it is, by a right clock and by the meter's own."""
    right = shown_at(now, known.zone)
    off = known.offset.offset if known.offset is not None else timedelta(0)
    return frozenset({right.date(), (right + off).date()})


def host_rule(host: Trust) -> Finding:
    return Finding("host clock", host.trusted, host.why)


def meter_rules(known: Known, policy: ClockPolicy, now: datetime, *, stepwise: bool) -> list[Finding]:
    """The rules for telling one meter the time `now`, in whole or, `stepwise`, by one step."""
    name = known.name
    found = [Finding("protocol", known.asks, "08H is a service of DL/T 645", name)]
    told = own_days(known, now) & known.told
    said = f"it was told on {max(told)}" if told else "not told today"
    found.append(Finding("once a day", not told, said, name))
    found.append(_clear(known, policy, now))
    if known.offset is None:
        return [*found, Finding("offset known", False, "its clock was never read, or shows no time", name)]
    age = now - known.offset.at
    is_fresh = timedelta(0) <= age <= policy.fresh
    found.append(Finding("offset known", is_fresh, f"read {_s(age)} ago, at most {_s(policy.fresh)}", name))
    off = known.offset.offset
    found.append(Finding("off", abs(off) > policy.ok, f"by {_s(off)}, more than {_s(policy.ok)}", name))
    within = known.offset.most < REACH
    found.append(Finding("within 5 minutes", within, f"off by {_s(known.offset.most)} at most", name))
    if not stepwise:
        small = policy.step is None or abs(off) <= policy.step
        limit = "any" if policy.step is None else _s(policy.step)
        found.append(Finding("step", small, f"moved by {_s(abs(off))}, at most {limit} at once", name))
    left = policy.moved(off) if stepwise else timedelta(0)
    right = shown_at(now, known.zone)
    slack = known.offset.uncertainty if off > left else -known.offset.uncertainty
    crosses = known.bounds.record_between(right + off + slack, right + left)
    found.append(Finding("load record", not crosses, "none between what it shows and what it is told", name))
    return found


def lasting(known: Known, policy: ClockPolicy, start: datetime, end: datetime) -> list[Finding]:
    """What will still be against it at any time from `start` to `end`, by what is known now; waiting helps against the
    other rules, or a look at the clock."""
    found = {one.rule: one for one in meter_rules(known, policy, start, stepwise=True)}
    first, last = shown_at(start, known.zone).date(), shown_at(end, known.zone).date()
    days = [first + timedelta(days=n) for n in range(min((last - first).days, len(known.told)) + 1)]
    broken = []
    if days and known.told.issuperset(days):
        broken.append(Finding("once a day", False, f"it was told on {max(days)}", known.name))
    if found["offset known"].kept:
        broken += refusals(found[rule] for rule in ("off", "within 5 minutes"))
    return broken


def stop_rule(known: Iterable[Known], stops: frozenset[str] | None) -> Finding:
    """`stops`: areas, "*" is everywhere; None where that could not be read."""
    if stops is None:
        return Finding("stop", False, "whether anything is stopped cannot be read")
    if EVERYWHERE in stops:
        return Finding("stop", False, "everything is stopped")
    areas = sorted(stops & {area for one in known for area in one.areas})
    told = f"area {', '.join(areas)} is stopped" if areas else "nothing is stopped where they are"
    return Finding("stop", not areas, told)


def line_rules(known: Sequence[Known], policy: ClockPolicy, now: datetime) -> list[Finding]:
    """The rules for telling all meters of a line at once: one at least needs it, and for none is it wrong.

    Every meter of the line hears it, those of which nothing is known, too: so nobody is told near a time at which
    meters store something, nor on a day on which one was told. What moves none of them wants no fresh offset.
    """
    found: list[Finding] = []
    due = 0
    for one in known:
        rules = {rule.rule: rule for rule in meter_rules(one, policy, now, stepwise=False)}
        due += all(rule.kept for rule in rules.values())
        watched = ["once a day", "keep clear"]
        if one.offset is not None and one.offset.most < REACH:
            watched += ["step", "load record"]
        found += [rules[name] for name in watched if one.asks and name in rules]
    found.append(Finding("needed", due > 0, f"{due} of {len(known)} meters are off and may be told"))
    return found


def refusals(found: Iterable[Finding]) -> list[Finding]:
    return [one for one in found if not one.kept]


def _clear(known: Known, policy: ClockPolicy, now: datetime) -> Finding:
    """By a right clock, which is what the meter shows afterwards, and by its own."""
    right = shown_at(now, known.zone)
    off = known.offset.offset if known.offset is not None and known.offset.most < REACH else timedelta(0)
    distance, what = min(known.bounds.nearest(right), known.bounds.nearest(right + off))
    kept = distance >= policy.keep_clear
    return Finding("keep clear", kept, f"{_s(distance)} from {what}, at least {_s(policy.keep_clear)}", known.name)


def _s(span: timedelta) -> str:
    seconds = span.total_seconds()
    return f"{seconds:.1f} s" if abs(seconds) < 120 else f"{seconds / 60:.1f} min"
