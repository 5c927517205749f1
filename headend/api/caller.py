"""Who asks, by a personal token, and what he may read and say. Of commands the safety core decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self

from headend.api.problem import Problem
from storage.people import EVERYWHERE, People, Person


class Right(StrEnum):
    READ = "read"
    """With any role but the administrator's, who makes users and need not see readings."""
    ACKNOWLEDGE = "acknowledge"
    """With a role that releases commands."""
    LISTEN = "listen"
    """Have webhooks: with a role that has a part in commands."""


@dataclass(frozen=True, slots=True)
class Caller:
    """`token` names the token without telling it. `may`: each right with the areas that it is for; None: all, and what
    stands in none."""

    person: Person
    token: str
    may: Mapping[Right, frozenset[str] | None]

    @classmethod
    def of(cls, person: Person) -> Self:
        found: dict[Right, frozenset[str] | None] = {}
        for granted in person.grants:
            rights = [Right.READ] if granted.role.commands or not granted.role.administers else []
            rights += [Right.ACKNOWLEDGE] if "release" in granted.role.steps else []
            rights += [Right.LISTEN] if granted.role.commands else []
            for right in rights:
                held = found.get(right, frozenset())
                everywhere = held is None or EVERYWHERE in granted.areas
                found[right] = None if everywhere or held is None else held | granted.areas
        return cls(person, str(person.token), found)

    @property
    def user(self) -> str:
        return self.person.name

    def areas(self, right: Right = Right.READ) -> frozenset[str] | None:
        """Raises `Problem` where he has no such right anywhere."""
        if right not in self.may:
            raise Problem("forbidden", f"{self.user} may not {right}")
        return self.may[right]

    def sees(self, area: str) -> bool:
        mine = self.areas()
        return mine is None or area in mine


class Doorkeeper(Protocol):
    """Knows tokens, and says nothing of those it does not know."""

    async def caller(self, secret: str) -> Caller | None:
        """None: nobody's, or not valid any more. Raises `storage.errors.DatabaseUnreachable`."""


class Lodge:
    """By the people of the database, at every request: a token that was revoked opens nothing any more. What is
    compared there are SHA-256s of secrets, so that the time it takes tells nothing of a secret."""

    def __init__(self, conninfo: str) -> None:
        self._people = People(conninfo)

    async def caller(self, secret: str) -> Caller | None:
        person = await self._people.by_token(secret)
        return None if person is None else Caller.of(person)

    async def close(self) -> None:
        await self._people.close()
