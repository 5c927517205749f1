"""A DTU's connection, and the line that waits for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol

from protocols.links.chatter import Chatter, Sieve, Sifted
from protocols.links.recognition import Words
from protocols.links.tcp import TcpLink

HOLD_S: Final = 0.05
"""How long bytes that may be the beginning of a DTU's words wait for the rest."""
HEAD_BYTES: Final = 1024
"""What is kept of an unclaimed connection's first bytes; what comes after them nobody has asked for."""


class Reception(Protocol):
    """Who is told what becomes of a connection."""

    def arrived(self, link: DtuLink) -> None: ...
    def heard(self, link: DtuLink) -> None: ...
    def said(self, link: DtuLink, data: bytes) -> bool: ...
    def lost(self, link: DtuLink) -> None: ...
    def given_up(self, link: DtuLink) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """A line that waits for its DTU; `link` is set when it is there."""

    chatter: Chatter
    link: asyncio.Future[DtuLink]

    @property
    def register(self) -> Words | None:
        return self.chatter.register


class DtuLink(TcpLink):
    """A DTU's connection: first unclaimed, then a line's link."""

    __slots__ = ("_flushing", "_listener", "_sieve", "claimed", "head", "last_heard", "line", "peer")

    def __init__(self, listener: Reception) -> None:
        super().__init__()
        self._listener = listener
        self._sieve: Sieve | None = None
        self._flushing: asyncio.TimerHandle | None = None
        self.claimed = False
        self.head = b""
        self.line: Words | None = None
        self.peer = ""
        self.last_heard = asyncio.get_running_loop().time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.peer = str(transport.get_extra_info("peername")[0])
        self._listener.arrived(self)

    def data_received(self, data: bytes) -> None:
        self.last_heard = asyncio.get_running_loop().time()
        if self._sieve is not None:
            if not self._listener.said(self, data):
                self._take(self._sieve.feed(data))
            return
        self.head = (self.head + data)[:HEAD_BYTES]
        self._listener.heard(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._flush()
        super().connection_lost(exc)
        self._listener.lost(self)

    async def close(self) -> None:
        self._listener.given_up(self)
        await super().close()

    @property
    def is_known(self) -> bool:
        """Whether it has been told whose it is, claimed or not."""
        return self._sieve is not None

    def know(self, chatter: Chatter) -> None:
        """It is this line's: from now on its own words are parted from the line's bytes, and answered."""
        if self._sieve is None:
            self._sieve = Sieve(chatter)
            head, self.head = self.head, b""
            self._take(self._sieve.begin(head))

    def claim(self, chatter: Chatter) -> None:
        """From now on a line's link; what came after the registration is its first bytes."""
        self.know(chatter)
        self.claimed = True
        head, self.head = self.head, b""
        if head:
            self._inbox.put(head)

    def _take(self, sifted: Sifted) -> None:
        if sifted.answers and self._transport is not None and not self._transport.is_closing():
            self._transport.write(sifted.answers)
        if sifted.data:
            self._give(sifted.data)
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        if self._sieve is not None and self._sieve.holds:
            self._flushing = asyncio.get_running_loop().call_later(HOLD_S, self._flush)

    def _flush(self) -> None:
        """What looked like the beginning of the DTU's words was none."""
        self._flushing = None
        rest = self._sieve.rest() if self._sieve is not None else b""
        if rest:
            self._give(rest)

    def _give(self, data: bytes) -> None:
        if self.claimed:
            self._inbox.put(data)
        else:
            self.head = (self.head + data)[:HEAD_BYTES]
