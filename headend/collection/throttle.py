"""How many turns with meters may run at once through one gateway or broker, and how long a line rests between two.

[throttle]
gateway = 4          # turns at once through one host:port; 0: as many as there are lines
broker = 50          # turns at once through one MQTT broker
pause = "200ms"      # from the end of a line's turn to its next
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import msgspec

from headend.collection.line import LinePath
from headend.duration import seconds

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


class ThrottleTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """0 bounds nothing."""

    gateway: int = 0
    broker: int = 0
    pause: str = "0s"


def problems(table: ThrottleTable) -> list[tuple[str, str]]:
    """What types cannot say: (key, what was expected)."""
    found = [
        (key, f"{number}, expected at least 1, or 0 for no bound")
        for key, number in (("gateway", table.gateway), ("broker", table.broker))
        if number < 0
    ]
    try:
        seconds(table.pause)
    except ValueError as error:
        found.append(("pause", str(error)))
    return found


class Throttles:
    """One for all lines of a daemon: lines behind the same gateway or broker share its bound."""

    def __init__(self, table: ThrottleTable) -> None:
        self._table = table
        self._pause_s = seconds(table.pause)
        self._shared: dict[tuple[str, str], asyncio.Semaphore] = {}

    def of(self, path: LinePath) -> Callable[[], AbstractAsyncContextManager[object]]:
        """What a line's turn is held in."""
        shared = self._bound(path.url)
        rest = _Rest(self._pause_s)

        @asynccontextmanager
        async def held() -> AsyncIterator[None]:
            async with AsyncExitStack() as stack:
                await rest.over()
                if shared is not None:
                    await stack.enter_async_context(shared)
                try:
                    yield
                finally:
                    rest.begin()

        return held

    def _bound(self, url: str) -> asyncio.Semaphore | None:
        kind, where = through(url)
        most = {"gateway": self._table.gateway, "broker": self._table.broker}.get(kind, 0)
        return self._shared.setdefault((kind, where), asyncio.Semaphore(most)) if most else None


class _Rest:
    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s
        self._until = 0.0

    def begin(self) -> None:
        self._until = asyncio.get_running_loop().time() + self._pause_s

    async def over(self) -> None:
        if self._pause_s and (left := self._until - asyncio.get_running_loop().time()) > 0.0:
            await asyncio.sleep(left)


def through(url: str) -> tuple[str, str]:
    """("gateway", host:port), ("broker", host:port), or ("", "") for a line of its own."""
    parts = urlsplit(url)
    scheme = parts.scheme.split("+")[-1]
    if scheme in ("tcp", "tcp-listen"):
        return "gateway", f"{parts.hostname}:{parts.port}"
    if scheme in _PORTS:
        return "broker", f"{parts.hostname}:{parts.port or _PORTS[scheme]}"
    return "", ""
