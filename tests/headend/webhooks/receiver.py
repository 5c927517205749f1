"""A program that is told: an HTTP server of a few lines that answers as it is bidden."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Receiver:
    """`answers`: statuses, one a message, the last one for ever."""

    url: str = ""
    answers: list[int] = field(default_factory=lambda: [204])
    messages: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def items(self) -> list[dict[str, Any]]:
        return [item for _, body in self.messages for item in json.loads(body)["items"]]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.messages.append((headers, body))
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        said = f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nLocation: {self.url}/other\r\nConnection: close\r\n\r\n"
        writer.write(said.encode())
        writer.close()


@asynccontextmanager
async def receiving(*answers: int) -> AsyncIterator[Receiver]:
    receiver = Receiver(answers=list(answers) or [204])
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield receiver
