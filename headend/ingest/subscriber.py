"""Keeps one subscription alive: connects, connects again with growing pauses, hands messages on."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Final

import structlog

from headend.ingest.connection import Connection, ConnectionCounters, Terms
from headend.ingest.hold import Hold
from protocols.errors import LinkUnreachable
from protocols.links.broker import tls_context
from protocols.links.reasons import reason
from protocols.links.url import BrokerSettings

_log = structlog.get_logger("ingest")

CONNECT_S: Final = 10.0
_LONGEST_PAUSE_S: Final = 60.0
_LASTING_S: Final = 10.0
"""A connection that stood so long was a good one: the next attempt need not wait."""


class Subscriber:
    """`run` until `stop`. Messages go to `hold`, and the socket is not read while that has no room."""

    def __init__(self, name: str, broker: BrokerSettings, terms: Terms, hold: Hold) -> None:
        self.counters = ConnectionCounters()
        self.granted: dict[str, Any] = {}
        """What the broker said when it took us."""
        self._name = name
        self._broker = broker
        self._terms = terms
        self._hold = hold
        self._connection: Connection | None = None
        self._stopping = asyncio.Event()
        hold.on_room = self._room

    @property
    def is_connected(self) -> bool:
        connection = self._connection
        return connection is not None and connection.welcome.done() and not connection.lost.done()

    @property
    def is_paused(self) -> bool:
        return self._connection is not None and self._connection.is_paused

    @property
    def unacknowledged(self) -> int:
        return self._connection.unacknowledged if self.is_connected and self._connection else 0

    def stop(self) -> None:
        """Read no more and connect no more; acknowledgements can still be sent, until `close`."""
        self._stopping.set()
        if self._connection:
            self._connection.quiet()

    async def close(self) -> None:
        """Good-bye to the broker, which keeps the session."""
        self.stop()
        connection = self._connection
        if connection is None or connection.lost.done():
            return
        connection.close()
        done, _ = await asyncio.wait({connection.lost}, timeout=5)
        if not done:
            connection.abort("closed by us")

    def drop(self) -> None:
        """Without good-bye, where there still is a connection."""
        if self._connection and not self._connection.lost.done():
            self._connection.abort("given up")

    async def run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            began = asyncio.get_running_loop().time()
            try:
                why = await self._converse()
                lasted = asyncio.get_running_loop().time() - began
                failures = 0 if lasted > _LASTING_S else failures + 1
            except (LinkUnreachable, OSError) as error:
                self.counters.refusals += 1
                failures += 1
                why = str(error) if isinstance(error, LinkUnreachable) else reason(error)
            if self._stopping.is_set():
                return
            pause = min(_LONGEST_PAUSE_S, 0.25 * 2 ** min(failures, 10)) * random.uniform(0.75, 1.25)
            _log.warning("broker away", push=self._name, broker=self._broker.name, reason=why, again_s=round(pause, 1))
            try:
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
            except TimeoutError:
                pass

    async def _converse(self) -> str:
        """From connecting to the end of the connection; why it ended. Raises `LinkUnreachable`, `OSError`."""
        connection = await open_connection(self._broker, self._terms, self._hold, self.counters)
        self._connection = connection
        self.granted = connection.welcome.result()
        self.counters.connects += 1
        kept = bool(self.granted["session_present"])
        _log.info("subscribed", push=self._name, broker=self._broker.name, session_kept=kept)
        if self._stopping.is_set():
            connection.quiet()
        try:
            why = await asyncio.shield(connection.lost)
        finally:
            self._hold.forget(connection)
        if not self._stopping.is_set():
            self.counters.losses += 1
        return why

    def _room(self) -> None:
        if self._connection:
            self._connection.resume()


async def open_connection(broker: BrokerSettings, terms: Terms, hold: Hold, counters: ConnectionCounters) -> Connection:
    """Connected and subscribed. Raises `LinkUnreachable`, `OSError`."""
    loop = asyncio.get_running_loop()
    context = await asyncio.to_thread(tls_context, broker.tls) if broker.tls else None
    connection = Connection(terms, hold.put, lambda: hold.has_room, counters)
    try:
        async with asyncio.timeout(CONNECT_S):
            await loop.create_connection(
                lambda: connection,
                broker.host,
                broker.port,
                ssl=context,
                server_hostname=broker.host if context else None,
            )
            await asyncio.shield(connection.welcome)
    except TimeoutError:
        connection.abort("the broker does not answer")
        hold.forget(connection)
        raise LinkUnreachable(f"the broker does not answer within {CONNECT_S:g} s") from None
    except BaseException:
        connection.abort("given up")
        hold.forget(connection)
        raise
    return connection
