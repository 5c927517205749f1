"""Both ends of every kind of link, and a way to make the path vanish under the end that is tested."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from protocols.links.base import Link
from protocols.links.faults import Faults
from protocols.links.faulty import FaultyLink
from protocols.links.listen import close_listeners
from protocols.links.memory import memory_pair
from protocols.links.open import open_link
from protocols.links.pty import pty_pair
from protocols.links.tcp import TcpLink
from protocols.links.url import swapped
from simulators.broker import embedded_broker
from tests.links.mosquitto import mosquitto_broker
from tests.ports import free_port
from tests.servers import Mosquitto


class Pair(NamedTuple):
    near: Link
    far: Link
    vanish: Callable[[], Awaitable[None]]


@asynccontextmanager
async def memory(_folder: Path) -> AsyncIterator[Pair]:
    near, far = memory_pair()
    yield Pair(near, far, far.close)
    await near.close()


@asynccontextmanager
async def faulty(_folder: Path) -> AsyncIterator[Pair]:
    near, far = memory_pair()
    link = FaultyLink(near, Faults(seed=1), Faults(seed=2))
    yield Pair(link, far, far.close)
    await link.close()


@asynccontextmanager
async def serial(_folder: Path) -> AsyncIterator[Pair]:
    far, path = pty_pair()
    near = await open_link(f"serial://{path}")
    yield Pair(near, far, far.close)
    await near.close()
    await far.close()


@asynccontextmanager
async def tcp(_folder: Path) -> AsyncIterator[Pair]:
    loop = asyncio.get_running_loop()
    accepted: asyncio.Queue[TcpLink] = asyncio.Queue()

    class Accepting(TcpLink):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            accepted.put_nowait(self)

    server = await loop.create_server(Accepting, "127.0.0.1", 0)
    near = await open_link(f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    far = await accepted.get()
    yield Pair(near, far, far.close)
    await near.close()
    await far.close()
    server.close()


@asynccontextmanager
async def tcp_listen(_folder: Path) -> AsyncIterator[Pair]:
    port = free_port()
    opening = asyncio.create_task(open_link(f"tcp-listen://127.0.0.1:{port}?register=DTU-7&heartbeat=ping"))
    await asyncio.sleep(0)  # the task has begun; the socket listens when the loop has answered
    while True:
        try:
            far = await open_link(f"tcp://127.0.0.1:{port}")
            break
        except Exception:
            if opening.done():
                raise
            await asyncio.sleep(0.01)
    await far.send(b"DTU-7")
    near = await opening
    yield Pair(near, far, far.close)
    await near.close()
    await far.close()
    await close_listeners()


@asynccontextmanager
async def _mqtt(broker: str, query: str, stop: Callable[[], Awaitable[None]]) -> AsyncIterator[Pair]:
    url = f"{broker}/meter/7/up?down=meter/7/down{query}"
    near, far = await open_link(url), await open_link(swapped(url))
    yield Pair(near, far, stop)
    await near.close()
    await far.close()


@asynccontextmanager
async def mqtt_embedded(_folder: Path) -> AsyncIterator[Pair]:
    running = embedded_broker()
    broker = await running.__aenter__()
    stopped = False

    async def stop() -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            await running.__aexit__(None, None, None)

    async with _mqtt(broker, "&payload=json&field=chunk", stop) as pair:
        yield pair
    await stop()


def _stop(broker: Mosquitto) -> Callable[[], Awaitable[None]]:
    async def stop() -> None:
        broker.kill()

    return stop


@asynccontextmanager
async def mqtt_mosquitto(folder: Path) -> AsyncIterator[Pair]:
    with mosquitto_broker(folder) as broker:
        async with _mqtt(broker.url, "&payload=hex", _stop(broker)) as pair:
            yield pair


@asynccontextmanager
async def mqtt_raw(folder: Path) -> AsyncIterator[Pair]:
    with mosquitto_broker(folder) as broker:
        async with _mqtt(broker.url, "&qos=0", _stop(broker)) as pair:
            yield pair


KINDS: Mapping[str, Callable[[Path], AbstractAsyncContextManager[Pair]]] = {
    "memory": memory,
    "faulty": faulty,
    "serial": serial,
    "tcp": tcp,
    "tcp-listen": tcp_listen,
    "mqtt-embedded": mqtt_embedded,
    "mqtt-mosquitto": mqtt_mosquitto,
    "mqtt-raw": mqtt_raw,
}
