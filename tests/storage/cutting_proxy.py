"""A TCP way to a PostgreSQL server that loses the answer to one statement that committed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from psycopg.conninfo import conninfo_to_dict, make_conninfo


@dataclass
class Proxy:
    """The next answer that completes a command of the tag `armed` (``COMMIT``, ``COPY 2``) is not passed on, and the
    connection is cut. `cuts` counts them."""

    conninfo: str
    armed: str = ""
    cuts: int = 0


@asynccontextmanager
async def cutting_proxy(conninfo: str) -> AsyncIterator[Proxy]:
    """Stands between us and the server of `conninfo`."""
    given = conninfo_to_dict(conninfo)
    host, port = str(given["host"]), int(str(given["port"]))
    proxy = Proxy("")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if host.startswith("/"):
            back_reader, back_writer = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            back_reader, back_writer = await asyncio.open_connection(host, port)

        async def asked() -> None:
            while chunk := await reader.read(65536):
                back_writer.write(chunk)

        async def answered() -> None:
            while chunk := await back_reader.read(65536):
                if proxy.armed and b"%b\0" % proxy.armed.encode() in chunk:  # CommandComplete: the server has committed
                    proxy.armed = ""
                    proxy.cuts += 1
                    return
                writer.write(chunk)

        ways = [asyncio.create_task(asked()), asyncio.create_task(answered())]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for stream in (writer, back_writer):
            stream.close()
            with suppress(OSError):
                await stream.wait_closed()

    conversations: list[asyncio.Task[None]] = []
    server = await asyncio.start_server(
        lambda *ends: conversations.append(asyncio.create_task(serve(*ends))), "127.0.0.1", 0
    )
    async with server:
        proxy.conninfo = make_conninfo(conninfo, host="127.0.0.1", port=server.sockets[0].getsockname()[1])
        yield proxy
        await asyncio.gather(*conversations)  # the client has gone: each ends by itself
