"""Who we are among the daemons, until when we may speak, and who of the others is dead (ADR 0013)."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID, uuid4

import structlog

from headend.cluster.settings import Terms
from headend.cluster.watch import Watch
from storage.leases import Lease, Member

_log = structlog.get_logger("leases")


class LeaseTable(Protocol):
    """What is needed of `storage.leases.Leases`."""

    async def join(self, member: Member) -> None: ...
    async def renew(self, member: UUID) -> bool: ...
    async def members(self) -> list[Member]: ...
    async def bury(self, member: Member) -> bool: ...
    async def leave(self, member: UUID) -> None: ...
    async def held(self, member: UUID) -> list[Lease]: ...
    async def claim(self, member: UUID, lines: Collection[int], most: int) -> list[Lease]: ...
    async def release(self, member: UUID, lease: Lease) -> bool: ...
    async def call(self, member: UUID, lines: Collection[int]) -> None: ...
    async def decline(self, member: UUID, lines: Collection[int]) -> None: ...
    async def close(self) -> None: ...


@dataclass(slots=True)
class KeeperCounters:
    """What a daemon has done with leases since it was started."""

    renewals: int = 0
    claims: int = 0
    releases: int = 0
    losses: int = 0
    """Lines that were cut off, since their lease had ended or was somebody else's."""
    buried: int = 0
    """Other members that were found dead."""


class Membership:
    """One daemon, life after life: `id` is this life's, None between two."""

    def __init__(self, name: str, terms: Terms, clock: Callable[[], float], counters: KeeperCounters) -> None:
        self.id: UUID | None = None
        self.count = 1
        """Living members, ourselves among them."""
        self._counters = counters
        self._name = name
        self._terms = terms
        self._clock = clock
        self._deadline = -math.inf
        self._watch = Watch(terms.patience)

    @property
    def deadline_in_s(self) -> float:
        """Seconds until we must be silent; not above 0: we must."""
        return self._deadline - self._clock()

    async def renew(self, table: LeaseTable) -> bool:
        """Join, or live on; the new deadline counts from before the request. False: we were taken for dead."""
        sent = self._clock()
        if self.id is None:
            joining = Member(uuid4(), self._name, self._terms.ttl, 0)
            await table.join(joining)
            self.id = joining.id
        elif await table.renew(self.id):
            self._counters.renewals += 1
        else:
            self.id, self._deadline = None, -math.inf
            return False
        self._deadline = sent + self._terms.ttl - self._terms.margin
        return True

    async def look(self, table: LeaseTable) -> None:
        """Remove who is dead, which frees its lines."""
        others = [member for member in await table.members() if member.id != self.id]
        dead = self._watch.look(others, self._clock())
        for member in dead:
            if await table.bury(member):
                self._counters.buried += 1
                _log.warning("another daemon is dead: its lines are free", daemon=member.name)
        self.count = 1 + len(others) - len(dead)
