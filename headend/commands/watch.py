"""What is unusual holds who asks for it, or an area, until somebody with oversight has looked. The rules are data, in
the policy; a hold refuses every step but drafting."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from headend.commands.policy_file import Rules, WatchTable
from headend.safety.function import TRAITS
from headend.safety.order import Order
from protocols import models
from protocols.dlt645.model import Dlt645Model, Relay
from protocols.errors import ModelError
from protocols.events import KINDS, EventSource
from storage import commands
from storage.audit import append
from storage.commands import Connection
from storage.people import Person
from storage.rules import add_hold, holds
from storage.statements import load

SQL = load("watch")
SYSTEM: Final = "anomaly watch"
_SWITCHED: Final = ("relay_open", "trip")
"""Kinds of events that say that a relay has opened."""
_SLACK: Final = timedelta(minutes=1)
_OWN: Final = KINDS["own_trip"]


async def watch(
    connection: Connection, rules: Rules, timezone: str, person: Person, order: Order, now: datetime
) -> None:
    """Of an order that was just drawn up and written down."""
    held = {(hold.person, hold.rule) for hold in await holds(connection)}
    for rule in rules.watches:
        if rule.effect is not order.traits.effect or (person.name, rule.kind) in held:
            continue
        async for why in _against(connection, rule, timezone, person, order, now):
            found = await add_hold(connection, person.name, None, rule.kind, why, SYSTEM, now)
            told = {"hold": found.id, "rule": rule.kind, "why": why, "order": order.key}
            await append(connection, SYSTEM, "hold", person.name, body=told)


async def _against(
    connection: Connection, rule: WatchTable, timezone: str, person: Person, order: Order, now: datetime
) -> AsyncIterator[str]:
    match rule.kind:
        case "rate":
            count = await _asked(connection, rule, person, now - rule.lasts)
            if count > rule.commands:
                yield f"asked for {count} commands that {rule.effect} within {rule.span}, more than {rule.commands}"
        case "hours":
            clock = now.astimezone(ZoneInfo(timezone)).time()
            assert rule.start is not None
            assert rule.end is not None
            if len(order.targets) > rule.commands and not rule.start <= clock < rule.end:
                yield f"asked for {len(order.targets)} commands that {rule.effect} at {clock:%H:%M}"
        case "new_user":
            ((since,),) = await commands.rows(connection, SQL["since"], person=person.name)
            count = await _asked(connection, rule, person, since)
            if now - since < rule.lasts and count > rule.commands:
                yield f"is known since {since:%Y-%m-%d} and has asked for {count} commands that {rule.effect}"
        case "unusual_area":
            given = {"person": person.name, "since": now - rule.lasts, "key": order.key}
            known = {area for (area,) in await commands.rows(connection, SQL["areas"], **given)}
            new = [target.area for target in order.targets if target.area not in known]
            if known and len(new) > rule.commands:
                yield f"asked for {len(new)} commands in {', '.join(sorted(set(new))[:3])}, where that is new"
        case "unsolicited":
            return


async def watch_events(connection: Connection, rules: Rules, now: datetime) -> int:
    """Hold areas in which meters were switched and nobody had ordered it; how many."""
    held = {hold.area for hold in await holds(connection)}
    count = 0
    for rule in rules.watches:
        if rule.kind != "unsolicited":
            continue
        slack = max(_SLACK, rules.clock_off)
        given: dict[str, Any] = {"kinds": list(_SWITCHED), "since": now - rule.lasts, "now": now, "slack": slack}
        await _tell_own_trips(connection, given)
        for area, meters, one in await commands.rows(connection, SQL["unsolicited"], **given):
            if meters <= rule.commands or area in held:
                continue
            why = f"{meters} meters were switched within {rule.span} without an order, {one} among them"
            found = await add_hold(connection, None, area, rule.kind, why, SYSTEM, now)
            await append(connection, SYSTEM, "hold", area, body={"hold": found.id, "rule": rule.kind, "why": why})
            held.add(area)
            count += 1
    return count


async def _tell_own_trips(connection: Connection, given: dict[str, Any]) -> None:
    """Meters that were switched by themselves, as their models say that they do, are no anomaly, but an event."""
    found = await commands.rows(connection, SQL["switched_models"], **given)
    relays = {name: relay for (name,) in found if (relay := _relay(name)) is not None}
    prepaid = [name for name, relay in relays.items() if relay.prepaid]
    limited = [name for name, relay in relays.items() if relay.limit]
    if prepaid or limited:
        told = {"source": EventSource.DERIVED, "severity": _OWN.severity, "prepaid": prepaid, "limited": limited}
        await connection.execute(SQL["own_trips"], given | told)


def _relay(name: str) -> Relay | None:
    """None where the model is not known, or says nothing."""
    try:
        model = models.load(name)
    except ModelError:
        return None
    return model.relay if isinstance(model, Dlt645Model) else None


async def _asked(connection: Connection, rule: WatchTable, person: Person, since: datetime) -> int:
    functions = [f.value for f, traits in TRAITS.items() if traits.effect is rule.effect]
    given = {"person": person.name, "functions": functions, "since": since}
    return int((await commands.rows(connection, SQL["asked"], **given))[0][0])
