"""The spool of the configuration, opened."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from headend.config import Config
from headend.duration import seconds
from headend.errors import UsageFault
from headend.recording.recorder import Spooling
from storage.migrate import birth
from storage.spool.spool import Spool


def directory_of(config: Config) -> Path | None:
    """None where there is no spool."""
    return config.folder / config.spool.directory if config.spool.directory else None


@asynccontextmanager
async def spooling(config: Config, conninfo: str) -> AsyncIterator[Spooling | None]:
    """The spool for the database `conninfo`; None where there is none configured.

    Raises `storage.errors.SpoolInUse`, `UsageFault`, and what `storage.migrate.birth` raises.
    """
    directory = directory_of(config)
    if directory is None:
        yield None
        return
    database = await birth(conninfo)
    try:
        spool = await asyncio.to_thread(Spool, directory, config.spool.bytes, database, _now_us)
    except OSError as error:
        raise UsageFault(f"{config.path}: spool.directory: {directory}: {error.strerror}") from error
    try:
        yield Spooling(spool, seconds(config.spool.after))
    finally:
        await asyncio.to_thread(spool.close)


def _now_us() -> int:
    return time.time_ns() // 1000
