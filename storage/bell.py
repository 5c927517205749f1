"""Hearing what the database tells: a connection of its own on some channels."""

from __future__ import annotations

import psycopg
from psycopg import sql

from storage.connection import Row, Session


class Bell(Session):
    """Says when something was told on one of the channels."""

    def __init__(self, conninfo: str, *channels: str) -> None:
        super().__init__(conninfo)
        self._channels = channels

    async def wait(self, timeout_s: float) -> None:
        """Until then or `timeout_s`; what was told before the first wait goes unheard, so look before each."""
        async with self.use() as connection:
            async for _ in connection.notifies(timeout=timeout_s, stop_after=1):
                pass

    async def _prepare(self, connection: psycopg.AsyncConnection[Row]) -> None:
        await super()._prepare(connection)
        for channel in self._channels:
            await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
