"""What carries a bus to its reader: a pseudo-terminal, a TCP server, a DTU that dials out, an MQTT topic pair.

How each is named in a scenario: `simulators.carrier_url`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote

import structlog

from protocols.errors import LinkClosed, LinkUnreachable
from protocols.links.base import Link
from protocols.links.mqtt import open_mqtt
from protocols.links.pty import pty_pair
from protocols.links.reasons import reason
from protocols.links.tcp import TcpLink, open_tcp
from protocols.links.url import TcpSettings, parse_mqtt, swapped
from simulators.bus import Bus
from simulators.carrier_url import CarrierSettings, DialSettings, PtySettings, ServerSettings
from simulators.serve import Clock, serve

RETRY_S: Final = 0.5
"""Before a path that went away is opened again."""
_DIAL_S: Final = 10.0

_log = structlog.get_logger(__name__)


class Carrier(Protocol):
    """One bus's way to the outside."""

    @property
    def url(self) -> str:
        """With which a reader reaches it; known after `start`."""

    async def start(self) -> None:
        """Raises `LinkUnreachable`."""

    async def close(self) -> None:
        """For good."""


class Reopening:
    """A carrier with one path at a time, which is opened again whenever it goes away."""

    def __init__(self, bus: Bus, clock: Clock, opening: Callable[[], Awaitable[Link]], *, url: str, wait: bool) -> None:
        self.url = url
        self._bus = bus
        self._clock = clock
        self._opening = opening
        self._wait = wait
        self._link: Link | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._wait:
            self._link = await self._opening()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self._link is not None:
            await self._link.close()

    async def _run(self) -> None:
        refused = ""
        while True:
            try:
                if self._link is None:
                    self._link = await self._opening()
                    refused = ""
                await serve(self._bus.line(), self._link, self._clock)
            except LinkClosed as error:
                _log.info("path to the meters gone, opening it again", url=self.url, reason=str(error))
            except LinkUnreachable as error:
                if str(error) != refused:  # told once, tried on and on
                    _log.info("no path from the meters yet", url=self.url, reason=str(error))
                refused = str(error)
            link, self._link = self._link, None
            if link is not None:
                await link.close()
            await asyncio.sleep(RETRY_S)


class PtyCarrier(Reopening):
    """`alias` becomes a symbolic link to the terminal, so that its name is known beforehand."""

    def __init__(self, bus: Bus, clock: Clock, alias: Path | None) -> None:
        super().__init__(bus, clock, self._open, url="", wait=True)
        self._alias = alias

    async def close(self) -> None:
        await super().close()
        if self._alias is not None and self._alias.is_symlink():
            self._alias.unlink()

    async def _open(self) -> Link:
        link, path = pty_pair()
        if self._alias is not None:
            if self._alias.is_symlink():
                self._alias.unlink()
            self._alias.symlink_to(path)
            path = str(self._alias.absolute())
        self.url = f"serial://{quote(path)}"
        return link


class DialCarrier(Reopening):
    """A DTU: it dials, says who it is, and says every now and then that it lives. Whoever listens may come later."""

    def __init__(self, bus: Bus, clock: Clock, settings: DialSettings) -> None:
        super().__init__(bus, clock, self._dial, url=settings.url, wait=False)
        self._settings = settings
        self._heart: asyncio.Task[None] | None = None

    async def close(self) -> None:
        await super().close()
        await self._stop_heart()

    async def _dial(self) -> Link:
        await self._stop_heart()
        settings = self._settings
        link = await open_tcp(TcpSettings(settings.url, settings.host, settings.port, _DIAL_S))
        if settings.register:
            await link.send(settings.register)
        if settings.heartbeat:
            self._heart = asyncio.get_running_loop().create_task(self._beat(link))
        return link

    async def _beat(self, link: Link) -> None:
        try:
            while True:
                await asyncio.sleep(self._settings.every_s)
                await link.send(self._settings.heartbeat)
        except LinkClosed as error:
            _log.debug("no more heartbeats", url=self.url, reason=str(error))

    async def _stop_heart(self) -> None:
        heart, self._heart = self._heart, None
        if heart is not None:
            heart.cancel()
            await asyncio.wait({heart})


class _Accepted(TcpLink):
    """A connection that somebody made to us."""

    __slots__ = ("_carrier",)

    def __init__(self, carrier: TcpCarrier) -> None:
        super().__init__()
        self._carrier = carrier

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._carrier.accepted(self)


class TcpCarrier:
    """A serial server or gateway: it listens, and anybody may connect, several at once."""

    def __init__(self, bus: Bus, clock: Clock, host: str, port: int) -> None:
        self._bus = bus
        self._clock = clock
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"tcp://{host}:{self._port}"

    async def start(self) -> None:
        """Raises `LinkUnreachable` where the port is taken."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Accepted(self), self._host, self._port, backlog=1024)
        except OSError as error:
            raise LinkUnreachable(f"cannot listen on {self.url}: {reason(error)}") from error
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def accepted(self, link: TcpLink) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(link))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, link: TcpLink) -> None:
        try:
            await serve(self._bus.line(), link, self._clock)
        except LinkClosed as error:
            _log.debug("connection ended", url=self.url, reason=str(error))
        finally:
            await link.close()


def made_carrier(settings: CarrierSettings, bus: Bus, clock: Clock) -> Carrier:
    """The carrier that a scenario asks for; it is not started."""
    if isinstance(settings, PtySettings):
        return PtyCarrier(bus, clock, settings.alias)
    if isinstance(settings, ServerSettings):
        return TcpCarrier(bus, clock, settings.host, settings.port)
    if isinstance(settings, DialSettings):
        return DialCarrier(bus, clock, settings)
    other_end = parse_mqtt(swapped(settings.url))
    return Reopening(bus, clock, lambda: open_mqtt(other_end), url=settings.url, wait=True)
