"""One connection to an MQTT broker, shared by all links of the process that speak through it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol, TypeVar
from weakref import WeakKeyDictionary

import aiomqtt
import structlog
from paho.mqtt.reasoncodes import ReasonCode

from protocols.errors import LinkClosed, LinkUnreachable
from protocols.links.reasons import reason
from protocols.links.url import BrokerSettings, TlsSettings

T = TypeVar("T")

KEEPALIVE_S: Final = 60
"""Never 0: brokers exist that deliver nothing then."""
_IN_FLIGHT: Final = 200
_QUEUED: Final = 10_000
"""Messages between the socket and the links' inboxes, which empty it at once."""
_SOCKET_OPTIONS: Final = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
"""paho leaves Nagle's algorithm on: 40 ms for every second message."""

_log = structlog.get_logger(__name__)


class Listening(Protocol):
    """What a broker connection asks of a link."""

    def arrived(self, payload: bytes, *, retained: bool) -> None: ...

    def ended(self, why: str) -> None: ...


class BrokerConnection:
    """Connects when made; closes when its last link leaves; ended once the broker is lost, never connects again."""

    def __init__(self, settings: BrokerSettings, timeout_s: float, forget: Callable[[], object]) -> None:
        self._settings = settings
        self._timeout_s = timeout_s
        self._forget = forget
        self._links: dict[str, list[Listening]] = {}
        self._users = 0
        loop = asyncio.get_running_loop()
        self._client: asyncio.Future[aiomqtt.Client] = loop.create_future()
        self._client.add_done_callback(lambda future: future.exception())  # perhaps nobody waits for it any more
        self._lost: asyncio.Future[str] = loop.create_future()
        self._task = loop.create_task(self._run())

    def join(self) -> None:
        """One more user. Every `join` needs a `leave`."""
        self._users += 1

    async def leave(self) -> None:
        """The last user's leaving ends the connection and waits for the end."""
        self._users -= 1
        if self._users:
            return
        self._forget()
        if self._client.done() and not self._lost.done():
            self._task.cancel()
            await asyncio.wait({self._task})

    async def ready(self, timeout_s: float) -> None:
        """Raises `LinkUnreachable`."""
        waiting: set[asyncio.Future[Any]] = {self._client, self._task}
        await asyncio.wait(waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if not self._client.done():
            if self._task.done():
                self._task.result()
            raise LinkUnreachable(f"{self._settings.name}: {_silence(timeout_s)}")
        self._client.result()

    async def subscribe(self, topic: str, qos: int, link: Listening) -> None:
        """Returns when the broker has acknowledged. Raises `LinkUnreachable`."""
        self._links.setdefault(topic, []).append(link)
        try:
            codes = await self._done(self._client.result().subscribe(topic, qos))
        except LinkClosed as error:
            raise LinkUnreachable(str(error)) from error
        if any(code.is_failure if isinstance(code, ReasonCode) else code >= 0x80 for code in codes):
            raise LinkUnreachable(f"{self._settings.name}: the broker refuses the subscription to {topic!r}")

    async def unsubscribe(self, topic: str, link: Listening) -> None:
        links = self._links.get(topic, [])
        if link not in links:
            return
        links.remove(link)
        if links:
            return
        del self._links[topic]
        if self._users > 1 and self._client.done() and not self._lost.done():
            try:
                await self._done(self._client.result().unsubscribe(topic))
            except LinkClosed as error:
                _log.info("broker lost while unsubscribing", broker=self._settings.name, reason=str(error))

    async def publish(self, topic: str, payload: bytes, qos: int) -> None:
        """Returns when the broker has taken it (with QoS 1: acknowledged). Raises `LinkClosed`."""
        await self._done(self._client.result().publish(topic, payload, qos))

    async def _done(self, call: Coroutine[Any, Any, T]) -> T:
        if self._lost.done():
            call.close()
            raise LinkClosed(self._lost.result())
        task = asyncio.get_running_loop().create_task(call)
        try:
            waiting: set[asyncio.Future[Any]] = {task, self._lost}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
        except aiomqtt.MqttError as error:
            raise LinkClosed(f"{self._settings.name}: {error}") from error
        finally:
            task.cancel()
        raise LinkClosed(self._lost.result())

    async def _run(self) -> None:
        why = f"{self._settings.name}: closed by us"
        try:
            await self._converse(self._made())
        except (aiomqtt.MqttError, OSError) as error:
            why = f"{self._settings.name}: {_why(error, self._timeout_s)}"
            if not self._client.done():
                self._client.set_exception(LinkUnreachable(why))
            else:
                why = f"the connection to the broker {self._settings.name} was lost"
                _log.warning("broker connection lost", broker=self._settings.name, reason=str(error))
        finally:
            self._forget()
            self._lost.set_result(why)
            for links in list(self._links.values()):
                for link in list(links):
                    link.ended(why)

    async def _converse(self, client: aiomqtt.Client) -> None:
        try:
            async with client:
                self._client.set_result(client)
                if self._users:
                    async for message in client.messages:
                        self._deliver(message)
        finally:
            if not self._client.done():
                client._client.disconnect()  # aiomqtt leaves the socket open when the broker does not welcome us

    def _made(self) -> aiomqtt.Client:
        settings = self._settings
        client = aiomqtt.Client(
            settings.host,
            settings.port,
            username=settings.username,
            password=settings.password,
            protocol=aiomqtt.ProtocolVersion.V311,
            keepalive=KEEPALIVE_S,
            clean_session=True,
            tls_context=tls_context(settings.tls) if settings.tls else None,
            timeout=self._timeout_s,
            max_inflight_messages=_IN_FLIGHT,
            socket_options=_SOCKET_OPTIONS,
            max_queued_incoming_messages=_QUEUED,
        )
        client.pending_calls_threshold = _IN_FLIGHT  # one call a line at a time is no cause for a warning
        return client

    def _deliver(self, message: aiomqtt.Message) -> None:
        payload = message.payload
        for link in list(self._links.get(message.topic.value, [])):
            link.arrived(payload if isinstance(payload, bytes) else str(payload).encode(), retained=message.retain)


def tls_context(settings: TlsSettings) -> ssl.SSLContext:
    """Raises `OSError` for a file that cannot be read."""
    context = ssl.create_default_context(cafile=settings.cafile)
    if settings.certfile:
        context.load_cert_chain(settings.certfile, settings.keyfile)
    return context


def _silence(timeout_s: float) -> str:
    return f"the broker does not answer within {timeout_s:g} s"


def _why(error: aiomqtt.MqttError | OSError, timeout_s: float) -> str:
    if isinstance(error, aiomqtt.MqttCodeError):
        code = error.rc
        return f"the broker refuses us: {code.getName() if isinstance(code, ReasonCode) else error}"
    cause = error if isinstance(error, OSError) else error.__context__
    if isinstance(cause, TimeoutError):
        return _silence(timeout_s)
    if isinstance(cause, FileNotFoundError):
        return "a TLS file (cafile, certfile, keyfile) does not exist"
    return reason(cause) if isinstance(cause, OSError) else str(error)


_connections: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[BrokerSettings, BrokerConnection]]] = (
    WeakKeyDictionary()
)


def broker_connection(settings: BrokerSettings, timeout_s: float) -> BrokerConnection:
    """The connection that this process has to the broker, or a new one; `join` it before the next await.

    `timeout_s` is how long a new one waits for whatever the broker has to acknowledge.
    """
    ours = _connections.setdefault(asyncio.get_running_loop(), {})
    found = ours.get(settings)
    if found is None:

        def forget() -> None:
            if ours.get(settings) is made:
                del ours[settings]

        made = BrokerConnection(settings, timeout_s, forget)
        found = ours[settings] = made
    return found
