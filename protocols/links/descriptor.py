"""A link over a non-blocking file descriptor: what a serial port and the master of a pseudo-terminal share."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any

from protocols.links.base import Inbox
from protocols.links.reasons import reason

_CHUNK = 65536


class DescriptorLink:
    """Owns the descriptor through `release`, which closes it and is called once."""

    __slots__ = ("_drained", "_fd", "_inbox", "_loop", "_outgoing", "_release")

    def __init__(self, fd: int, release: Callable[[], None]) -> None:
        self._fd = fd
        self._release: Callable[[], None] | None = release
        self._inbox = Inbox()
        self._outgoing = bytearray()
        self._drained: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(fd, self._readable)

    async def send(self, data: bytes) -> None:
        self._inbox.check()
        self._outgoing += data
        if self._drained is None:
            self._writable()
        if self._drained is not None:
            await asyncio.shield(self._drained)
        if self._outgoing:
            self._inbox.check()

    def receive(self, until: float | None = None) -> Coroutine[Any, Any, bytes]:
        return self._inbox.take(until)

    def receive_nowait(self) -> bytes:
        return self._inbox.take_nowait()

    def listen(self, heard: Callable[[], None]) -> None:
        self._inbox.listen(heard)

    async def close(self) -> None:
        self._end("closed by us")

    def _readable(self) -> None:
        try:
            chunk = os.read(self._fd, _CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(reason(error))
            return
        if chunk:
            self._inbox.put(chunk)
        else:
            self._end("the device is gone")

    def _writable(self) -> None:
        try:
            written = os.write(self._fd, self._outgoing)
        except (BlockingIOError, InterruptedError):
            written = 0
        except OSError as error:
            self._end(reason(error))
            return
        del self._outgoing[:written]
        if self._outgoing and self._drained is None:
            self._drained = self._loop.create_future()
            self._loop.add_writer(self._fd, self._writable)
        elif not self._outgoing and self._drained is not None:
            self._loop.remove_writer(self._fd)
            self._wake_senders()

    def _wake_senders(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None:
            drained.set_result(None)

    def _end(self, why: str) -> None:
        self._inbox.close(why)
        release, self._release = self._release, None
        if release is not None:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            release()
            self._wake_senders()
