"""One database connection that comes back after it was lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from storage.errors import DatabaseUnreachable, is_lost, translated

Row: TypeAlias = tuple[Any, ...]

_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "tcp_user_timeout": "30000",  # ms: a silent network is noticed, not waited for
    "application_name": "headend",
}


class Session:
    """Connects at the first use, again at the next use after a loss. One user at a time; others wait their turn.

    Given another session instead of a conninfo it asks over that one's connection, when it is that one's turn, and has
    none of its own to close.
    """

    def __init__(self, source: str | Session) -> None:
        self._lender = source if isinstance(source, Session) else None
        conninfo = source._conninfo if isinstance(source, Session) else source
        given = conninfo_to_dict(conninfo)
        missing = {key: value for key, value in _DEFAULTS.items() if key not in given}
        self._conninfo: str = make_conninfo(conninfo, **missing)
        self._connection: psycopg.AsyncConnection[Row] | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def use(self) -> AsyncIterator[psycopg.AsyncConnection[Row]]:
        """A sound connection in autocommit mode; use `connection.transaction()` inside.

        Driver errors that leave the block come out as `StorageError`; on a loss as `DatabaseUnreachable`.
        """
        if self._lender is not None:
            async with self._lender.use() as connection:
                yield connection
            return
        async with self._turn:
            connection = await self._connected()
            try:
                yield connection
            except psycopg.Error as error:
                if is_lost(error, connection):
                    await self._drop()
                    raise DatabaseUnreachable(f"database connection lost: {_text(error)}") from error
                raise translated(error) from error
            except BaseException:
                # Cancelled in the middle of a conversation: its state is unknown, so it is not used again.
                if connection.closed or connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                    await self._drop()
                raise

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[psycopg.AsyncConnection[Row]]:
        """The same inside one transaction: all or nothing."""
        async with self.use() as connection, connection.transaction():
            yield connection

    async def close(self) -> None:
        """Close the connection; the next use would open a new one."""
        async with self._turn:
            await self._drop()

    async def _connected(self) -> psycopg.AsyncConnection[Row]:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        try:
            self._connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
        except psycopg.OperationalError as error:
            raise DatabaseUnreachable(f"database not reachable: {_text(error)}") from error
        except psycopg.Error as error:
            raise translated(error) from error
        try:
            await self._prepare(self._connection)
        except psycopg.Error as error:
            await self._drop()
            raise translated(error) from error
        return self._connection

    async def _prepare(self, connection: psycopg.AsyncConnection[Row]) -> None:
        await connection.execute("SET timezone = 'UTC'")

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def _text(error: psycopg.Error) -> str:
    return " ".join(str(error).split()) or type(error).__name__
