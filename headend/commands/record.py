"""What was known when a decision was taken, so that it can be taken again: packed JSON, named by its digest.

Order and policy are kept elsewhere for ever and are named, but a draft, which may be refused; the rest is said in full.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from headend.commands.ledger import Sums
from headend.safety.command import Command, CommandKey, State
from headend.safety.function import Effect, Function, ReasonCode, Source
from headend.safety.ledger import Use
from headend.safety.order import Approval, Order, Target
from headend.safety.policy import Policy
from headend.safety.request import Request
from headend.safety.world import (
    Clock,
    Entry,
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


@dataclass(frozen=True, slots=True)
class Record:
    digest: str
    document: bytes


def record(request: Request, version: int, world: World) -> Record:
    """`version`: of the order."""
    ledger = world.ledger
    if ledger is not None and not isinstance(ledger, Sums):
        raise ValueError("only counted sums are recorded")
    told = {
        "step": request.step,
        "by": request.by,
        "meter": request.meter,
        "claim": request.claim,
        "order": [request.order.key, version, request.order.digest],
        "drawn": _order(request.order) if request.step is Step.DRAFT else None,
        "approvals": [[a.by, a.bound, a.at, a.expires, a.over_caps] for a in request.approvals],
        "now": world.now,
        "clock": _or(world.clock, lambda c: [c.trusted, c.why]),
        "policy": _or(world.policy, lambda p: p.version),
        "users": _or(world.users, lambda us: {name: _user(user) for name, user in us.items()}),
        "registry": _or(world.registry, lambda ts: [_target(t) for t in ts.values()]),
        "protection": _or(world.protection, lambda p: [p.as_of, [_entry(e) for e in p.entries]]),
        "stops": _or(world.stops, lambda s: [s.everywhere, sorted(s.areas)]),
        "recalls": _or(world.recalls, lambda r: [sorted(r.orders), sorted(r.points)]),
        "holds": _or(world.holds, lambda h: [dict(h.users), dict(h.areas)]),
        "commands": _or(world.commands, lambda cs: [[*c.key, c.digest, c.state, c.claim] for c in cs.values()]),
        "ledger": _or(ledger, _sums),
        "customers": _or(world.customers, dict),
        "zones": _or(world.zones, lambda zs: {area: zone.key for area, zone in zs.items()}),
        "holidays": _or(world.holidays, lambda h: [sorted(h.days), h.first, h.last]),
        "weather": _or(world.weather, lambda ws: {area: [w.harsh, w.at] for area, w in ws.items()}),
        "meter_clocks": _or(world.meter_clocks, dict),
        "load_limits": _or(world.load_limits, lambda ls: {meter: str(kw) for meter, kw in ls.items()}),
        "time_rules": _or(world.time_rules, dict),
    }
    raw = json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_spelled).encode()
    return Record(hashlib.sha256(raw).hexdigest(), zlib.compress(raw))


def opened(document: bytes, digest: str) -> dict[str, Any]:
    """Raises `ValueError` where it is not what its digest names."""
    raw = zlib.decompress(document)
    if hashlib.sha256(raw).hexdigest() != digest:
        raise ValueError(f"what was recorded as {digest[:12]} is something else now")
    found: dict[str, Any] = json.loads(raw)
    return found


def request_of(told: Mapping[str, Any], order: Order | None) -> Request:
    """`order`: as it is kept; None for a draft, which may have been refused. Raises `ValueError` where the order is
    another one."""
    order = _or(told["drawn"], _order_of) or order
    if order is None:
        raise ValueError("the order that was decided on is not kept")
    if told["order"][2] != order.digest:
        raise ValueError(f"order {order.key} is another one than was decided on")
    approvals = tuple(Approval(by, bound, _at(at), _at(end), over) for by, bound, at, end, over in told["approvals"])
    return Request(Step(told["step"]), told["by"], order, approvals, told["meter"], told["claim"])


def world_of(told: Mapping[str, Any], policy: Policy | None) -> World:
    """`policy`: the one of that version."""
    return World(
        now=_or(told["now"], _at),
        clock=_or(told["clock"], lambda c: Clock(*c)),
        policy=policy,
        users=_or(told["users"], lambda us: {name: _user_of(user) for name, user in us.items()}),
        registry=_or(told["registry"], lambda ts: {t[0]: Target(*t) for t in ts}),
        protection=_or(told["protection"], lambda p: ProtectionList(tuple(_entry_of(e) for e in p[1]), _at(p[0]))),
        stops=_or(told["stops"], lambda s: Stops(s[0], frozenset(s[1]))),
        recalls=_or(told["recalls"], lambda r: Recalls(frozenset(r[0]), frozenset(r[1]))),
        holds=_or(told["holds"], lambda h: Holds(*h)),
        commands=_or(told["commands"], lambda cs: {(key := CommandKey(c[0], c[1])): _command(key, c) for c in cs}),
        ledger=_or(told["ledger"], _sums_of),
        customers=told["customers"],
        zones=_or(told["zones"], lambda zs: {area: ZoneInfo(name) for area, name in zs.items()}),
        holidays=_or(told["holidays"], _holidays),
        weather=_or(told["weather"], lambda ws: {area: Weather(harsh, _at(at)) for area, (harsh, at) in ws.items()}),
        meter_clocks=_or(told["meter_clocks"], lambda cs: {meter: MeterClock(c) for meter, c in cs.items()}),
        load_limits=_or(told.get("load_limits"), lambda ls: {meter: Decimal(kw) for meter, kw in ls.items()}),
        time_rules=_or(told.get("time_rules"), lambda rs: {meter: tuple(whys) for meter, whys in rs.items()}),
    )


def _order(order: Order) -> dict[str, Any]:
    return {
        "key": order.key, "function": order.function, "targets": [_target(t) for t in order.targets],
        "reason": order.reason, "requester": order.requester, "notice": order.notice, "not_before": order.not_before,
        "expires": order.expires, "source": order.source, "parameters": order.parameters,
    }  # fmt: skip


def _order_of(told: Mapping[str, Any]) -> Order:
    return Order(
        told["key"],
        Function(told["function"]),
        tuple(Target(*t) for t in told["targets"]),
        _or(told["reason"], ReasonCode),
        told["requester"],
        told["notice"],
        _or(told["not_before"], _at),
        _or(told["expires"], _at),
        Source(told["source"]),
        tuple((name, value) for name, value in told["parameters"]),
    )


def _user(user: User) -> list[Any]:
    grants = [[sorted(g.steps), sorted(g.functions), sorted(g.areas)] for g in user.grants]
    return [grants, sorted(user.oversight), user.is_person]


def _user_of(told: list[Any]) -> User:
    grants = tuple(
        Grant(frozenset(map(Step, steps)), frozenset(map(Function, functions)), frozenset(areas))
        for steps, functions, areas in told[0]
    )
    return User(grants, frozenset(map(Oversight, told[1])), told[2])


def _target(t: Target) -> list[Any]:
    return [t.meter, t.address, t.line, t.point, t.area, t.feeder, t.label, t.load_w]


def _entry(e: Entry) -> list[Any]:
    return [e.category, e.meter, e.point, e.evidence, e.until]


def _entry_of(told: list[Any]) -> Entry:
    category, meter, point, evidence, until = told
    return Entry(category, meter, point, evidence, _or(until, _at))


def _command(key: CommandKey, told: list[Any]) -> Command:
    return Command(key, told[2], State(told[3]), told[4])


def _sums(sums: Sums) -> dict[str, Any]:
    return {
        "besides": sums.besides if isinstance(sums.besides, str) else [*sums.besides],
        "latest": sums.latest,
        "uses": {cap: {place: _use(use) for place, use in places.items()} for cap, places in sums.uses.items()},
        "effect": sums.effect,
        "within_minute": _use(sums.within_minute),
        "flying": sums.flying,
        "open": {meter: key.order for meter, key in sums.open.items()},
    }


def _sums_of(told: Mapping[str, Any]) -> Sums:
    besides = told["besides"]
    return Sums(
        besides if isinstance(besides, str) else CommandKey(*besides),
        _or(told["latest"], _at),
        {cap: {place: Use(*use) for place, use in places.items()} for cap, places in told["uses"].items()},
        Effect(told["effect"]),
        Use(*told["within_minute"]),
        told["flying"],
        {meter: CommandKey(order, meter) for meter, order in told["open"].items()},
    )


def _use(use: Use) -> list[int]:
    return [use.commands, use.watts, use.unknown]


def _holidays(told: list[Any]) -> Holidays:
    days = frozenset(date.fromisoformat(day) for day in told[0])
    return Holidays(days, date.fromisoformat(told[1]), date.fromisoformat(told[2]))


def _or(value: Any, spelled: Any) -> Any:
    return None if value is None else spelled(value)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _spelled(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise ValueError(f"{type(value).__name__} is not recorded")
