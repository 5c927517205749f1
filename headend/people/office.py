"""People, what they may, and their tokens. One administrator adds, disables and takes away; whoever comes to command
needs two of them, from the second administrator on (docs/safety.md).

Every verb takes who acts. All raise `headend.commands.errors` and `storage.errors.StorageError`.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from headend.commands.agreeing import LASTS, pending, settle
from headend.commands.errors import Conflict, Forbidden, Unknown
from headend.commands.told import ChangeTold
from headend.errors import UsageFault
from headend.safety.function import Function
from headend.safety.order import sha256
from storage import commands, people, rules
from storage.audit import append
from storage.commands import Connection
from storage.connection import Session
from storage.people import NewToken, People, Person, Token

LONGEST: Final = timedelta(days=366)
"""The life of a token."""
_PAIR: Final = 2


class Office:
    def __init__(self, conninfo: str) -> None:
        self._session = Session(conninfo)
        self._people = People(conninfo)

    async def close(self) -> None:
        await self._session.close()
        await self._people.close()

    async def people(self, actor: Person) -> list[Person]:
        _administrator(actor)
        return await self._people.all()

    async def add(self, actor: Person, name: str, *, is_person: bool = True) -> Person:
        _administrator(actor)
        async with self._session.transaction() as connection:
            await people.add_person(connection, name, is_person=is_person, by=actor.name)
            await append(connection, actor.name, "user_add", name, body={"is_person": is_person})
        return Person(name, is_person)

    async def disable(self, actor: Person, name: str, reason: str) -> None:
        _administrator(actor)
        async with self._session.transaction() as connection:
            await people.lock(connection)
            await _person(connection, name)
            await _leave_administrators(connection, name)
            await people.set_state(connection, name, enabled=False, reason=reason, by=actor.name)
            await append(connection, actor.name, "user_disable", name, body={"reason": reason})

    async def enable(self, actor: Person, name: str, reason: str) -> ChangeTold:
        _administrator(actor)
        async with self._session.transaction() as connection:
            person = await _person(connection, name)
            told = await _pair(connection, actor, "enable", {"person": name}, _is_mighty(person))
            if told.done:
                await people.set_state(connection, name, enabled=True, reason=reason, by=actor.name)
                await append(connection, actor.name, "user_enable", name, body={"reason": reason})
        return told

    async def grant(
        self, actor: Person, name: str, role: str, *, functions: Collection[str] | None, areas: Collection[str]
    ) -> ChangeTold:
        """`functions` None: all; `areas` with "*": all. Who comes to command by two loses the tokens that one gave
        him."""
        _administrator(actor)
        _known(functions)
        if not areas:
            raise UsageFault('a grant is for areas: ["*"] for all of them')
        async with self._session.transaction() as connection:
            await people.lock(connection)
            person = await _person(connection, name)
            given = (await people.roles(connection)).get(role)
            if given is None:
                raise Unknown(f"no role named {role!r}")
            if (given.administers and person.commands) or (given.commands and _administers(person)):
                raise Forbidden("who administers people holds no rights over commands")
            if given.administers and not person.is_person:
                raise Forbidden("a program administers nobody")
            what = {
                "person": name, "role": role, "functions": None if functions is None else sorted(functions),
                "areas": sorted(areas),
            }  # fmt: skip
            told = await _pair(connection, actor, "grant", what, given.commands or given.administers)
            if told.done:
                if told.id and not _is_mighty(person):
                    await people.end_tokens(connection, name, actor.name)
                number = await people.add_grant(connection, name, role, functions=functions, areas=areas, by=actor.name)
                await append(connection, actor.name, "grant", name, body=what | {"grant": number})
        return told

    async def end_grant(self, actor: Person, number: int) -> None:
        _administrator(actor)
        async with self._session.transaction() as connection:
            await people.lock(connection)
            owners = {g.id: (p.name, g) for p in (await people.persons(connection)).values() for g in p.grants}
            if number not in owners:
                raise Unknown(f"no grant {number}")
            name, granted = owners[number]
            if granted.role.administers:
                await _leave_administrators(connection, name)
            await people.end_grant(connection, number, actor.name)
            await append(connection, actor.name, "grant_end", name, body={"grant": number, "role": granted.role.name})

    async def tokens(self, actor: Person) -> list[Token]:
        """All of them for an administrator, else one's own."""
        return await self._people.tokens(None if actor.administers else actor.name)

    async def new_token(self, actor: Person, name: str, label: str, life: timedelta) -> NewToken | ChangeTold:
        """One's own at once; somebody else's by an administrator, or by two where he may command or administer: the
        second gets it."""
        if not timedelta(0) < life <= LONGEST:
            raise UsageFault(f"a token lasts up to {LONGEST.days} days")
        async with self._session.transaction() as connection:
            person = await _person(connection, name)
            if actor.name != name:
                _administrator(actor)
                what = {"person": name, "label": label, "days": life.days}
                told = await _pair(connection, actor, "token", what, _is_mighty(person))
                if not told.done:
                    return told
            made = await people.new_token(connection, name, label, life, actor.name)
            body = {"token": made.id, "label": label, "expires": made.expires}
            await append(connection, actor.name, "token_new", name, body=body)
        return made

    async def end_token(self, actor: Person, number: int) -> None:
        """One's own, or anybody's by an administrator."""
        found = {token.id: token for token in await self.tokens(actor)}
        if number not in found:
            raise Unknown(f"no token {number}")
        if found[number].ended is not None:
            raise Conflict(f"token {number} is revoked already")
        async with self._session.transaction() as connection:
            await people.end_token(connection, number, actor.name)
            await append(connection, actor.name, "token_end", found[number].person, body={"token": number})


