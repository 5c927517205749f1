"""A Modbus TCP gateway with simulated meters behind it that takes several requests at once, and notes how many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress

from headend.collection.survey import MeterPath
from protocols.errors import LinkClosed, LinkUnreachable
from protocols.exchange import Noise
from protocols.links.memory import MemoryLink, memory_pair
from protocols.modbus.tcp import TcpFrame, TcpReader
from simulators.modbus import ModbusStations
from tests.headend.virtual_time import START
from tests.simulators.meters import meter, plate

MODEL = "eastron_sdm630"


class Gateway:
    """Units 1 to `count`. The first answer waits until `together` requests are there; each takes `thinks_s`."""

    def __init__(self, count: int, together: int = 1, thinks_s: float = 0.0) -> None:
        self.meters = [MeterPath(unit, f"m{unit}", str(unit), plate(MODEL).model) for unit in range(1, count + 1)]
        self.stations = ModbusStations([meter(unit, MODEL, address=str(unit)) for unit in range(1, count + 1)], "tcp")
        self.thinks_s = thinks_s
        self.silent: set[int] = set()
        self.unplugged = False
        self.connections = 0
        self.asked: list[int] = []
        self.in_flight = 0
        self.most = 0
        self._together = together
        self._all_there = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._links: list[MemoryLink] = []

    def hear(self, frame: TcpFrame, send: Callable[[bytes], Awaitable[None]]) -> None:
        self.asked.append(frame.unit)
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        if self.in_flight >= self._together:
            self._all_there.set()
        task = asyncio.create_task(self._answer(frame, send))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, frame: TcpFrame, send: Callable[[bytes], Awaitable[None]]) -> None:
        await self._all_there.wait()
        await asyncio.sleep(self.thinks_s)
        self.in_flight -= 1
        if frame.unit not in self.silent:
            with suppress(LinkClosed):
                for raw in self.stations.answers(frame, START):
                    await send(raw)

    @asynccontextmanager
    async def on_tcp(self) -> AsyncIterator[str]:
        """Behind a port, as a link's URL."""

        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            frames = TcpReader()

            async def send(raw: bytes) -> None:
                writer.write(raw)

            while chunk := await reader.read(4096):
                for event in frames.feed(chunk):
                    if not isinstance(event, Noise):
                        self.hear(event, send)
            writer.close()

        async with await asyncio.start_server(converse, "127.0.0.1", 0) as server:
            yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def open(self, _url: str, _defaults: Mapping[str, str]) -> MemoryLink:
        """An opener as `protocols.links.open.SCHEMES` holds them; it takes its time."""
        await asyncio.sleep(0.1)
        if self.unplugged:
            raise LinkUnreachable("unplugged")
        near, far = memory_pair()
        self.connections += 1
        self._links.append(far)
        self._pump = asyncio.create_task(self._serve(far))
        return near

    async def unplug(self) -> None:
        self.unplugged = True
        for link in self._links:
            await link.close()

    async def _serve(self, link: MemoryLink) -> None:
        frames = TcpReader()
        with suppress(LinkClosed):
            while True:
                for event in frames.feed(await link.receive()):
                    if not isinstance(event, Noise):
                        self.hear(event, link.send)
