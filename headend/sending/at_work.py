"""A daemon's sending, put together: the queue, the book and the outlook in the database, and who carries commands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from headend.clock.trust import trust
from headend.commands.gather import Gathering
from headend.health.host_clock import Discipline, discipline
from headend.safety.world import Clock
from headend.sending.book import Keys
from headend.sending.dispatch import Dispatch
from headend.sending.outlook import StoredOutlook
from headend.sending.sender import Sender
from headend.sending.stored import StoredBook, StoredQueue


def host_clock(stated: bool, look: Callable[[], Discipline] = discipline) -> Callable[[], Clock]:
    """Whether this machine's clock is right, asked each time anew; `stated`: the configuration's word for it."""

    def told() -> Clock:
        found = trust(look(), stated)
        return Clock(found.trusted, found.why)

    return told


@asynccontextmanager
async def dispatching(
    conninfo: str,
    name: str,
    timezone: str,
    clock: Callable[[], Clock],
    keys: Keys,
    *,
    spread: timedelta = timedelta(0),
    settle_for: timedelta = timedelta(seconds=60),
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AsyncIterator[Dispatch]:
    """For the daemon called `name`. Connections are made at the first use and closed behind the block."""
    gathering = Gathering(timezone, clock, host_now=now)
    async with (
        StoredOutlook(conninfo, gathering) as outlook,
        StoredBook(conninfo, name, outlook.sent) as book,
        StoredQueue(conninfo) as queue,
    ):
        sender = Sender(book, outlook, keys, now, settle_for)
        try:
            yield Dispatch(queue, sender, now, spread)
        finally:
            await sender.close()
