"""Leases in memory: one `Shared` is the database, each daemon has its own way to it, which can be cut."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from uuid import UUID

from storage.errors import DatabaseUnreachable
from storage.leases import Lease, Member


@dataclass
class Shared:
    """What is stored. `holders` is the history of each line: (token, member)."""

    members: dict[UUID, Member] = field(default_factory=dict)
    held: dict[int, tuple[UUID | None, Lease]] = field(default_factory=dict)

    def remove(self, member: UUID) -> None:
        del self.members[member]
        for number, (holder, lease) in self.held.items():
            caller = None if lease.caller == member else lease.caller
            self.held[number] = (None if holder == member else holder, replace(lease, caller=caller))


class Way:
    """One daemon's connections. `trouble`: "" for none, "away" for an error, "hangs" for silence."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.trouble = ""
        self.made = 0

    def __call__(self) -> Way:
        self.made += 1
        return self

    async def _pass(self) -> None:
        await asyncio.sleep(0.01)
        if self.trouble == "away":
            raise DatabaseUnreachable("away")
        if self.trouble == "hangs":
            await asyncio.get_running_loop().create_future()

    async def join(self, member: Member) -> None:
        await self._pass()
        self.shared.members[member.id] = member

    async def renew(self, member: UUID) -> bool:
        await self._pass()
        if member not in self.shared.members:
            return False
        before = self.shared.members[member]
        self.shared.members[member] = replace(before, renewals=before.renewals + 1)
        return True

    async def members(self) -> list[Member]:
        await self._pass()
        return list(self.shared.members.values())

    async def bury(self, member: Member) -> bool:
        await self._pass()
        if self.shared.members.get(member.id) != member:
            return False
        self.shared.remove(member.id)
        return True

    async def leave(self, member: UUID) -> None:
        await self._pass()
        self.shared.remove(member)

    async def held(self, member: UUID) -> list[Lease]:
        await self._pass()
        return [lease for holder, lease in self.shared.held.values() if holder == member]

    async def claim(self, member: UUID, lines: Collection[int], most: int) -> list[Lease]:
        await self._pass()
        claimed: list[Lease] = []
        for number in lines:
            holder, lease = self.shared.held.get(number, (None, Lease(number, 0)))
            if holder is None and member in self.shared.members and len(claimed) < most:
                self.shared.held[number] = (member, Lease(number, lease.token + 1))
                claimed.append(self.shared.held[number][1])
        return claimed

    async def release(self, member: UUID, lease: Lease) -> bool:
        await self._pass()
        holder, stored = self.shared.held[lease.line_id]
        if holder != member or stored.token != lease.token:
            return False
        self.shared.held[lease.line_id] = (None, replace(stored, caller=None))
        return True

    async def call(self, member: UUID, lines: Collection[int]) -> None:
        await self._pass()
        for number in lines:
            holder, lease = self.shared.held.get(number, (None, Lease(number, 0)))
            if holder not in (None, member):
                self.shared.held[number] = (holder, replace(lease, caller=member))

    async def decline(self, member: UUID, lines: Collection[int]) -> None:
        await self._pass()
        for number in lines:
            holder, lease = self.shared.held[number]
            if holder == member:
                self.shared.held[number] = (holder, replace(lease, caller=None))

    async def close(self) -> None:
        pass
