"""The daemon: database, registry, plans, collector, ingest and metrics put together, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client.registry import Collector as Source
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from headend.api.offered import offered
from headend.batches.rounds import rounds
from headend.cluster.keeper import Keeper
from headend.collection.collector import Collector
from headend.collection.gaps import LedgerGaps, Reach
from headend.collection.poller import utc_now
from headend.collection.roster import Roster
from headend.collection.solo import Solo
from headend.commands.sweeping import sweeping
from headend.config import Config
from headend.duration import seconds
from headend.errands.staff import Staff, employed
from headend.errors import HeadendError, UsageFault
from headend.health.host_clock import HostClock, watched_clock
from headend.health.metrics import Endpoint, HostClockMetrics
from headend.health.notify import notified
from headend.place import Store, store
from headend.recording.recorder import Spooling
from headend.recording.spooling import spooling
from headend.registry.known import plans_of, stored_plan
from headend.requests.desk import Desk
from headend.sending.at_work import sending
from headend.sending.dispatch import Dispatch
from headend.upkeep.housekeeping import housekeeping
from headend.work.plan import Kind
from protocols.links.listen import close_listeners
from storage import entries
from storage.leases import Leases
from storage.migrate import check

if TYPE_CHECKING:
    from headend.ingest.ingest import Ingest

_log = structlog.get_logger("daemon")


@dataclass(frozen=True)
class Work:
    """What a daemon does; `ingest` where readings are pushed to it."""

    collector: Collector
    ingest: Ingest | None
    clock: HostClock | None = None

    @property
    def counters(self) -> dict[str, Any]:
        told = self.collector.counters | ({"push": self.ingest.counters} if self.ingest else {})
        return told | ({"host_clock": self.clock.counters} if self.clock else {})

    def stop(self) -> None:
        self.collector.stop()
        if self.ingest:
            self.ingest.stop()

    async def run(self) -> None:
        """Until `stop`, or until one of both fails: then the other ends in order, too. Raises what failed."""
        tasks = [asyncio.create_task(self.collector.run(), name="collector")]
        if self.ingest:
            tasks.append(asyncio.create_task(self.ingest.run(), name="ingest"))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            self.stop()
            await asyncio.wait(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            task.result()


async def run(config: Config, *, started: Callable[[Collector], None] | None = None) -> Work:
    """Collect until told to stop by a signal. What was received is stored before this returns.

    Raises `UsageFault`, `storage.errors.StorageError`, or what ended the collector.
    """
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(store(config, as_daemon=True))
        await check(opened.conninfo)
        await stack.enter_async_context(housekeeping(config, opened.conninfo))
        await stack.enter_async_context(rounds(config, opened.conninfo))
        ingest = await _ingest(config, opened)
        spool = await stack.enter_async_context(spooling(config, opened.conninfo))
        staff = await stack.enter_async_context(employed(config, opened))
        clock = await stack.enter_async_context(watched_clock())
        dispatch = await stack.enter_async_context(sending(config, opened.conninfo, clock))
        collector = await prepare(config, opened, spool, ingest, staff, clock, dispatch)
        work = Work(collector, ingest, clock)
        await stack.enter_async_context(sweeping(config, opened.conninfo, clock))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, work.stop)
        endpoint = _endpoint(config, work) if config.daemon.metrics else None
        try:
            if endpoint:
                _log.info("metrics", address=endpoint.address)
            if started:
                started(collector)
            async with offered(config, opened.conninfo, clock), notified():
                await work.run()
        finally:
            await close_listeners()
            if endpoint:
                await asyncio.to_thread(endpoint.close)
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
        return work


async def _ingest(config: Config, opened: Store) -> Ingest | None:
    if not config.push:
        return None
    from headend.ingest.ingest import Ingest

    return Ingest(config, opened.conninfo, opened.revive)


def _endpoint(config: Config, work: Work) -> Endpoint:
    more: list[Source] = [HostClockMetrics(work.clock)] if work.clock else []
    if work.ingest is not None:
        from headend.ingest.metrics import IngestMetrics

        more.append(IngestMetrics(work.ingest))
    return Endpoint(work.collector, config.daemon.metrics, *more)


async def prepare(
    config: Config,
    opened: Store,
    spool: Spooling | None = None,
    ingest: Ingest | None = None,
    staff: Staff | None = None,
    clock: HostClock | None = None,
    dispatch: Dispatch | None = None,
) -> Collector:
    """A collector for what the registry holds and the configuration plans. `ingest` runs beside it; `staff` does
    what is no reading; `dispatch` has what was ordered; `clock` is told in the sign of life."""
    if not config.plan and not config.push:
        raise UsageFault(f"{config.path}: plan: there is none, and no push, so nothing would be collected")
    now = datetime.now(UTC)
    roster = Roster(opened, config.zone)
    await roster.reload()
    if roster.meters and not roster.readable:
        raise HeadendError("none of the registered meters can be read (see headend check)")
    plans = [stored_plan(plan, config.timezone, now) for plan in plans_of(config) if plan.kind.is_expected]
    await opened.registry.keep_plans(plans, now)

    async def beat(collector: Collector) -> None:
        await opened.registry.beat(
            entries.Daemon(
                name=config.daemon.name,
                pid=os.getpid(),
                host=socket.gethostname(),
                started=collector.started,
                seen=datetime.now(UTC),
                counters=Work(collector, ingest, clock).counters,
            )
        )

    work = plans_of(config)
    gaps = LedgerGaps(opened.ledger, Reach.of(work))
    desk = Desk(
        opened.conninfo,
        config.daemon.name,
        utc_now,
        lambda start, end: gaps.want(start, end, utc_now()),
        staff.errands.get(Kind.EVENTS) if staff else None,
    )
    lines = [] if config.cluster.enabled else [(post.path, post.meters) for post in roster.posts.values()]
    return Collector(
        config,
        lines,
        work,
        opened.conninfo,
        beat=beat,
        revive=opened.revive,
        spooling=spool,
        gaps=gaps,
        errands=staff.errands if staff else None,
        doubtful=staff.doubts if staff else (),
        desks={Kind.REQUEST: desk} | ({Kind.COMMAND: dispatch} if dispatch is not None else {}),
        rota=_rota(config, opened.conninfo, roster),
    )


def _rota(config: Config, conninfo: str, roster: Roster) -> Solo | Keeper:
    """A keeper's connections give up in the time that its terms leave them."""
    reload_s = seconds(config.daemon.reload)
    if not config.cluster.enabled:
        return Solo(roster, reload_s)
    terms = config.cluster.terms
    patience = {"connect_timeout": str(max(2, round(terms.patience))), "tcp_user_timeout": str(round(terms.ttl * 1000))}
    given = conninfo_to_dict(conninfo)
    hasty = make_conninfo(conninfo, **{key: value for key, value in patience.items() if key not in given})
    return Keeper(config.daemon.name, terms, roster, reload_s, lambda: Leases(hasty))
