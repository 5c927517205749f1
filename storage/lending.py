"""A few connections for many who ask: each is lent to one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from storage.connection import Row, Session


class Lending:
    """At most `limit` connections, made when they are needed. A statement is given up by the server after `limit_s`."""

    def __init__(self, conninfo: str, limit: int, limit_s: float) -> None:
        self._conninfo = conninfo
        self._limit_ms = round(limit_s * 1000)
        self._all = [self._session() for _ in range(limit)]
        self._there = list(self._all)
        self._free = asyncio.Semaphore(limit)

    @asynccontextmanager
    async def borrow(self, patience_s: float) -> AsyncIterator[Session]:
        """Raises `TimeoutError` where none was given back in that time."""
        async with asyncio.timeout(patience_s):
            await self._free.acquire()
        session = self._there.pop()  # the one that was used last: the others are opened only under load
        try:
            yield session
        finally:
            self._there.append(session)
            self._free.release()

    async def close(self) -> None:
        """Each when its user has done."""
        for session in self._all:
            await session.close()

    def _session(self) -> Session:
        return _Bounded(self._conninfo, self._limit_ms)


class _Bounded(Session):
    def __init__(self, conninfo: str, limit_ms: int) -> None:
        super().__init__(conninfo)
        self._limit_ms = limit_ms

    async def _prepare(self, connection: psycopg.AsyncConnection[Row]) -> None:
        await super()._prepare(connection)
        await connection.execute("SELECT set_config('statement_timeout', %s, false)", [str(self._limit_ms)])
