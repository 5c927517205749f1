"""Beside a running daemon: what has waited beyond its time is ended, what is unusual is held, loads are estimated."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Final

import structlog

from headend.clock.trust import trust
from headend.commands.desk import Desk
from headend.config import Config
from headend.errors import HeadendError
from headend.health.host_clock import HostClock
from headend.safety.world import Clock
from storage.errors import StorageError
from storage.loads import Loads

_log = structlog.get_logger("commands")
_EVERY_S: Final = 10.0
_ESTIMATE_S: Final = 3600.0


@asynccontextmanager
async def sweeping(
    config: Config, conninfo: str, clock: HostClock, every_s: float = _EVERY_S, estimate_s: float = _ESTIMATE_S
) -> AsyncIterator[None]:
    """While the block runs. Several daemons may do it: each command ends once."""

    def trusted() -> Clock:
        found = trust(clock.discipline, config.clock.trust_host)
        return Clock(found.trusted, found.why)

    desk = Desk(conninfo, config.timezone, trusted)
    loads = Loads(conninfo)
    task = asyncio.create_task(_run(desk, loads, every_s, estimate_s), name="sweeping")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await desk.close()
        await loads.close()


async def _run(desk: Desk, loads: Loads, every_s: float, estimate_s: float) -> None:
    estimated = time.monotonic() - estimate_s
    while True:
        try:
            ended = await desk.sweep()
            if ended:
                _log.info("commands ended unsent", count=ended)
            if time.monotonic() - estimated >= estimate_s:
                await loads.estimate(datetime.now(UTC))
                estimated = time.monotonic()
        except (StorageError, HeadendError) as error:
            _log.warning("commands that are over cannot be ended yet", reason=str(error))
        await asyncio.sleep(every_s)
