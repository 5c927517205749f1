"""DL/T 645 meters whose every answer is stated by the test: on a memory link, or behind a TCP port."""

from __future__ import annotations

import asyncio
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from headend.collection.line import LinePath
from headend.collection.survey import MeterPath
from protocols import models
from protocols.dlt645.address import from_wire, to_wire
from protocols.dlt645.frame import Frame, encode
from protocols.dlt645.items import item
from protocols.dlt645.reader import FrameReader
from protocols.errors import LinkClosed, LinkUnreachable
from protocols.links.memory import MemoryLink, memory_pair

Answer = bytes | int
"""Data of an item, or the error byte of a refusal."""

IMPORT, EXPORT, VOLTAGE = "00010000", "00020000", "02010100"


def data(code: str, *values: int | str | None) -> bytes:
    """The data bytes of an item's scaled values: ``data("00010000", 12345678)`` is 123456.78 kWh."""
    return item(code).encode(values)


ENERGY: Mapping[str, Answer] = {IMPORT: data(IMPORT, 12345678), EXPORT: data(EXPORT, 100)}


class Bus:
    """Meters by address, each with its answers by item; any other item is refused with 02. `asked` is what came in."""

    def __init__(self, meters: Mapping[str, Mapping[str, Answer]]) -> None:
        self.meters = {address: dict(answers) for address, answers in meters.items()}
        self.asked: list[tuple[str, str]] = []
        self.delay_s: dict[str, float] = {}
        """How long a meter thinks, on memory links."""
        self.answers_left: int | None = None
        """After so many answers all meters are silent."""
        self.unplugged = False

    def replies(self, frames: list[Frame]) -> Iterator[tuple[str, bytes]]:
        for frame in frames:
            address, code = from_wire(frame.address), frame.data[:4][::-1].hex().upper()
            self.asked.append((address, code))
            if address not in self.meters or self.answers_left == 0:
                continue
            if self.answers_left is not None:
                self.answers_left -= 1
            answer = self.meters[address].get(code, 0x02)
            if isinstance(answer, int):
                yield address, encode(to_wire(address), 0xD1, bytes((answer,)))
            else:
                yield address, encode(to_wire(address), 0x91, frame.data[:4] + answer)

    async def open(self, _url: str, _defaults: Mapping[str, str]) -> MemoryLink:
        """An opener as `protocols.links.open.SCHEMES` holds them."""
        if self.unplugged:
            raise LinkUnreachable("unplugged")
        near, far = memory_pair()
        self._pump = asyncio.create_task(self._serve(far))
        return near

    async def _serve(self, link: MemoryLink) -> None:
        reader = FrameReader()
        with suppress(LinkClosed):
            while True:
                frames = [event for event in reader.feed(await link.receive()) if isinstance(event, Frame)]
                for address, raw in self.replies(frames):
                    await asyncio.sleep(self.delay_s.get(address, 0.0))
                    if self.unplugged:
                        await link.close()
                    await link.send(raw)

    @contextmanager
    def on_tcp(self) -> Iterator[str]:
        """The same behind a port of a thread of its own, as a link's URL."""
        bus = self

        class Conversation(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                reader = FrameReader()
                while chunk := self.request.recv(4096):
                    frames = [event for event in reader.feed(chunk) if isinstance(event, Frame)]
                    for _, raw in bus.replies(frames):
                        self.request.sendall(raw)

        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation) as server:
            server.daemon_threads = True
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield f"tcp://127.0.0.1:{server.server_address[1]}"
            finally:
                server.shutdown()
                thread.join()


def path(name: str) -> LinePath:
    """A line whose scheme is its name."""
    return LinePath(name, f"{name}://bus", "dlt645")


def meter(number: int, line: int = 0) -> MeterPath:
    """Meter 1 has address 000000000001; on line 7 it has id 71."""
    known = 10 * line + number
    return MeterPath(known, f"m{known}", f"{number:012}", models.load("dlt645_2007"))
