"""Who may speak on which line: members, each one life of one daemon, and the lines that they hold.

Nothing here looks at a clock: when a member is dead is for those to say who watch its renewals (ADR 0013).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from storage.connection import Row, Session
from storage.errors import NotFound
from storage.statements import load

SQL = load("leases")


@dataclass(frozen=True, slots=True)
class Member:
    """One life of one daemon. It lives as long as `renewals` grows at least every `ttl_s` seconds."""

    id: UUID
    name: str
    ttl_s: float
    renewals: int


@dataclass(frozen=True, slots=True)
class Lease:
    """A line that a member holds. `token` grows with every change of holder; `caller` is a member to whom the line's
    DTU has dialled in."""

    line_id: int
    token: int
    caller: UUID | None = None


@dataclass(frozen=True, slots=True)
class Tenure:
    """Who holds a line with active meters, as far as the database's clock can tell; `holder` is a daemon's name."""

    line: str
    holder: str | None
    token: int | None


class Leases(Session):
    """One connection. Each verb is one statement; all raise `DatabaseUnreachable`."""

    async def join(self, member: Member) -> None:
        """Become a member; a life is joined once."""
        given = {"id": member.id, "name": member.name, "ttl": timedelta(seconds=member.ttl_s)}
        async with self.use() as connection:
            await connection.execute(SQL["join"], given)

    async def renew(self, member: UUID) -> bool:
        """False: it was buried, and holds nothing any more."""
        return bool(await self._rows("renew", {"id": member}))

    async def members(self) -> list[Member]:
        return [
            Member(i, name, ttl.total_seconds(), renewals) for i, name, ttl, renewals in await self._rows("members")
        ]

    async def bury(self, member: Member) -> bool:
        """Remove it and free its lines, if it has not renewed since it was seen as given."""
        return bool(await self._rows("bury", {"id": member.id, "renewals": member.renewals}))

    async def leave(self, member: UUID) -> None:
        """End in order: all that it holds is free at once."""
        async with self.use() as connection:
            await connection.execute(SQL["leave"], {"id": member})

    async def held(self, member: UUID) -> list[Lease]:
        return [Lease(*row) for row in await self._rows("held", {"id": member})]

    async def claim(self, member: UUID, lines: Collection[int], most: int) -> list[Lease]:
        """Up to `most` of `lines` that nobody holds; none where it was buried meanwhile."""
        try:
            rows = await self._rows("claim", {"id": member, "lines": list(lines), "most": most})
        except NotFound:
            return []
        return [Lease(*row) for row in rows]

    async def release(self, member: UUID, lease: Lease) -> bool:
        """Give it back. False where it was no longer held by this token."""
        return bool(await self._rows("release", {"id": member, "line": lease.line_id, "token": lease.token}))

    async def call(self, member: UUID, lines: Collection[int]) -> None:
        """Tell the holders of `lines` that their DTUs have dialled in to `member`."""
        await self._change("call", member, lines)

    async def decline(self, member: UUID, lines: Collection[int]) -> None:
        """Tell who called for `lines` that their DTUs are with `member`."""
        await self._change("decline", member, lines)

    async def tenures(self) -> list[Tenure]:
        """Every line with active meters, by name."""
        return [Tenure(name, holder, token) for _, name, holder, token in await self._rows("tenures", {})]

    async def _change(self, statement: str, member: UUID, lines: Collection[int]) -> None:
        async with self.use() as connection:
            await connection.execute(SQL[statement], {"id": member, "lines": list(lines)})

    async def _rows(self, statement: str, given: dict[str, object] | None = None) -> list[Row]:
        async with self.use() as connection:
            return await (await connection.execute(SQL[statement], given)).fetchall()
