"""The one place at which orders are drafted, approved, let go and ended. It asks the safety core and writes what came
of it; it sends nothing.

Every verb takes who acts. All raise `headend.commands.errors` (`Denied` with the core's reasons, `Forbidden`,
`Unknown`, `Conflict`) and `storage.errors.DatabaseUnreachable`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from headend.commands.asked import Asked, NewEntry
from headend.commands.told import (
    ChangeTold,
    EntryTold,
    HoldTold,
    OrderTold,
    PolicyTold,
    StopTold,
    TargetTold,
)
from headend.safety.world import EVERYWHERE, Clock
from storage.people import Person


class Desk:
    """`clock` says whether this machine's clock is right. `now` is for tests; else the database's clock counts, which
    all daemons share."""

    def __init__(
        self, conninfo: str, timezone: str, clock: Callable[[], Clock], now: Callable[[], datetime] | None = None
    ) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError

    # -- orders

    async def draft(self, person: Person, asked: Asked) -> OrderTold:
        """The same request under the same key again gives the order that there is. An order that needs no approval is
        approved at once."""
        raise NotImplementedError

    async def edit(self, person: Person, key: str, asked: Asked) -> OrderTold:
        """By its requester, before it is released; approvals are void."""
        raise NotImplementedError

    async def approve(
        self, person: Person, key: str, bound: str, *, over_caps: bool = False, expires: datetime | None = None
    ) -> OrderTold:
        """`bound` as `show` told it: `Conflict` where the order or the policy has changed since. `over_caps`: for an
        order in quarantine."""
        raise NotImplementedError

    async def reject(self, person: Person, key: str, why: str) -> OrderTold:
        raise NotImplementedError

    async def release(self, person: Person, key: str) -> OrderTold:
        """Into the senders' hands, or into quarantine where it is over a cap: `state` tells."""
        raise NotImplementedError

    async def recall(self, person: Person, key: str, why: str) -> OrderTold:
        """Cancelled: what is not sent yet is never sent."""
        raise NotImplementedError

    async def paid(self, person: Person, point: str, why: str) -> int:
        """A usage point's debt is paid; how many cuts are recalled."""
        raise NotImplementedError

    async def show(self, person: Person, key: str) -> OrderTold:
        raise NotImplementedError

    async def targets(
        self, person: Person, key: str, *, after: str = "", limit: int = 1000, state: str | None = None
    ) -> list[TargetTold]:
        """By meter."""
        raise NotImplementedError

    async def orders(
        self, person: Person, *, state: str | None = None, before: datetime | None = None, limit: int = 100
    ) -> list[OrderTold]:
        """Newest first; those in areas that he may see."""
        raise NotImplementedError

    # -- stops

    async def stop(self, person: Person, area: str = EVERYWHERE, why: str = "") -> StopTold:
        """At once, and what waits there to be sent is ended."""
        raise NotImplementedError

    async def resume(self, person: Person, number: int) -> ChangeTold:
        """Release a stop: done when a second person asks the same."""
        raise NotImplementedError

    async def stops(self, person: Person) -> list[StopTold]:
        """Those that hold."""
        raise NotImplementedError

    # -- the rules

    async def protect(self, person: Person, entries: Sequence[NewEntry]) -> list[EntryTold]:
        """Add to the protection list; what is there already is not added again."""
        raise NotImplementedError

    async def unlist(self, person: Person, number: int, until: datetime | None = None) -> ChangeTold:
        """End an entry, now or at `until`: done when a second person asks the same."""
        raise NotImplementedError

    async def protection(self, person: Person) -> list[EntryTold]:
        """Entries that are not over."""
        raise NotImplementedError

    async def policy(self, person: Person) -> PolicyTold | None:
        raise NotImplementedError

    async def set_policy(self, person: Person, document: str) -> ChangeTold:
        """TOML: done when a second person asks the same. Raises `UsageFault` for what is no policy."""
        raise NotImplementedError

    async def changes(self, person: Person) -> list[ChangeTold]:
        """Those that wait for another person."""
        raise NotImplementedError

    async def holds(self, person: Person) -> list[HoldTold]:
        raise NotImplementedError

    async def release_hold(self, person: Person, number: int, why: str) -> HoldTold:
        """By somebody with oversight who is not held by it."""
        raise NotImplementedError

    async def weather(self, person: Person, area: str, low_c: str, high_c: str) -> None:
        """The coldest and the hottest that is forecast, exact decimals."""
        raise NotImplementedError
