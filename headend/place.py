"""Where readings are kept: the configured server, or an embedded one that runs while somebody needs it."""

from __future__ import annotations

import asyncio
import getpass
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import make_conninfo

from headend.config import Config
from storage import roles
from storage.embedded import Server
from storage.ledger import Ledger
from storage.migrate import migrate
from storage.reader import Reader
from storage.registry import Registry
from storage.server import Database, provide
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
async def store(config: Config, *, as_daemon: bool = False) -> AsyncIterator[Store]:
    """The configured database. An embedded server is started if it does not run, and stopped if nobody else uses it.

    `as_daemon`: with the daemon's rights; an embedded database is brought up to date first.
    Raises `storage.errors.ServerError` where no server can be provided; `DatabaseUnreachable` comes at the first use.
    """
    directory = config.database_directory or Path()
    served = await asyncio.to_thread(provide, config.database.dsn or None, directory)
    opened = None
    try:
        conninfo = await _as_daemon(config, served) if as_daemon else served.conninfo
        opened = Store(conninfo, Registry(conninfo), Reader(conninfo), Ledger(conninfo), Stamp(conninfo), served.server)
        yield opened
    finally:
        if opened is not None:
            await opened.registry.close()
            await opened.reader.close()
            await opened.ledger.close()
            await opened.stamp.close()
        await asyncio.to_thread(served.close)


def daemon_conninfo(config: Config, conninfo: str) -> str:
    """Of the same database for the daemon: an embedded server lets its role in, another one as `daemon_dsn` says."""
    if config.database.dsn:
        return config.database.daemon_dsn or conninfo
    return make_conninfo(conninfo, user=roles.DAEMON)


def account() -> str:
    """Who works at this machine, for the audit of what is done without a token."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


async def _as_daemon(config: Config, served: Database) -> str:
    if served.server is not None:
        await migrate(served.conninfo)
        await roles.provide(served.conninfo)
    return daemon_conninfo(config, served.conninfo)
