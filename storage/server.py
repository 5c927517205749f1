"""Where the database comes from: a configured one, else an embedded server in a directory of ours.

Blocking: from asyncio call `provide` and `close` through `asyncio.to_thread`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from storage.embedded import Server


@dataclass(frozen=True, slots=True)
class Database:
    """How to reach it. `server` is there when it is embedded."""

    conninfo: str
    server: Server | None = None

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the embedded server if it is ours to stop. Close all connections first."""
        if self.server is not None:
            self.server.stop()


def provide(dsn: str | None, data_dir: Path, *, bindir: Path | None = None) -> Database:
    """`dsn` as it is, not yet asked whether it answers; without one, the server in `data_dir`, found or started.

    Raises `ServerError`.
    """
    if dsn:
        return Database(dsn)
    server = Server(data_dir, bindir=bindir)
    return Database(server.start(), server)
