"""Where readings are kept: the configured server, or an embedded one that runs while somebody needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from headend.config import Config
from storage.embedded import Server


@contextmanager
def database(config: Config) -> Iterator[str]:
    """The connection string. An embedded server is started if it is not running, and stopped if nobody else uses it.

    Raises `storage.errors.ServerError` where no server can be provided.
    """
    directory = config.database_directory
    if directory is None:
        yield config.database.dsn
        return
    with Server(directory) as server:
        yield server.conninfo
