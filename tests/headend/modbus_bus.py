"""Modbus units whose every answer is stated by the test: behind a TCP port, or on a memory link."""

from __future__ import annotations

import asyncio
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Literal

from protocols.errors import LinkClosed
from protocols.exchange import FrameReader
from protocols.links.memory import MemoryLink, memory_pair
from protocols.modbus import rtu, tcp
from protocols.modbus.rtu import RtuFrame, RtuReader
from protocols.modbus.tcp import TcpFrame, TcpReader

Unit = Callable[[bytes], bytes]


class ModbusBus:
    """`units` answer PDUs; the others are silent, or noisy where `noise` says with what. `asked` is what came in."""

    def __init__(self, units: Mapping[int, Unit], framing: Literal["rtu", "tcp"] = "rtu") -> None:
        self.units = units
        self.framing = framing
        self.noise: dict[int, bytes] = {}
        self.asked: list[tuple[int, bytes]] = []

    def _reader(self) -> FrameReader[RtuFrame] | FrameReader[TcpFrame]:
        return RtuReader("request") if self.framing == "rtu" else TcpReader()

    def _replies(self, chunk: bytes, reader: FrameReader[RtuFrame] | FrameReader[TcpFrame]) -> Iterator[bytes]:
        for frame in reader.feed(chunk):
            if not isinstance(frame, RtuFrame | TcpFrame):
                continue
            self.asked.append((frame.unit, frame.pdu))
            if frame.unit in self.noise:
                yield self.noise[frame.unit]
            if frame.unit not in self.units:
                continue
            pdu = self.units[frame.unit](frame.pdu)
            if isinstance(frame, TcpFrame):
                yield tcp.encode(frame.transaction, frame.unit, pdu)
            else:
                yield rtu.encode(frame.unit, pdu)

    @contextmanager
    def on_tcp(self) -> Iterator[str]:
        """Behind a port of a thread of its own, as a link's URL."""
        bus = self

        class Conversation(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                reader = bus._reader()
                while chunk := self.request.recv(4096):
                    for raw in bus._replies(chunk, reader):
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

    async def open(self, _url: str, _defaults: Mapping[str, str]) -> MemoryLink:
        """An opener as `protocols.links.open.SCHEMES` holds them."""
        near, far = memory_pair()
        self._pump = asyncio.create_task(self._serve(far))
        return near

    async def _serve(self, link: MemoryLink) -> None:
        reader = self._reader()
        with suppress(LinkClosed):
            while True:
                for raw in self._replies(await link.receive(), reader):
                    await link.send(raw)
