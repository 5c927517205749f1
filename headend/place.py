"""Where readings are kept: the configured server, or an embedded one that runs while somebody needs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from headend.config import Config
from storage.embedded import Server
from storage.ledger import Ledger
from storage.reader import Reader
from storage.registry import Registry
from storage.server import provide
from storage.stamp import Stamp


@dataclass(frozen=True, slots=True)
class Store:
    """The open database: connections are made when they are first used."""

    conninfo: str
    registry: Registry
    reader: Reader
    ledger: Ledger
    stamp: Stamp
    server: Server | None = None

    async def revive(self) -> None:
        """Start the embedded server again if it has gone; nothing to do for a server that is not ours.

        Raises `ServerError`.
        """
        if self.server is not None:
            await asyncio.to_thread(self.server.start)


@asynccontextmanager
async def store(config: Config) -> AsyncIterator[Store]:
    """The configured database. An embedded server is started if it does not run, and stopped if nobody else uses it.

    Raises `storage.errors.ServerError` where no server can be provided; `DatabaseUnreachable` comes at the first use.
    """
    directory = config.database_directory or Path()
    served = await asyncio.to_thread(provide, config.database.dsn or None, directory)
    opened = Store(
        served.conninfo,
        Registry(served.conninfo),
        Reader(served.conninfo),
        Ledger(served.conninfo),
        Stamp(served.conninfo),
        served.server,
    )
    try:
        yield opened
    finally:
        await opened.registry.close()
        await opened.reader.close()
        await opened.ledger.close()
        await opened.stamp.close()
        await asyncio.to_thread(served.close)
