"""Lines through an MQTT broker: a DTU that publishes what it hears and says what it is sent."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from protocols.links.base import Inbox
from protocols.links.broker import BrokerConnection, broker_connection
from protocols.links.payload import PAYLOADS
from protocols.links.url import MqttSettings

_log = structlog.get_logger(__name__)


class MqttLink:
    """`bad_payloads` counts messages that were not of the form that the URL says, `retained` those that the broker
    had kept: an answer from before our question. Both are dropped."""

    def __init__(self, settings: MqttSettings, broker: BrokerConnection) -> None:
        self.bad_payloads = 0
        self.retained = 0
        self._settings = settings
        self._broker = broker
        self._payload = PAYLOADS[settings.payload]
        self._inbox = Inbox()
        self._open = True

    async def send(self, data: bytes) -> None:
        self._inbox.check()
        settings = self._settings
        await self._broker.publish(settings.down, self._payload.encode(data, settings.field), settings.qos)

    def receive(self, until: float | None = None) -> Coroutine[Any, Any, bytes]:
        return self._inbox.take(until)

    def receive_nowait(self) -> bytes:
        return self._inbox.take_nowait()

    def listen(self, heard: Callable[[], None]) -> None:
        self._inbox.listen(heard)

    async def close(self) -> None:
        self._inbox.close("closed by us")
        if self._open:
            self._open = False
            try:
                await self._broker.unsubscribe(self._settings.up, self)
            finally:
                await self._broker.leave()

    def arrived(self, payload: bytes, *, retained: bool) -> None:
        if retained:
            self.retained += 1
            return
        try:
            data = self._payload.decode(payload, self._settings.field)
        except ValueError as error:
            self.bad_payloads += 1
            _log.warning(
                "message dropped",
                topic=self._settings.up,
                reason=str(error)[:200],
                payload=payload[:64],
                dropped=self.bad_payloads,
            )
            return
        self._inbox.put(data)

    def ended(self, why: str) -> None:
        self._inbox.close(why)


async def open_mqtt(settings: MqttSettings) -> MqttLink:
    """Connected, and the subscription acknowledged. Raises `LinkUnreachable`."""
    broker = broker_connection(settings.broker, settings.timeout)
    broker.join()
    link = MqttLink(settings, broker)
    try:
        await broker.ready(settings.timeout)
        await broker.subscribe(settings.up, settings.qos, link)
    except BaseException:
        await link.close()
        raise
    return link
