"""An order as people are shown it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from headend.commands.campaign import is_paused
from headend.commands.gather import Gathering, approvals_of, assembled
from headend.commands.meant import meant
from headend.commands.told import ApprovalTold, OrderTold, TargetTold
from headend.commands.users import user_of
from headend.safety.checks_people import needed
from headend.safety.command import State
from headend.safety.function import TRAITS, Function
from headend.safety.order import Approval, binding
from headend.safety.request import Request, valid_approvals
from headend.safety.world import EVERYWHERE, Step, World
from storage import commands
from storage.commands import SQL, Connection, OrderRow
from storage.people import Person, persons

OVER_CAP: Final = 2
"""Persons who must let an order go over a cap."""
_LABELS: Final = 20
_MIXED: Final = "mixed"


async def told(
    connection: Connection, gathering: Gathering, key: str, now: datetime, *, is_brief: bool = False
) -> OrderTold | None:
    """None: there is no such order. `is_brief`: without approvals, what it needs and what it is bound by."""
    row = await commands.order_of(connection, key)
    if row is None:
        return None
    first = await commands.first_asked(connection, key)
    states: dict[str, int] = dict(await commands.rows(connection, SQL["summary"], key=key, version=row.version))
    loads = await commands.rows(connection, SQL["loads"], key=key, version=row.version)
    labels = await commands.rows(connection, SQL["labels"], key=key, version=row.version, limit=_LABELS)
    approvals = () if is_brief else await approvals_of(connection, key)
    people = _People() if is_brief else await _people(connection, gathering, row, approvals, now)
    state = next(iter(states)) if len(states) == 1 else _MIXED
    return OrderTold(
        id=key,
        version=row.version,
        state=state,
        states=states,
        function=row.function,
        effect=TRAITS[Function(row.function)].effect.value,
        parameters=row.parameters,
        means=meant(row.parameters),
        reason=row.reason,
        notice=row.notice,
        requester=row.requester,
        source=row.source,
        not_before=row.not_before,
        expires=row.expires,
        created=row.at if first is None else first[1],
        meters=sum(count for _, count, _, _ in loads),
        watts=sum(watts for _, _, watts, _ in loads),
        unknown_loads=sum(unknown for _, _, _, unknown in loads),
        areas={area: count for area, count, _, _ in loads},
        labels=tuple(f"{meter}: {label}" if label else meter for meter, label in labels),
        digest=row.digest,
        bound=people.bound,
        needs=() if is_brief else _needs(state, people),
        paused=await is_paused(connection, key),
        approvals=tuple(ApprovalTold(a.by, a.at, a.expires, a.over_caps, a in people.good) for a in approvals),
    )


@dataclass(frozen=True, slots=True)
class _People:
    """Approvals that are good, how many are needed, and what they are bound to."""

    good: tuple[Approval, ...] = ()
    want: int = 0
    bound: str = ""


async def _people(
    connection: Connection, gathering: Gathering, row: OrderRow, approvals: tuple[Approval, ...], now: datetime
) -> _People:
    rules = await gathering.rules(connection)
    if rules is None:
        return _People()
    order = assembled(row, await commands.targets_of(connection, row.key, row.version))
    found = await persons(connection, {a.by for a in approvals})
    users = {name: user for name, person in found.items() if (user := user_of(person)) is not None}
    request = Request(Step.APPROVE, "", order, approvals)
    world = World(now=now, policy=rules.policy, users=users)
    good = tuple(valid_approvals(request, world))
    return _People(good, needed(request, world), binding(order, rules.policy.version))


def _needs(state: str, people: _People) -> tuple[str, ...]:
    if state == State.DRAFT:
        return ("approval",) * max(0, people.want - len(people.good)) + ("release",)
    if state == State.QUARANTINED:
        return ("over_caps",) * max(0, OVER_CAP - sum(a.over_caps for a in people.good)) + ("release",)
    return ("release",) if state == State.APPROVED else ()


def may_see(person: Person, areas: Mapping[str, Any], requester: str) -> bool:
    """In one of his areas, or asked for by him."""
    mine = {area for granted in person.grants for area in granted.areas}
    return person.name == requester or EVERYWHERE in mine or not mine.isdisjoint(areas)


async def targets(connection: Connection, key: str) -> list[TargetTold]:
    """By meter; of the last version."""
    row = await commands.order_of(connection, key)
    if row is None:
        return []
    found = await commands.commands_of(connection, key)
    return [
        TargetTold(
            meter=t.meter, address=t.address, line=t.line, point=t.point, area=t.area, feeder=t.feeder, label=t.label,
            load_w=t.load_w, state=found[t.meter].state, at=found[t.meter].at, why=found[t.meter].why,
        )
        for t in await commands.targets_of(connection, key, row.version)
    ]  # fmt: skip