def _administrator(actor: Person) -> None:
    if not actor.administers:
        raise Forbidden(f"{actor.name} is no administrator")


def _administers(person: Person) -> bool:
    return any(granted.role.administers for granted in person.grants)


def _is_mighty(person: Person) -> bool:
    """Who comes in as him can command, or make others command."""
    return person.commands or _administers(person)


def _known(functions: Collection[str] | None) -> None:
    unknown = set(functions or ()) - {f.value for f in Function}
    if unknown:
        raise UsageFault(f"no function named {', '.join(sorted(unknown))}")


async def _person(connection: Connection, name: str) -> Person:
    found = (await people.persons(connection, [name])).get(name)
    if found is None:
        raise Unknown(f"no user named {name!r}")
    return found


async def _leave_administrators(connection: Connection, name: str) -> None:
    """Nobody comes to act alone by removing the others. Raises `Forbidden`."""
    present = {p.name for p in (await people.persons(connection)).values() if p.administers}
    least = min(_PAIR, await people.administrators_ever(connection))
    if name in present and len(present - {name}) < least:
        raise Forbidden(f"{name} is needed: let another administrator be appointed first")


async def _pair(connection: Connection, actor: Person, kind: str, what: dict[str, Any], is_mighty: bool) -> ChangeTold:
    """What one administrator may do alone is done at once; else a second one asks for the same."""
    now = await commands.now(connection)
    text = json.dumps(what, sort_keys=True, ensure_ascii=False)
    if not is_mighty or await people.administrators_ever(connection) < _PAIR:
        return ChangeTold(0, kind, text, actor.name, now, now, done=True, lacks=0)
    await rules.lock(connection)
    waiting = await pending(connection, kind, text, now)
    if waiting is None:
        bound = sha256({"form": "headend people 1", "kind": kind, "what": text, "by": actor.name})
        waiting = await rules.add_change(connection, kind, text, bound, actor.name, now, now + LASTS)
        await append(connection, actor.name, "propose", kind, body={"change": waiting.id, "what": text})
    told = ChangeTold(waiting.id, kind, text, waiting.by, waiting.at, waiting.expires, done=False, lacks=1)
    if waiting.by == actor.name:
        return told
    await settle(connection, waiting, actor, now)
    return replace(told, done=True, lacks=0)
