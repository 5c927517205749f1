"""One connection to a broker: asyncio does the I/O, paho the protocol, we the stream of messages and the keep-alive.

PUBLISH and PUBACK, of which there are thousands a second, are read and written here; paho takes most of its time for
objects around them (measured in ADR 0012). Everything else that is said is paho's.

paho's own keep-alive gives a connection up when it does not read the broker's answer; we do not read while the
database is away, for as long as that lasts. So pings are sent on time and only a connection that is being read has to
show that it lives.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from headend.ingest.held import Held
from headend.ingest.pipe import Pipe
from headend.ingest.publish import PUBLISH, Publish, acknowledgements, publish_at
from protocols.errors import LinkUnreachable

_log = structlog.get_logger("ingest")

_READ: Final = 65_536
_TAKEN_OVER: Final = 142
_NEW_SUBSCRIPTION_ONLY: Final = 1
"""MQTT 5, 3.8.3.1: what was kept is sent when the subscription is new, not at every connection."""


@dataclass(frozen=True, slots=True)
class Status:
    """What the broker is told to say of us: `online` when we come, `offline` when we go or are gone."""

    topic: str
    online: str
    offline: str
    retain: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """How we introduce ourselves. `session_expiry_s` 0: nothing is kept for us, and we begin afresh."""

    client_id: str
    username: str | None
    password: str | None = field(repr=False)
    version: str
    keepalive_s: int
    session_expiry_s: int
    receive_maximum: int
    filters: tuple[str, ...]
    status: Status | None = None


@dataclass(slots=True)
class ConnectionCounters:
    """Over all connections of a subscriber."""

    messages: int = 0
    bytes: int = 0
    repeated: int = 0
    acknowledged: int = 0
    connects: int = 0
    losses: int = 0
    refusals: int = 0
    """Attempts that came to nothing."""
    excess: int = 0
    """Messages beyond the Receive Maximum that we stated."""


class _Codec(mqtt.Client):
    """paho over a `Pipe`."""

    pipe: Pipe

    def _create_socket(self) -> Any:
        self.pipe = Pipe()
        return self.pipe

    @property
    def is_between(self) -> bool:
        """No packet is half read."""
        return self._in_packet["command"] == 0

    def ping(self) -> None:
        self._send_pingreq()


class Connection(asyncio.BufferedProtocol):
    """`welcome` tells what the broker grants once it has taken the subscriptions, or raises `LinkUnreachable`; `lost`
    why it ended. While `has_room` says no the socket is not read, until `resume`."""

    def __init__(
        self,
        terms: Terms,
        take: Callable[[Held], None],
        has_room: Callable[[], bool],
        counters: ConnectionCounters,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.welcome: asyncio.Future[dict[str, Any]] = loop.create_future()
        self.welcome.add_done_callback(lambda future: future.cancelled() or future.exception())
        self.lost: asyncio.Future[str] = loop.create_future()
        self.unacknowledged = 0
        self.is_paused = False
        self._terms = terms
        self._take = take
        self._has_room = has_room
        self._counters = counters
        self._loop = loop
        self._buffer = memoryview(bytearray(_READ))  # asyncio's TLS reads into slices, which of a bytearray are copies
        self._transport: asyncio.Transport | None = None
        self._quiet = False
        self._why = ""
        self._granted: dict[str, Any] = {}
        self._told_excess = False
        self._heard = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._client = self._made()

    # -- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._heard = self._loop.time()
        terms = self._terms
        more: dict[str, Any] = {}
        if terms.version == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.ReceiveMaximum = terms.receive_maximum
            properties.SessionExpiryInterval = terms.session_expiry_s
            more = {"clean_start": terms.session_expiry_s == 0, "properties": properties}
        self._client.connect("broker", keepalive=terms.keepalive_s, **more)
        self._flush()
        self._tick()

    def get_buffer(self, sizehint: int) -> Any:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._heard = self._loop.time()
        self._client.pipe.feed(bytes(self._buffer[:nbytes]))
        self._work()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()
        self._transport = None
        why = self._why or (str(exc) if exc else "the broker closed the connection")
        if not self.welcome.done():
            self.welcome.set_exception(LinkUnreachable(why))
        if not self.lost.done():
            self.lost.set_result(why)

    # -- our side

    def acknowledge(self, numbers: Sequence[int]) -> None:
        """In the order given. Nothing happens when the connection is gone: its ids mean nothing any more."""
        if self._transport is None or self._client.pipe.closed:
            return
        self._flush()
        self._transport.write(acknowledgements(numbers))
        self.unacknowledged -= len(numbers)
        self._counters.acknowledged += len(numbers)

    def resume(self) -> None:
        """There may be room again."""
        if self.is_paused and not self._quiet and self._has_room():
            self._work()

    def quiet(self) -> None:
        """Read no more; acknowledgements can still be sent."""
        self._quiet = True
        self._pause()

    def close(self) -> None:
        """Say good-bye: the broker keeps the session. `lost` is done when the connection is closed."""
        if self._transport is None:
            return
        self._why = self._why or "closed by us"
        if self._client.pipe.closed:
            return
        status = self._terms.status
        if status and self.welcome.done() and not self.welcome.exception():
            self._client.publish(status.topic, status.offline, qos=0, retain=status.retain)
        self._client.disconnect()
        self._flush()

    def abort(self, why: str) -> None:
        """Without good-bye."""
        self._why = self._why or why
        if self._transport is not None:
            self._transport.abort()

    # -- between

    def _made(self) -> _Codec:
        terms = self._terms
        is_5 = terms.version == "5"
        client = _Codec(
            CallbackAPIVersion.VERSION2,
            client_id=terms.client_id,
            protocol=mqtt.MQTTv5 if is_5 else mqtt.MQTTv311,
            clean_session=None if is_5 else terms.session_expiry_s == 0,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        if terms.username is not None:
            client.username_pw_set(terms.username, terms.password)
        if terms.status:
            client.will_set(terms.status.topic, terms.status.offline, qos=1, retain=terms.status.retain)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        return client

    def _work(self) -> None:
        """Take what has been received, message by message, as long as there is room."""
        pipe = self._client.pipe
        try:
            while pipe.waiting and not pipe.closed and not self._quiet:
                if not self._has_room() or not self._next():
                    break
        except (ValueError, IndexError, struct.error) as error:
            self.abort(f"what the broker sent is no MQTT: {error}")
            return
        if not self._has_room() or self._quiet:
            self._pause()
        elif self.is_paused and self._transport is not None:
            self.is_paused = False
            self._heard = self._loop.time()
            self._transport.resume_reading()
        self._flush()

    def _next(self) -> bool:
        """One packet, or as much of it as there is. False: wait for the rest."""
        client = self._client
        data, start = client.pipe.ahead
        if not client.is_between or data[start] & 0xF0 != PUBLISH:
            client.loop_read()
            return True
        found = publish_at(data, start, is_5=self._terms.version == "5")
        if found is not None:
            client.pipe.skip_to(found.end)
            self._take_up(found)
            return True
        if client.pipe.waiting < _READ:
            return False
        client.loop_read()  # a long message is gathered by paho
        return True

    def _pause(self) -> None:
        if not self.is_paused and self._transport is not None and not self._transport.is_closing():
            self.is_paused = True
            self._transport.pause_reading()

    def _flush(self) -> None:
        client, transport = self._client, self._transport
        if client.want_write():
            client.loop_write()
        data = client.pipe.taken()
        if transport is None:
            return
        if data:
            transport.write(data)
        if client.pipe.closed:
            transport.close()

    def _tick(self) -> None:
        """Half a keep-alive has passed."""
        keepalive = self._client.keepalive or self._terms.keepalive_s
        silent = self._loop.time() - self._heard
        if not self.is_paused and silent > keepalive * 1.5:
            self.abort(f"the broker has been silent for {silent:.0f} s")
            return
        if self.welcome.done() and not self._client.pipe.closed:
            self._client.ping()
            self._flush()
        self._timer = self._loop.call_later(keepalive / 2, self._tick)

    # -- paho's side

    def _on_connect(self, client: mqtt.Client, _: Any, flags: Any, code: ReasonCode, properties: Any) -> None:
        if code.is_failure:
            self._why = f"the broker refuses us: {code.getName()}"
            return
        self._granted = dict(vars(properties)) if properties is not None else {}
        self._granted["session_present"] = flags.session_present
        if self._terms.version == "5":
            options = SubscribeOptions(qos=1, retainHandling=_NEW_SUBSCRIPTION_ONLY)
            client.subscribe([(name, options) for name in self._terms.filters])
        else:
            client.subscribe([(name, 1) for name in self._terms.filters])
        if flags.session_present:  # the broker may send thousands of messages before it answers
            self._welcomed()

    def _on_subscribe(self, client: mqtt.Client, _: Any, number: int, codes: Any, properties: Any) -> None:
        refused = [code.getName() for code in codes if code.is_failure]
        if refused:
            self.abort(f"the broker refuses the subscription to {self._terms.filters[0]!r}: {refused[0]}")
            return
        status = self._terms.status
        if status:
            client.publish(status.topic, status.online, qos=0, retain=status.retain)
        self._welcomed()

    def _welcomed(self) -> None:
        if not self.welcome.done():
            self.welcome.set_result(self._granted)

    def _on_message(self, client: mqtt.Client, _: Any, message: mqtt.MQTTMessage) -> None:
        topic = message._topic.decode("utf-8", "backslashreplace")
        number = message.mid if message.qos else 0
        self._take_up(Publish(topic, bytes(message.payload), number, message.dup or message.retain, 0))

    def _take_up(self, message: Publish) -> None:
        counters = self._counters
        counters.messages += 1
        counters.bytes += len(message.payload)
        counters.repeated += message.repeated
        if message.number:
            self.unacknowledged += 1
            if self.unacknowledged > self._terms.receive_maximum and self._terms.version == "5":
                counters.excess += 1
                self._tell_excess()
        self._take(Held(message.topic, message.payload, time.time_ns() // 1000, message.repeated, message.number, self))

    def _tell_excess(self) -> None:
        if not self._told_excess:
            self._told_excess = True
            _log.warning("the broker sends more than the Receive Maximum", receive_maximum=self._terms.receive_maximum)

    def _on_disconnect(self, client: mqtt.Client, _: Any, flags: Any, code: ReasonCode, properties: Any) -> None:
        if not flags.is_disconnect_packet_from_server:
            return
        self._why = f"the broker ends the connection: {code.getName()}"
        if code.value == _TAKEN_OVER:
            self._why += f" (another client calls itself {self._terms.client_id!r})"
