"""People, what they may, and their tokens. One administrator adds, disables and takes away; whoever comes to command
needs two of them (docs/safety.md).

Every verb takes who acts. All raise `headend.commands.errors` and `storage.errors.StorageError`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from headend.commands.told import ChangeTold
from storage.people import NewToken, Person, Token


class Office:
    def __init__(self, conninfo: str) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError

    async def people(self, actor: Person) -> list[Person]:
        raise NotImplementedError

    async def add(self, actor: Person, name: str, *, is_person: bool = True) -> Person:
        raise NotImplementedError

    async def disable(self, actor: Person, name: str, reason: str) -> None:
        raise NotImplementedError

    async def enable(self, actor: Person, name: str, reason: str) -> ChangeTold:
        raise NotImplementedError

    async def grant(
        self, actor: Person, name: str, role: str, *, functions: Collection[str] | None, areas: Collection[str]
    ) -> ChangeTold:
        """`functions` None: all; `areas` with "*": all."""
        raise NotImplementedError

    async def end_grant(self, actor: Person, number: int) -> None:
        raise NotImplementedError

    async def tokens(self, actor: Person) -> list[Token]:
        """All of them for an administrator, else one's own."""
        raise NotImplementedError

    async def new_token(self, actor: Person, name: str, label: str, life: timedelta) -> NewToken | ChangeTold:
        """One's own at once; somebody else's by an administrator, or by two where he may command."""
        raise NotImplementedError

    async def end_token(self, actor: Person, number: int) -> None:
        """One's own, or anybody's by an administrator."""
        raise NotImplementedError
