"""A daemon's sending, put together: the queue, the book and the outlook in the database, and who carries commands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from headend.clock.policy import USUAL, ClockPolicy
from headend.clock.trust import trust
from headend.commands.gather import Gathering
from headend.config import Config
from headend.duration import seconds
from headend.health.host_clock import HostClock
from headend.safety.world import Clock
from headend.secrets.changing import Vault
from headend.secrets.keyring import load
from headend.sending.book import Keys
from headend.sending.dispatch import BURY_AFTER, Dispatch
from headend.sending.outlook import StoredOutlook
from headend.sending.sender import Sender
from headend.sending.stored import StoredBook, StoredQueue
from headend.sending.telling import Timekeeper
from storage.clocks import ClockStore
from storage.secrets import SecretTable


@asynccontextmanager
async def sending(config: Config, conninfo: str, clock: HostClock) -> AsyncIterator[Dispatch | None]:
    """As the configuration has it; None where this daemon sends nothing. Raises `UsageFault` for keys that are none."""
    if not config.commands.send:
        yield None
        return

    def trusted() -> Clock:
        found = trust(clock.discipline, config.clock.trust_host)
        return Clock(found.trusted, found.why)

    table = config.commands
    async with (
        SecretTable(conninfo) as secrets,
        dispatching(
            conninfo,
            config.daemon.name,
            config.timezone,
            trusted,
            Vault(secrets, load(config)),
            spread=timedelta(seconds=seconds(table.spread)),
            settle_for=timedelta(seconds=seconds(table.settle)),
            clocks=config.clock.policy,
        ) as dispatch,
    ):
        yield dispatch


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
    bury_after: timedelta = BURY_AFTER,
    clocks: ClockPolicy = USUAL,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AsyncIterator[Dispatch]:
    """For the daemon called `name`. Connections are made at the first use and closed behind the block."""
    gathering = Gathering(timezone, clock, host_now=now)
    async with (
        StoredOutlook(conninfo, gathering) as outlook,
        StoredBook(conninfo, name, outlook.sent) as book,
        StoredQueue(conninfo) as queue,
        ClockStore(conninfo) as store,
    ):
        sender = Sender(book, outlook, keys, now, settle_for, clocks=Timekeeper(store, clocks, now, clock))
        try:
            yield Dispatch(queue, sender, now, spread, bury_after)
        finally:
            await sender.close()
