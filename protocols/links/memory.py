"""A path inside the process: two links, what one sends the other receives."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from protocols.links.base import Inbox


class MemoryLink:
    """One end of a pair; made by `memory_pair`."""

    __slots__ = ("_inbox", "_other")

    def __init__(self, inbox: Inbox, other: Inbox) -> None:
        self._inbox = inbox
        self._other = other

    async def send(self, data: bytes) -> None:
        self._inbox.check()
        self._other.put(data)

    def receive(self, until: float | None = None) -> Coroutine[Any, Any, bytes]:
        return self._inbox.take(until)

    def receive_nowait(self) -> bytes:
        return self._inbox.take_nowait()

    def listen(self, heard: Callable[[], None]) -> None:
        self._inbox.listen(heard)

    async def close(self) -> None:
        self._inbox.close("closed by us")
        self._other.close("closed by the other side")


def memory_pair() -> tuple[MemoryLink, MemoryLink]:
    """Two ends of one path."""
    left, right = Inbox(), Inbox()
    return MemoryLink(left, right), MemoryLink(right, left)
