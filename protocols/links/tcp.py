"""TCP links: one asyncio protocol object a connection."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final

from protocols.errors import LinkUnreachable
from protocols.links.base import Inbox
from protocols.links.reasons import reason
from protocols.links.url import TcpSettings

_OPTIONS: Final = (
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 30),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 10),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 60_000),
)
"""A modem that has lost its network says nothing: it is noticed after about a minute, idle or not."""


class TcpLink(asyncio.Protocol):
    """A connection, whoever dialled."""

    __slots__ = ("_inbox", "_lost", "_transport", "_writable")

    def __init__(self) -> None:
        self._inbox = Inbox()
        self._transport: asyncio.Transport | None = None
        self._writable: asyncio.Future[None] | None = None
        self._lost: asyncio.Future[None] | None = None

    async def send(self, data: bytes) -> None:
        self._inbox.check()
        assert self._transport is not None
        self._transport.write(data)
        if self._writable is not None:
            await asyncio.shield(self._writable)
            self._inbox.check()

    def receive(self, until: float | None = None) -> Coroutine[Any, Any, bytes]:
        return self._inbox.take(until)

    def receive_nowait(self) -> bytes:
        return self._inbox.take_nowait()

    def listen(self, heard: Callable[[], None]) -> None:
        self._inbox.listen(heard)

    async def close(self) -> None:
        self.end("closed by us")
        if self._transport is not None:
            if self._lost is None:
                self._lost = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._lost)

    def end(self, why: str) -> None:
        """Close without waiting; verbs raise `LinkClosed` with `why`."""
        self._inbox.close(why)
        if self._transport is not None:
            if self._transport.get_write_buffer_size():
                self._transport.abort()
            else:
                self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=0)
        opened: socket.socket = transport.get_extra_info("socket")
        for level, name, value in _OPTIONS:
            option = getattr(socket, name, None)
            if option is not None:
                opened.setsockopt(level, option, value)

    def data_received(self, data: bytes) -> None:
        self._inbox.put(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._inbox.close(reason(exc) if exc is None or isinstance(exc, OSError) else str(exc))
        self._transport = None
        self.resume_writing()
        if self._lost is not None:
            self._lost.set_result(None)

    def pause_writing(self) -> None:
        if self._writable is None:
            self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None:
            writable.set_result(None)


async def open_tcp(settings: TcpSettings) -> TcpLink:
    """Every address of the name is tried in turn. Raises `LinkUnreachable`."""
    where = f"{settings.host}:{settings.port}"
    try:
        async with asyncio.timeout(settings.timeout):
            return await _connected(settings.host, settings.port)
    except TimeoutError as error:
        raise LinkUnreachable(f"{where}: no answer within {settings.timeout:g} s") from error
    except OSError as error:
        raise LinkUnreachable(f"{where}: {reason(error)}") from error


async def _connected(host: str, port: int) -> TcpLink:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    last = OSError(f"no address for {host}")
    for family, _, _, _, address in found:
        try:
            _, link = await loop.create_connection(TcpLink, str(address[0]), port, family=family)
        except OSError as error:
            last = error
        else:
            return link
    raise last
