"""A TCP way to a PostgreSQL server that can fall silent: connections stay, bytes do not come through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from psycopg.conninfo import conninfo_to_dict, make_conninfo


class StallingProxy:
    """While `stalled`, whatever is sent either way waits; new connections are taken and led nowhere."""

    def __init__(self, conninfo: str) -> None:
        given = conninfo_to_dict(conninfo)
        self._host, self._port = str(given["host"]), int(str(given["port"]))
        self.conninfo = ""
        self._open = asyncio.Event()
        self._open.set()
        self.conversations: set[asyncio.Task[None]] = set()

    @property
    def stalled(self) -> bool:
        return not self._open.is_set()

    @stalled.setter
    def stalled(self, stalled: bool) -> None:
        if stalled:
            self._open.clear()
        else:
            self._open.set()

    def begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._converse(reader, writer))
        self.conversations.add(task)
        task.add_done_callback(self.conversations.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._open.wait()
        if self._host.startswith("/"):
            back = await asyncio.open_unix_connection(f"{self._host}/.s.PGSQL.{self._port}")
        else:
            back = await asyncio.open_connection(self._host, self._port)
        ways = [asyncio.create_task(self._carry(reader, back[1])), asyncio.create_task(self._carry(back[0], writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for stream in (writer, back[1]):
                stream.close()
                with suppress(OSError):
                    await stream.wait_closed()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            await self._open.wait()
            writer.write(chunk)
            await writer.drain()


@asynccontextmanager
async def stalling_proxy(conninfo: str, host: str = "127.0.0.1") -> AsyncIterator[StallingProxy]:
    """Stands between us and the server of `conninfo`."""
    proxy = StallingProxy(conninfo)
    server = await asyncio.start_server(proxy.begin, host, 0)
    try:
        proxy.conninfo = make_conninfo(conninfo, host=host, port=server.sockets[0].getsockname()[1])
        yield proxy
    finally:
        server.close()
        for task in list(proxy.conversations):
            task.cancel()
        await asyncio.gather(*proxy.conversations, return_exceptions=True)
