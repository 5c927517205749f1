"""Keeps this daemon's leases: which lines are its own, and until when (ADR 0013)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from uuid import UUID

import structlog

from headend.cluster.boottime import boottime
from headend.cluster.membership import KeeperCounters, LeaseTable, Membership
from headend.cluster.presence import Presence
from headend.cluster.settings import Terms
from headend.collection.crew import Crew
from headend.collection.roster import Post, Roster
from protocols.errors import LeaseLost
from storage.errors import DatabaseUnreachable
from storage.leases import Lease

_log = structlog.get_logger("leases")


class Tenure:
    """Our time on one line, and its guard: called right before every request."""

    __slots__ = ("_membership", "giving", "lease", "name", "over")

    def __init__(self, membership: Membership, lease: Lease) -> None:
        self._membership = membership
        self.lease = lease
        self.name: str | None = None
        """The line's, once it is polled."""
        self.over = False
        self.giving: asyncio.Task[None] | None = None

    def __call__(self) -> None:
        if self.over or self._membership.deadline_in_s <= 0.0:
            raise LeaseLost("the lease of this line has ended: another daemon may be speaking on it")


class Keeper:
    """`run` beside a crew. `table` makes a connection of its own; it is made anew when one hangs."""

    def __init__(
        self,
        name: str,
        terms: Terms,
        roster: Roster,
        reload_s: float,
        table: Callable[[], LeaseTable],
        presence: Presence | None = None,
        clock: Callable[[], float] = boottime,
    ) -> None:
        self.counters = KeeperCounters()
        self.membership = Membership(name, terms, clock, self.counters)
        self._terms = terms
        self._roster = roster
        self._reload_s = reload_s
        self._connect = table
        self._table = table()
        self._presence = presence or Presence()
        self._tenures: dict[int, Tenure] = {}
        self._called: dict[int, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._away = False
        self._hanging: set[asyncio.Task[None]] = set()

    @property
    def lines(self) -> int:
        """How many lines we may speak on."""
        return 0 if self.membership.deadline_in_s <= 0.0 else len(self._tenures)

    async def run(self, crew: Crew) -> None:
        """Until cancelled; raises what is no passing trouble of the database."""
        reloading = asyncio.create_task(self._reload(), name="roster")
        try:
            while not reloading.done():
                crew.left.clear()
                began = asyncio.get_running_loop().time()
                await self._round_in_time(crew)
                left = began + self._terms.renew - asyncio.get_running_loop().time()
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await crew.left.wait()
            reloading.result()
        finally:
            reloading.cancel()
            if self._timer is not None:
                self._timer.cancel()
            await asyncio.gather(reloading, return_exceptions=True)

    async def leave(self) -> None:
        """When all pollers have ended: what we hold is free for others at once, if the database can be told."""
        for tenure in self._tenures.values():
            tenure.over = True
        for task in [*self._hanging, *(t.giving for t in self._tenures.values() if t.giving is not None)]:
            task.cancel()
        try:
            async with asyncio.timeout(self._terms.renew):
                if self.membership.id is not None:
                    await self._table.leave(self.membership.id)
                await self._table.close()
        except (DatabaseUnreachable, TimeoutError) as error:
            _log.warning("leases not given back: others wait until they end", reason=str(error) or "no answer")

    async def _reload(self) -> None:
        while True:
            await asyncio.sleep(self._reload_s)
            try:
                if await self._roster.reload():
                    _log.info("registry read", lines=len(self._roster.posts))
            except DatabaseUnreachable as error:
                _log.debug("registry not read", reason=str(error))

    # A round

    async def _round_in_time(self, crew: Crew) -> None:
        """One that hangs is left behind with its connection."""
        task = asyncio.create_task(self._round(crew), name="lease round")
        try:
            await asyncio.wait({task}, timeout=self._terms.patience)
        finally:
            task.cancel()
        if not task.done():
            self._hanging.add(task)
            task.add_done_callback(self._unhung)
            self._table = self._connect()
            self._tell_away("no answer")
            return
        try:
            task.result()
        except DatabaseUnreachable as error:
            self._tell_away(str(error))
        else:
            if self._away:
                _log.info("leases can be renewed again", lines=self.lines)
            self._away = False

    def _unhung(self, task: asyncio.Task[None]) -> None:
        self._hanging.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.debug("a round that hung has ended", reason=str(task.exception()))

    def _tell_away(self, reason: str) -> None:
        if not self._away:
            _log.warning("leases cannot be renewed", reason=reason, silent_in_s=round(self.membership.deadline_in_s, 1))
        self._away = True

    async def _round(self, crew: Crew) -> None:
        table, membership = self._table, self.membership
        if not await membership.renew(table):
            _log.warning("we were taken for dead: joining anew", lines=len(self._tenures))
            self._silence(crew)
            crew.left.set()
            return
        assert membership.id is not None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(membership.deadline_in_s, self._expired, crew)
        self._take_note({lease.line_id: lease for lease in await table.held(membership.id)}, crew)
        await membership.look(table)
        await self._arrange(table, membership.id, crew)

    def _expired(self, crew: Crew) -> None:
        """The guard holds every request back by itself; this ends the conversations and closes the links."""
        self._timer = None
        if self.membership.deadline_in_s > 0.0:
            self._timer = asyncio.get_running_loop().call_later(self.membership.deadline_in_s, self._expired, crew)
            return
        if self._tenures:
            _log.error("leases end unrenewed: silent on all lines", lines=len(self._tenures))
        self._silence(crew)

    def _silence(self, crew: Crew) -> None:
        for line_id in list(self._tenures):
            self._lose(line_id, crew)

    def _lose(self, line_id: int, crew: Crew) -> None:
        tenure = self._tenures.pop(line_id)
        tenure.over = True
        self._called.pop(line_id, None)
        self.counters.losses += 1
        if tenure.name is not None and crew.knows(tenure.name):
            crew.cut(tenure.name)

    # Lines

    def _take_note(self, held: Mapping[int, Lease], crew: Crew) -> None:
        """The database's word on what is ours: lines that it took from us, and claims whose answer never came."""
        for line_id, tenure in list(self._tenures.items()):
            if line_id not in held or held[line_id].token != tenure.lease.token:
                _log.warning("a lease is ours no more", line=tenure.name, token=tenure.lease.token)
                self._lose(line_id, crew)
        for line_id, lease in held.items():
            if line_id in self._tenures:
                self._tenures[line_id].lease = lease
            else:
                self._tenures[line_id] = Tenure(self.membership, lease)

    async def _arrange(self, table: LeaseTable, member: UUID, crew: Crew) -> None:
        if crew.stopping:
            return
        posts = self._roster.posts
        roaming = {number for number, post in posts.items() if not self._presence.bound(post.path)}
        here = {
            number for number, post in posts.items() if number not in roaming and await self._presence.here(post.path)
        }
        share = math.ceil(len(roaming) / self.membership.count)
        declined = self._give_back(table, member, crew, roaming, here, share)
        if declined:
            await table.decline(member, declined)
        room = share - len(roaming & self._tenures.keys())
        for wanted, most in ((roaming - self._tenures.keys(), room), (here - self._tenures.keys(), len(here))):
            for lease in await table.claim(member, sorted(wanted), most) if wanted and most > 0 else ():
                self._tenures[lease.line_id] = Tenure(self.membership, lease)
                self.counters.claims += 1
        if here - self._tenures.keys():
            await table.call(member, sorted(here - self._tenures.keys()))
        self._poll(posts, crew)

    def _give_back(
        self, table: LeaseTable, member: UUID, crew: Crew, roaming: set[int], here: set[int], share: int
    ) -> list[int]:
        """Begin to give back what is too much or cannot be read here; returns lines for which a call is declined."""
        declined: list[int] = []
        kept = 0
        for line_id, tenure in list(self._tenures.items()):
            if tenure.giving is not None:
                if tenure.giving.done():
                    tenure.giving.result()
                continue
            if line_id in roaming:
                kept += 1
                if kept > share:
                    self._give(table, member, crew, tenure, None)
            elif line_id not in here:
                self._give(table, member, crew, tenure, self._terms.margin)
            elif self._called_away(line_id, tenure, declined):
                self._presence.hang_up(self._roster.posts[line_id].path)
                self._give(table, member, crew, tenure, self._terms.margin)
        return declined

    def _called_away(self, line_id: int, tenure: Tenure, declined: list[int]) -> bool:
        """Whether the line's DTU has dialled in to another, and said nothing to us for long enough since."""
        if tenure.lease.caller is None:
            self._called.pop(line_id, None)
            return False
        now = asyncio.get_running_loop().time()
        noticed = self._called.setdefault(line_id, now)
        heard = self._presence.last_heard(self._roster.posts[line_id].path)
        if heard is not None and heard > noticed:
            del self._called[line_id]
            declined.append(line_id)
            return False
        return now - noticed >= self._terms.ttl

    def _give(self, table: LeaseTable, member: UUID, crew: Crew, tenure: Tenure, grace_s: float | None) -> None:
        tenure.giving = asyncio.create_task(self._given(table, member, crew, tenure, grace_s), name="giving back")

    async def _given(self, table: LeaseTable, member: UUID, crew: Crew, tenure: Tenure, grace_s: float | None) -> None:
        if tenure.name is not None and crew.knows(tenure.name):
            await crew.retire(tenure.name, grace_s)
        if tenure.over:
            return
        tenure.over = True
        try:
            await table.release(member, tenure.lease)
        except DatabaseUnreachable as error:  # it is found as ours at the next renewal
            _log.debug("a lease was not given back", line=tenure.name, reason=str(error))
        else:
            self.counters.releases += 1
            _log.info("line given back", line=tenure.name, token=tenure.lease.token)
        if self._tenures.get(tenure.lease.line_id) is tenure:
            del self._tenures[tenure.lease.line_id]

    def _poll(self, posts: Mapping[int, Post], crew: Crew) -> None:
        """Make the crew work what is ours, as the registry has it now."""
        for line_id, tenure in self._tenures.items():
            post = posts.get(line_id)
            if post is None or tenure.giving is not None:
                continue
            poller = crew.working(tenure.name) if tenure.name is not None else None
            if poller is None:
                if not crew.knows(post.path.name):
                    tenure.name = post.path.name
                    crew.begin(post.path, post.meters, tenure)
                    _log.info("line taken", line=tenure.name, token=tenure.lease.token)
            elif poller.line.path != post.path:
                crew.retire(poller.line.path.name)
            elif poller.meters != post.meters:
                poller.give(post.meters)
