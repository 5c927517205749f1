"""What meters tell of themselves when they lose or regain their supply: a small JSON message over MQTT."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta, timezone
from typing import Final
from urllib.parse import urlsplit

import aiomqtt
import structlog

from simulators.meter import VirtualMeter

_MOST: Final = 200_000
"""Messages that wait for the broker."""
_AGAIN_S: Final = 1.0
_KEEPALIVE_S: Final = 30

_log = structlog.get_logger(__name__)


class Teller:
    """Publishes to ``mqtt://host:port/topic`` at QoS 1; ``{meter}`` and ``{bus}`` in the topic stand for the names."""

    def __init__(self, url: str, bus: str) -> None:
        """Raises `ValueError`."""
        parts = urlsplit(url)
        self._topic = parts.path.removeprefix("/").replace("{bus}", bus)
        if parts.scheme != "mqtt" or not parts.hostname or not self._topic:
            raise ValueError(f"{url!r}: expected mqtt://host:port/topic")
        self._host, self._port = parts.hostname, parts.port or 1883
        self._waiting: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(_MOST)

    def tell(self, meter: VirtualMeter, event: str, now: datetime) -> None:
        """Queue it; with a full queue it is lost, as with a meter whose capacitor is empty."""
        zone = timezone(timedelta(seconds=meter.utc_offset_s))
        message = {"meter": meter.name, "event": event, "time": now.astimezone(zone).isoformat(timespec="seconds")}
        try:
            self._waiting.put_nowait((self._topic.replace("{meter}", meter.name), json.dumps(message).encode()))
        except asyncio.QueueFull:
            _log.warning("a meter's message is lost, the broker is away", meter=meter.name, event=event)

    async def run(self) -> None:
        """Until cancelled; connects again when the broker went away, and sends once more what was not acknowledged."""
        pending: tuple[str, bytes] | None = None
        while True:
            try:
                async with aiomqtt.Client(self._host, self._port, keepalive=_KEEPALIVE_S) as client:
                    while True:
                        pending = pending or await self._waiting.get()
                        await client.publish(*pending, qos=1)
                        pending = None
            except aiomqtt.MqttError as error:
                _log.info("no broker for what meters tell", reason=str(error))
                await asyncio.sleep(_AGAIN_S)
