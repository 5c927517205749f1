"""The store's own work beside collecting: rollups every minute, outages concluded anew, retention once a day.

Every daemon has it; a lock in the database lets one at a time do it, and the others find nothing left to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from headend.config import Config
from headend.duration import seconds
from headend.events.outage_watch import OutageWatch
from storage.errors import StorageError
from storage.retention import Retention
from storage.rollups import Rolled, Roller

_log = structlog.get_logger("housekeeping")
RETAIN_EVERY: Final = timedelta(days=1)


class Housekeeping:
    """`tick` does what is due; a database that is away is said, and tried again at the next tick."""

    def __init__(self, config: Config, conninfo: str) -> None:
        self._every = seconds(config.rollup.every)
        self._keep = config.retention.keep
        self._roller = Roller(conninfo, config.zone, timedelta(seconds=seconds(config.rollup.delay)))
        self._retention = Retention(conninfo)
        self._outages = OutageWatch(conninfo)
        self._watch = timedelta(seconds=seconds(config.outages.every)) if config.outages.every else None
        self._watched: datetime | None = None
        self._retained: datetime | None = None

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self.tick(datetime.now(UTC))
                await asyncio.sleep(self._every)
        finally:
            await self.close()

    async def close(self) -> None:
        for session in (self._roller, self._retention, self._outages):
            await session.close()

    async def tick(self, now: datetime) -> None:
        """Roll up; conclude what is without supply; then, once a day, drop what is old."""
        try:
            rolled = await self._roller.roll(now)
            if rolled not in (None, Rolled()):
                _log.info("rolled up", **_counts(rolled))
            if self._watch is not None and (self._watched is None or now - self._watched >= self._watch):
                self._watched = now
                await self._outages.tick(now)
            if self._retained is None or now - self._retained >= RETAIN_EVERY:
                dropped = await self._retention.drop(self._keep, now)
                if dropped is not None:
                    self._retained = now
                for one in dropped or ():
                    _log.info("retention", what=one.name, until=one.until, rows=one.rows, refused=one.refused)
        except StorageError as error:
            _log.warning("housekeeping waits", reason=str(error))


def _counts(rolled: Rolled | None) -> dict[str, int]:
    return {name: getattr(rolled, name) for name in Rolled.__slots__ if rolled is not None}


@asynccontextmanager
async def housekeeping(config: Config, conninfo: str) -> AsyncIterator[None]:
    """Runs beside the block."""
    task = asyncio.create_task(Housekeeping(config, conninfo).run(), name="housekeeping")
    task.add_done_callback(_tell)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _tell(task: asyncio.Task[None]) -> None:
    """Said at once, raised when the daemon ends: rollups stand still, collecting goes on."""
    if not task.cancelled() and task.exception() is not None:
        _log.error("housekeeping has ended", reason=repr(task.exception()))
