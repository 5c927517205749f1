"""Who may ask for what, and by which token he is known. Rows are added, never changed."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from storage.connection import Row, Session
from storage.statements import load

SQL = load("people")
EVERYWHERE = "*"

Connection = psycopg.AsyncConnection[Row]


@dataclass(frozen=True, slots=True)
class Role:
    """`steps` of an order and changes of the rules (`oversight`) by their names in the safety core."""

    name: str
    steps: frozenset[str]
    oversight: frozenset[str]
    administers: bool

    @property
    def commands(self) -> bool:
        """Whether it gives any right over commands or rules."""
        return bool(self.steps or self.oversight)


@dataclass(frozen=True, slots=True)
class Granted:
    """A role for `functions` (None: all) in `areas` (`EVERYWHERE`: all)."""

    id: int
    role: Role
    functions: frozenset[str] | None
    areas: frozenset[str]


@dataclass(frozen=True, slots=True)
class Person:
    """`is_person` False: a program's account. `token`: the number of the one by which he came; None: by none."""

    name: str
    is_person: bool
    grants: tuple[Granted, ...] = ()
    enabled: bool = True
    token: int | None = None

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(granted.role.name for granted in self.grants)

    @property
    def administers(self) -> bool:
        return self.enabled and any(granted.role.administers for granted in self.grants)

    @property
    def commands(self) -> bool:
        """Whether he has any right over commands or rules."""
        return any(granted.role.commands for granted in self.grants)


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token besides who has it: never the secret."""

    id: int
    person: str
    label: str
    at: datetime
    expires: datetime
    by: str
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class NewToken:
    """`secret` is shown this once."""

    id: int
    expires: datetime
    secret: str

    def __repr__(self) -> str:
        return f"NewToken({self.id}, {self.expires.isoformat()})"


def digest_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


class People(Session):
    """One connection. Raises `DatabaseUnreachable`."""

    async def by_token(self, secret: str) -> Person | None:
        """None: no such token, expired, revoked, or of somebody who is disabled."""
        async with self.use() as connection:
            rows = await (await connection.execute(SQL["by_token"], {"digest": digest_of(secret)})).fetchall()
            if not rows:
                return None
            name, is_person, token = rows[0]
            return Person(name, is_person, (await grants(connection, [name])).get(name, ()), token=token)

    async def all(self) -> list[Person]:
        async with self.use() as connection:
            return list((await persons(connection)).values())

    async def tokens(self, person: str | None = None) -> list[Token]:
        async with self.use() as connection:
            return [Token(*row) for row in await _rows(connection, "tokens", person=person)]

    async def roles(self) -> list[Role]:
        async with self.use() as connection:
            return list((await roles(connection)).values())


async def persons(connection: Connection, names: Collection[str] | None = None) -> dict[str, Person]:
    """By name, disabled ones too; without those that there are not."""
    asked = None if names is None else sorted(names)
    granted = await grants(connection, asked)
    return {
        name: Person(name, is_person, granted.get(name, ()), enabled)
        for name, is_person, enabled, _ in await _rows(connection, "persons", names=asked)
    }


async def grants(connection: Connection, names: Sequence[str] | None) -> dict[str, tuple[Granted, ...]]:
    found: dict[str, tuple[Granted, ...]] = {}
    for person, number, role, steps, oversight, administers, functions, areas in await _rows(
        connection, "grants", names=names
    ):
        what = Role(role, frozenset(steps), frozenset(oversight), administers)
        limits = None if functions is None else frozenset(functions)
        found[person] = (*found.get(person, ()), Granted(number, what, limits, frozenset(areas)))
    return found


async def roles(connection: Connection) -> dict[str, Role]:
    rows = await _rows(connection, "roles")
    return {name: Role(name, frozenset(steps), frozenset(over), admin) for name, steps, over, admin in rows}


async def lock(connection: Connection) -> None:
    """One change of people at a time, until the transaction ends."""
    await connection.execute(SQL["lock"])


async def add_person(connection: Connection, name: str, *, is_person: bool, by: str) -> None:
    """Raises `AlreadyThere`, `Rejected` for a name that is none."""
    await connection.execute(SQL["add"], {"name": name, "is_person": is_person, "by": by})


async def set_state(connection: Connection, person: str, *, enabled: bool, reason: str, by: str) -> None:
    """Raises `NotFound`."""
    given = {"person": person, "enabled": enabled, "reason": reason, "by": by}
    await connection.execute(SQL["set_state"], given)


async def add_grant(
    connection: Connection,
    person: str,
    role: str,
    *,
    functions: Collection[str] | None,
    areas: Collection[str],
    by: str,
) -> int:
    """Raises `NotFound`."""
    given = {
        "person": person, "role": role, "functions": None if functions is None else sorted(functions),
        "areas": sorted(areas), "by": by,
    }  # fmt: skip
    return int((await (await connection.execute(SQL["grant"], given)).fetchall())[0][0])


async def end_grant(connection: Connection, number: int, by: str) -> None:
    """Raises `NotFound`, `AlreadyThere` where it has ended."""
    await connection.execute(SQL["end_grant"], {"id": number, "by": by})


async def administrators_ever(connection: Connection) -> int:
    return int((await _rows(connection, "administrators_ever"))[0][0])


async def new_token(connection: Connection, person: str, label: str, life: timedelta, by: str) -> NewToken:
    """Raises `NotFound`."""
    secret = secrets.token_urlsafe(32)
    given = {"person": person, "digest": digest_of(secret), "label": label, "life": life, "by": by}
    ((number, expires),) = await (await connection.execute(SQL["new_token"], given)).fetchall()
    return NewToken(number, expires, secret)


async def end_token(connection: Connection, number: int, by: str) -> None:
    """Raises `NotFound`, `AlreadyThere` where it has ended."""
    await connection.execute(SQL["end_token"], {"id": number, "by": by})


async def end_tokens(connection: Connection, person: str, by: str) -> None:
    """All that somebody has."""
    await connection.execute(SQL["end_tokens"], {"person": person, "by": by})


async def _rows(connection: Connection, statement: str, **given: object) -> list[Row]:
    return await (await connection.execute(SQL[statement], given or None)).fetchall()
