"""Publishing at QoS 1 as fast as a broker takes it, and an account of what it has acknowledged (MQTT 3.1.1).

The few packets that publishing takes are written here: a client library's objects around each message would take more
time than all the rest. What was not acknowledged when a connection is lost is sent again on the next one, marked DUP.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog

from protocols.links.broker import tls_context
from protocols.links.reasons import reason
from protocols.links.url import BrokerSettings

_KEEPALIVE_S: Final = 60
_AGAIN_S: Final = 0.5
_WELCOME_S: Final = 10.0
_CONNACK, _PUBACK, _PINGREQ = 0x20, 0x40, b"\xc0\x00"
_PUBLISH, _DUP = 0x32, 0x08
_IDS: Final = 65_535

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class PublishCounters:
    """`published`: different messages, `sent`: with those sent again after a lost connection."""

    published: int = 0
    sent: int = 0
    acknowledged: int = 0
    bytes: int = 0
    connects: int = 0
    losses: int = 0


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">H", len(raw)) + raw


def _packet(head: int, body: bytes) -> bytes:
    length, size = b"", len(body)
    while True:
        size, digit = divmod(size, 128)
        length += bytes((digit | (0x80 if size else 0),))
        if not size:
            return bytes((head,)) + length + body


def _connect(settings: BrokerSettings, client_id: str) -> bytes:
    """Our session begins afresh: what was not acknowledged we know ourselves."""
    flags, tail = 0x02, _text(client_id)
    if settings.username is not None:
        flags |= 0x80
        tail += _text(settings.username)
        if settings.password is not None:
            flags |= 0x40
            tail += _text(settings.password)
    return _packet(0x10, _text("MQTT") + bytes((4, flags)) + struct.pack(">H", _KEEPALIVE_S) + tail)


class _Path(asyncio.Protocol):
    """One connection."""

    def __init__(self, acknowledged: Callable[[int], None]) -> None:
        loop = asyncio.get_running_loop()
        self.welcome: asyncio.Future[int] = loop.create_future()
        self.lost: asyncio.Future[str] = loop.create_future()
        self.writable = asyncio.Event()
        self.writable.set()
        self._acknowledged = acknowledged
        self._held = b""

    def data_received(self, data: bytes) -> None:
        data = self._held + data
        at = 0
        while len(data) - at >= 2 and len(data) - at >= 2 + data[at + 1]:  # none of what comes is longer than 127 bytes
            kind, end = data[at] & 0xF0, at + 2 + data[at + 1]
            if kind == _PUBACK:
                self._acknowledged(data[at + 2] << 8 | data[at + 3])
            elif kind == _CONNACK and not self.welcome.done():
                self.welcome.set_result(data[at + 3])
            at = end
        self._held = data[at:]

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.writable.set()
        if not self.lost.done():
            self.lost.set_result(reason(error) if isinstance(error, OSError) else "closed by the broker")


class Publisher:
    """Connects by itself and again. `told` hears of every message's acknowledgement, once."""

    def __init__(
        self, settings: BrokerSettings, client_id: str, in_flight: int, told: Callable[[object], None]
    ) -> None:
        self.counters = PublishCounters()
        self._settings = settings
        self._connect = _connect(settings, client_id)
        self._most = in_flight
        self._told = told
        self._in_flight: dict[int, tuple[bytes, object]] = {}
        self._free: deque[int] = deque(range(1, min(_IDS, in_flight + 1) + 1))
        self._room = asyncio.Event()
        self._room.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._path: tuple[_Path, asyncio.Transport] | None = None
        self._back = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Published and not acknowledged."""
        return len(self._in_flight)

    async def publish(self, topic: str, payload: bytes, token: object) -> None:
        """Returns when it is on its way, which may be long after the broker went away; `token` is what `told` hears."""
        while len(self._in_flight) >= self._most:
            self._room.clear()
            await self._room.wait()
        while self._path is None:
            await self._back.wait()
        path, transport = self._path
        number = self._free.popleft()
        packet = _packet(_PUBLISH, _text(topic) + struct.pack(">H", number) + payload)
        self._in_flight[number] = (packet, token)
        self._idle.clear()
        self.counters.published += 1
        self._send(transport, packet)
        if not path.writable.is_set():
            await path.writable.wait()

    async def drained(self) -> None:
        """Returns when everything published has been acknowledged."""
        await self._idle.wait()

    async def run(self) -> None:
        """Until cancelled."""
        told = ""
        while True:
            try:
                why = await self._connection()
                self.counters.losses += 1
                told = ""
            except (OSError, TimeoutError) as error:
                why = reason(error) if isinstance(error, OSError) and error.errno else str(error) or "no answer"
            if why != told:
                _log.info("no broker for the fleet that pushes", broker=self._settings.name, reason=why)
                told = why
            await asyncio.sleep(_AGAIN_S)

    async def _connection(self) -> str:
        settings = self._settings
        tls = tls_context(settings.tls) if settings.tls else None
        loop = asyncio.get_running_loop()
        transport, path = await loop.create_connection(
            lambda: _Path(self._acknowledged), settings.host, settings.port, ssl=tls
        )
        try:
            transport.write(self._connect)
            async with asyncio.timeout(_WELCOME_S):
                waiting: set[asyncio.Future[Any]] = {path.welcome, path.lost}
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not path.welcome.done():
                raise ConnectionError(path.lost.result())
            if path.welcome.result():
                raise ConnectionError(f"the broker refuses us: return code {path.welcome.result()}")
            self.counters.connects += 1
            for packet, _ in list(self._in_flight.values()):
                self._send(transport, bytes((packet[0] | _DUP,)) + packet[1:])
            self._path = (path, transport)
            self._back.set()
            while not path.lost.done():
                await asyncio.wait({path.lost}, timeout=_KEEPALIVE_S / 2)
                if not path.lost.done():
                    transport.write(_PINGREQ)
            return path.lost.result()
        finally:
            self._path = None
            self._back.clear()
            transport.close()

    def _send(self, transport: asyncio.Transport, packet: bytes) -> None:
        transport.write(packet)
        self.counters.sent += 1
        self.counters.bytes += len(packet)

    def _acknowledged(self, number: int) -> None:
        found = self._in_flight.pop(number, None)
        if found is None:
            return
        self._free.append(number)
        self.counters.acknowledged += 1
        if not self._in_flight:
            self._idle.set()
        self._room.set()
        self._told(found[1])
