"""Lines of meters that note over which connection they are asked, and so know whether two masters spoke on one bus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

from protocols.dlt645.frame import Frame
from protocols.dlt645.reader import FrameReader
from tests.headend.bus import IMPORT, VOLTAGE, Bus, data


class Wire(Bus):
    """One line. `asked_by` has the number of the connection for each request, in the order in which they came."""

    def __init__(self, meters: int = 2) -> None:
        answers = {IMPORT: data(IMPORT, 12345678), VOLTAGE: data(VOLTAGE, 2301)}
        super().__init__({f"{number:012}": answers for number in range(1, meters + 1)})
        self.asked_by: list[int] = []
        self.url = ""
        self._connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        await self.converse(self._connections, reader, writer)

    async def converse(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = FrameReader()
        try:
            while chunk := await reader.read(4096):
                found = [event for event in frames.feed(chunk) if isinstance(event, Frame)]
                self.asked_by += [number] * len(found)
                for _, raw in self.replies(found):
                    writer.write(raw)
        except ConnectionError:
            pass  # a master that was killed
        finally:
            writer.close()

    @property
    def tenures(self) -> list[int]:
        """The connections in the order of their first requests."""
        return list(dict.fromkeys(self.asked_by))

    @property
    def interleaved(self) -> bool:
        """Whether a master spoke after another one had begun."""
        return any(first > second for first, second in pairwise(self._order))

    @property
    def _order(self) -> list[int]:
        place = {number: position for position, number in enumerate(self.tenures)}
        return [place[number] for number in self.asked_by]


@asynccontextmanager
async def wires(count: int, host: str = "127.0.0.1") -> AsyncIterator[list[Wire]]:
    """So many lines behind TCP ports, each able to take several masters at once."""
    lines = [Wire() for _ in range(count)]
    servers = [await asyncio.start_server(line.serve, host, 0) for line in lines]
    try:
        for line, server in zip(lines, servers, strict=True):
            line.url = f"tcp://{host}:{server.sockets[0].getsockname()[1]}"
        yield lines
    finally:
        for server in servers:
            server.close()
