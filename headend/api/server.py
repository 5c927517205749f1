"""Serves the API in the daemon's own event loop."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from headend.config import Config
from headend.errors import UsageFault

_log = structlog.get_logger("api")
_FIRST_S: Final = 15.0
"""For the head of a connection's first request to come."""
_UNTAKEN_MS: Final = 60_000
"""After which the kernel gives up a client that takes nothing."""
_GRACE_S: Final = 3
_BACKLOG: Final = 128


class Protocol(H11Protocol):
    """Gives up who connects and says nothing, and lets an answer be cut."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "abort": transport.abort}
        self._silent = self.loop.call_later(_FIRST_S, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._silent.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if self.cycle is None:
            self.transport.abort()


class _Server(uvicorn.Server):
    """Signals are the daemon's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Served:
    """`address` is host:port as it is bound."""

    def __init__(self, address: str, scheme: str) -> None:
        self.address = address
        self.url = f"{scheme}://{address}"


@asynccontextmanager
async def served(config: Config, app: ASGIApp) -> AsyncIterator[Served]:
    """Listens while the block runs. Raises `UsageFault` where the address or a certificate cannot be had."""
    table = config.api
    context = tls_of(config)
    bound = _bind(table.host, table.port)
    settings: dict[str, Any] = {
        "lifespan": "off", "log_config": None, "access_log": False, "server_header": False, "proxy_headers": False,
        "ws": "none", "http": Protocol, "limit_concurrency": table.connections, "timeout_keep_alive": 30,
        "timeout_graceful_shutdown": _GRACE_S,
    }  # fmt: skip
    if context is not None:
        settings["ssl_context_factory"] = lambda _config, _make: context
    server = _Server(uvicorn.Config(app, **settings))
    task = asyncio.create_task(server.serve([bound]), name="api")
    task.add_done_callback(_tell)
    host, port = bound.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    found = Served(f"{shown}:{port}", "http" if context is None else "https")
    _log.info("api", url=found.url)
    try:
        yield found
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.gather(*server.server_state.tasks, return_exceptions=True)  # they were cancelled, not waited for
        bound.close()


def _tell(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("the API has ended", reason=repr(task.exception()))


def _bind(host: str, port: int) -> socket.socket:
    try:
        kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(kind, socket.SOCK_STREAM)
    except OSError as error:
        raise UsageFault(f"api.listen: {host}:{port}: {error.strerror}") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNTAKEN_MS)  # accepted sockets inherit it
        bound.bind(address)
        bound.listen(_BACKLOG)  # who connects before the server has begun waits
    except OSError as error:
        bound.close()
        raise UsageFault(f"api.listen: {host}:{port}: {error.strerror}") from error
    bound.setblocking(False)
    return bound


def tls_of(config: Config) -> ssl.SSLContext | None:
    """Raises `UsageFault`."""
    table = config.api
    if not table.certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(config.folder / table.certificate, config.folder / table.key)
        if table.client_ca:
            context.load_verify_locations(config.folder / table.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise UsageFault(f"api.certificate, key or client_ca: {error}") from error
    return context
