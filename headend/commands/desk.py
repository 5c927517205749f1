"""The one place at which orders are drafted, approved, let go and ended. It asks the safety core and writes what came
of it; it sends nothing.

Every verb takes who acts. All raise `headend.commands.errors` (`Denied` with the core's reasons, `Forbidden`,
`Unknown`, `Conflict`) and `storage.errors.DatabaseUnreachable`.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from headend.clock.policy import USUAL, ClockPolicy
from headend.commands import campaign, showing
from headend.commands.asked import Asked, NewEntry
from headend.commands.errors import Denied, Unknown
from headend.commands.gather import Gathering
from headend.commands.orders import Acting, Orders
from headend.commands.ruling import Ruling
from headend.commands.told import (
    ChangeTold,
    EntryTold,
    FateTold,
    HoldTold,
    OrderTold,
    PolicyTold,
    ProgressTold,
    StopTold,
    TargetTold,
)
from headend.safety.world import EVERYWHERE, Clock
from storage import commands
from storage.connection import Session
from storage.people import Person


class Desk:
    """`clock` says whether this machine's clock is right. `now` is for tests; else the database's clock counts, which
    all daemons share. `clocks`: by which meters are told the time."""

    def __init__(
        self,
        conninfo: str,
        timezone: str,
        clock: Callable[[], Clock],
        now: Callable[[], datetime] | None = None,
        clocks: ClockPolicy = USUAL,
    ) -> None:
        host = None if now is not None else lambda: datetime.now(UTC)
        self._session = Session(conninfo)
        self._gathering = Gathering(timezone, clock, now, host, clocks)
        self._orders = Orders(self._gathering)
        self._rules, self._urgent = Session(conninfo), Session(conninfo)
        self._ruling = Ruling(self._rules, self._urgent, self._gathering)

    async def close(self) -> None:
        for session in (self._session, self._rules, self._urgent):
            await session.close()

    # -- orders

    async def draft(self, person: Person, asked: Asked) -> OrderTold:
        """The same request under the same key again gives the order that there is. An order that needs no approval is
        approved at once."""
        return await self._act(
            asked.key or secrets.token_hex(8), lambda acting: self._orders.draft(acting, person, asked)
        )

    async def edit(self, person: Person, key: str, asked: Asked) -> OrderTold:
        """By its requester, before it is released; approvals are void."""
        return await self._act(key, lambda acting: self._orders.edit(acting, person, asked))

    async def approve(
        self, person: Person, key: str, bound: str, *, over_caps: bool = False, expires: datetime | None = None
    ) -> OrderTold:
        """`bound` as `show` told it: `Conflict` where the order or the policy has changed since. `over_caps`: for an
        order in quarantine."""
        return await self._act(
            key, lambda acting: self._orders.approve(acting, person, bound, over_caps=over_caps, expires=expires)
        )

    async def reject(self, person: Person, key: str, why: str) -> OrderTold:
        """By its requester, or by who may approve or release it."""
        return await self._act(key, lambda acting: self._orders.reject(acting, person, why))

    async def release(self, person: Person, key: str) -> OrderTold:
        """Into the senders' hands, or into quarantine where it is over a cap: `state` tells."""
        return await self._act(key, lambda acting: self._orders.release(acting, person))

    async def recall(self, person: Person, key: str, why: str) -> OrderTold:
        """Cancelled: what is not sent yet is never sent."""
        await self._ruling.recall(person, key, why)
        return await self.show(person, key)

    async def pause(self, person: Person, key: str, why: str) -> OrderTold:
        """What of it is not sent yet waits; at once. By whoever has to do with it."""
        async with self._session.transaction() as connection:
            await campaign.pause(connection, person, key, why, await self._gathering.moment(connection))
        return await self.show(person, key)

    async def go_on(self, person: Person, key: str, why: str) -> OrderTold:
        """Paused no more. By who may release it."""
        async with self._session.transaction() as connection:
            await campaign.go_on(connection, person, key, why, await self._gathering.moment(connection))
        return await self.show(person, key)

    async def progress(self, person: Person, key: str) -> ProgressTold:
        async with self._session.transaction() as connection:
            await self._told(connection, person, key, is_brief=True)
            return await campaign.progress(connection, key, await self._gathering.moment(connection))

    async def fates(self, person: Person, key: str, *, after: str = "", limit: int = 1000) -> list[FateTold]:
        """What became of each meter, step by step, by meter."""
        async with self._session.transaction() as connection:
            await self._told(connection, person, key, is_brief=True)
            return await campaign.fates(connection, key, after, limit)

    async def paid(self, person: Person, point: str, why: str) -> int:
        """A usage point's debt is paid; how many cuts are recalled."""
        return await self._ruling.paid(person, point, why)

    async def show(self, person: Person, key: str) -> OrderTold:
        async with self._session.transaction() as connection:
            return await self._told(connection, person, key)

    async def targets(
        self, person: Person, key: str, *, after: str = "", limit: int = 1000, state: str | None = None
    ) -> list[TargetTold]:
        """By meter."""
        async with self._session.transaction() as connection:
            await self._told(connection, person, key)
            found = await showing.targets(connection, key)
        return [t for t in found if t.meter > after and state in (None, t.state)][:limit]

    async def orders(
        self, person: Person, *, state: str | None = None, before: datetime | None = None, limit: int = 100
    ) -> list[OrderTold]:
        """Newest first; those in areas that he may see. Without approvals and what they need: `show` tells that."""
        found: list[OrderTold] = []
        async with self._session.transaction() as connection:
            now = await self._gathering.moment(connection)
            while len(found) < limit:
                given = {"state": state, "before": before, "limit": limit}
                keys = await commands.rows(connection, commands.SQL["orders"], **given)
                page = [await showing.told(connection, self._gathering, key, now, is_brief=True) for key, _ in keys]
                found += [o for o in page if o is not None and showing.may_see(person, o.areas, o.requester)]
                if len(keys) < limit:
                    break
                before = keys[-1][1]
        return found[:limit]

    # -- stops

    async def stop(self, person: Person, area: str = EVERYWHERE, why: str = "") -> StopTold:
        """At once, and what waits there to be sent is ended."""
        return await self._ruling.stop(person, area, why)

    async def resume(self, person: Person, number: int) -> ChangeTold:
        """Release a stop: done when a second person asks the same."""
        return await self._ruling.resume(person, number)

    async def stops(self, person: Person) -> list[StopTold]:
        """Those that hold."""
        return await self._ruling.stops()

    # -- the rules

    async def protect(self, person: Person, entries: Sequence[NewEntry]) -> list[EntryTold]:
        """Add to the protection list; what is there already is not added again."""
        return await self._ruling.protect(person, entries)

    async def unlist(self, person: Person, number: int, until: datetime | None = None) -> ChangeTold:
        """End an entry, now or at `until`: done when a second person asks the same."""
        return await self._ruling.unlist(person, number, until)

    async def protection(self, person: Person) -> list[EntryTold]:
        """Entries that are not over."""
        return await self._ruling.protection()

    async def policy(self, person: Person) -> PolicyTold | None:
        return await self._ruling.policy()

    async def set_policy(self, person: Person, document: str) -> ChangeTold:
        """TOML: done when a second person asks the same. Raises `UsageFault` for what is no policy."""
        return await self._ruling.set_policy(person, document)

    async def changes(self, person: Person) -> list[ChangeTold]:
        """Those that wait for another person."""
        return await self._ruling.changes()

    async def holds(self, person: Person) -> list[HoldTold]:
        return await self._ruling.holds()

    async def release_hold(self, person: Person, number: int, why: str) -> HoldTold:
        """By somebody with oversight who is not held by it."""
        return await self._ruling.release_hold(person, number, why)

    async def weather(self, person: Person, area: str, low_c: str, high_c: str) -> None:
        """The coldest and the hottest that is forecast, exact decimals."""
        await self._ruling.weather(person, area, low_c, high_c)

    async def sweep(self) -> int:
        """End what has waited beyond its time, was paid for, cancelled or stopped meanwhile; how many."""
        return await self._ruling.sweep()

    # --

    async def _act(self, key: str, verb: Callable[[Acting], Awaitable[Denied | None]]) -> OrderTold:
        """One verb on one order, alone. A no is written down, too, and then raised."""
        async with self._session.transaction() as connection:
            await commands.lock_order(connection, key)
            acting = Acting(connection, key, await self._gathering.moment(connection))
            denied = await verb(acting)
        if denied is not None:
            raise denied
        async with self._session.transaction() as connection:
            found = await showing.told(connection, self._gathering, key, acting.now)
        assert found is not None
        return found

    async def _told(
        self, connection: commands.Connection, person: Person, key: str, *, is_brief: bool = False
    ) -> OrderTold:
        now = await self._gathering.moment(connection)
        found = await showing.told(connection, self._gathering, key, now, is_brief=is_brief)
        if found is None or not showing.may_see(person, found.areas, found.requester):
            raise Unknown(f"no order {key!r}")
        return found
