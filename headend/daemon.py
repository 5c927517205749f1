"""The daemon: database, registry, plans, collector and metrics put together, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import structlog

from headend.collector import Collector
from headend.config import Config
from headend.errors import HeadendError, UsageFault
from headend.known import by_line, plans_of
from headend.metrics import Endpoint
from headend.place import Store, store
from headend.recorder import Spooling
from headend.spooling import spooling
from protocols.links.listen import close_listeners
from storage import entries
from storage.migrate import check, migrate

_log = structlog.get_logger("daemon")


async def run(config: Config, *, started: Callable[[Collector], None] | None = None) -> Collector:
    """Collect until told to stop by a signal. What was received is stored before this returns.

    Raises `UsageFault`, `storage.errors.StorageError`, or what ended the collector.
    """
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(store(config))
        if config.database.dsn:
            await check(opened.conninfo)
        else:
            await migrate(opened.conninfo)
        collector = await prepare(config, opened, await stack.enter_async_context(spooling(config, opened.conninfo)))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, collector.stop)
        endpoint = Endpoint(collector, config.daemon.metrics) if config.daemon.metrics else None
        try:
            if endpoint:
                _log.info("metrics", address=endpoint.address)
            if started:
                started(collector)
            await collector.run()
        finally:
            await close_listeners()
            if endpoint:
                await asyncio.to_thread(endpoint.close)
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
        return collector


async def prepare(config: Config, opened: Store, spool: Spooling | None = None) -> Collector:
    """A collector for what the registry holds and the configuration plans."""
    if not config.plan:
        raise UsageFault(f"{config.path}: plan: there is none, so nothing would be collected")
    meters = await opened.registry.meters(states=[entries.MeterState.ACTIVE])
    lines = by_line(await opened.registry.lines(), meters)
    if meters and not any(standing for _, standing in lines):
        raise HeadendError("none of the registered meters can be read (see headend check)")
    now = datetime.now(UTC)
    plans = [
        entries.NewPlan(name=p.name, period_s=p.period_s, quantities=p.wanted, valid_from=now) for p in config.plan
    ]
    await opened.registry.keep_plans(plans, now)

    async def beat(collector: Collector) -> None:
        await opened.registry.beat(
            entries.Daemon(
                name=config.daemon.name,
                pid=os.getpid(),
                host=socket.gethostname(),
                started=collector.started,
                seen=datetime.now(UTC),
                counters=collector.counters,
            )
        )

    return Collector(config, lines, plans_of(config), opened.conninfo, beat=beat, revive=opened.revive, spooling=spool)
