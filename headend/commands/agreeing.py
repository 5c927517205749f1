"""Changes for which several persons are needed: each asks for the same, and the last one does it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from headend.commands.errors import Conflict, Denied
from headend.commands.gather import Gathering
from headend.commands.told import ChangeTold
from headend.commands.users import user_of
from headend.safety.order import Approval
from headend.safety.oversight import PERSONS, Change, decide_change
from headend.safety.world import Oversight, User, World
from storage.audit import append
from storage.commands import Connection
from storage.people import Person, persons
from storage.rules import ChangeRow, add_change, changes, end_change, join_change, lock

LASTS: Final = timedelta(days=1)
"""For how long a change waits for another person."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """`done`: all that it needs have asked; whoever called does it now, in the same transaction."""

    row: ChangeRow
    done: bool

    @property
    def told(self) -> ChangeTold:
        row = self.row
        want = PERSONS.get(Oversight(row.kind), 2) if row.kind in set(Oversight) else 2
        lacks = 0 if self.done else want - 1 - len(row.others)
        return ChangeTold(row.id, row.kind, row.what, row.by, row.at, row.expires, self.done, lacks)


async def agree(
    connection: Connection, gathering: Gathering, person: Person, kind: Oversight, what: str, now: datetime
) -> Agreed:
    """Raises `Denied`."""
    await lock(connection)
    waiting = await pending(connection, kind.value, what, now)
    if waiting is None or waiting.by == person.name:
        world = await _world(connection, gathering, {person.name}, now)
        change = Change(kind, what, person.name)
        user = (world.users or {}).get(person.name)
        if not _may(user, kind) or not (world.clock and world.clock.trusted):
            raise Denied(decide_change(change, world))
        if waiting is None:
            waiting = await add_change(connection, kind.value, what, change.bound, person.name, now, now + LASTS)
            await append(connection, person.name, "propose", kind, body={"change": waiting.id, "what": what})
        return Agreed(waiting, done=False)
    names = {waiting.by, person.name, *(by for by, _ in waiting.others)}
    approvals = (*waiting.others, (person.name, now))
    change = Change(
        kind, what, waiting.by, tuple(Approval(by, waiting.bound, at, waiting.expires) for by, at in approvals)
    )
    decision = decide_change(change, await _world(connection, gathering, names, now))
    if not decision.allowed:
        raise Denied(decision)
    await settle(connection, waiting, person, now)
    return Agreed(waiting, done=True)


async def pending(connection: Connection, kind: str, what: str, now: datetime) -> ChangeRow | None:
    found = (c for c in await changes(connection, now) if (c.kind, c.what) == (kind, what))
    return next(found, None)


async def settle(connection: Connection, change: ChangeRow, person: Person, now: datetime) -> None:
    """The last of those that it needs asks for it."""
    if any(by == person.name for by, _ in change.others):
        raise Conflict(f"{person.name} has asked for that already")
    await join_change(connection, change.id, person.name, now)
    await end_change(connection, change.id, person.name, now)
    told = {"change": change.id, "what": change.what, "proposed_by": change.by}
    await append(connection, person.name, "agree", change.kind, body=told)


def _may(user: User | None, kind: Oversight) -> bool:
    return user is not None and user.is_person and kind in user.oversight


async def _world(connection: Connection, gathering: Gathering, names: set[str], now: datetime) -> World:
    found = await persons(connection, names)
    users = {name: user for name, person in found.items() if (user := user_of(person)) is not None}
    return World(now=now, clock=gathering.trust(now), users=users)
