"""One listening socket, the DTUs that have dialled in to it, and the lines that they belong to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from protocols.errors import LinkUnreachable
from protocols.links.recognition import Words
from protocols.links.tcp import TcpLink
from protocols.links.url import ListenSettings

LINGER_S: Final = 600.0
"""How long a socket listens on after the last line has lost its DTU or has waited in vain."""
MAX_UNCLAIMED: Final = 1024
"""Connections that no line has claimed; the oldest goes first."""
HEAD_BYTES: Final = 1024
"""What is kept of an unclaimed connection's first bytes; what comes after them nobody has asked for."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """A line that waits for its DTU; `link` is set when it is there."""

    register: Words | None
    heartbeat: Words | None
    link: asyncio.Future[DtuLink]


class DtuLink(TcpLink):
    """A DTU's connection: first unclaimed, then a line's link."""

    __slots__ = ("_heartbeat", "_listener", "_register", "claimed", "head", "last_heard", "line", "peer")

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener
        self._register: Words | None = None
        self._heartbeat: Words | None = None
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
        if self.claimed:
            self._hear(data)
        else:
            self.head = (self.head + data)[:HEAD_BYTES]
            self._listener.heard(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._listener.lost(self)

    async def close(self) -> None:
        self._listener.given_up(self)
        await super().close()

    def claim(self, register: Words | None, heartbeat: Words | None) -> None:
        """From now on a line's link; what came after the registration is its first bytes."""
        self.claimed = True
        self._register, self._heartbeat = register, heartbeat
        head, self.head = self.head, b""
        if register is not None:
            head = head[register.length_at_start(head) :]
        if head:
            self._hear(head)

    def _hear(self, data: bytes) -> None:
        """A message that is only a heartbeat, or the registration once more, is no part of the line's bytes."""
        if self._heartbeat is not None and self._heartbeat.fills(data):
            return
        if self._register is not None and self._register.fills(data):
            return
        self._inbox.put(data)


class Listener:
    """Lines are told apart by their registration; lines without one are all alike (key None).

    Of two registrations that both fit, the longer fixed one is meant, and a fixed one before an expression.
    """

    def __init__(self, where: str, on_closed: Callable[[Listener], object]) -> None:
        self._where = where
        self._on_closed = on_closed
        self._server: asyncio.Server | None = None
        self._starting = asyncio.Lock()
        self._lingering: asyncio.TimerHandle | None = None
        self._fixed: dict[bytes, Words] = {}
        self._lengths: list[int] = []
        self._patterns: dict[Words, None] = {}
        self._openings: dict[Words | None, deque[Opening]] = {}
        self._expected: set[Words | None] = set()
        self._links: dict[Words | None, list[DtuLink]] = {}
        self._owner: dict[DtuLink, Words | None] = {}
        self._unclaimed: dict[DtuLink, None] = {}
        self._recognised: dict[Words, DtuLink] = {}

    async def start(self, host: str, port: int) -> None:
        """Raises `OSError`."""
        async with self._starting:
            if self._server is None:
                loop = asyncio.get_running_loop()
                self._server = await loop.create_server(lambda: DtuLink(self), host, port, backlog=1024)

    def close(self) -> None:
        """Close the socket and every connection."""
        self._stop_lingering()
        if self._server is not None:
            self._server.close()
        for link in [*self._unclaimed, *self._owner]:
            link.end("we listen no longer")
        self._on_closed(self)

    # Lines

    def add(self, opening: Opening) -> None:
        """Give it the connection that fits, or let it wait. Raises `LinkUnreachable` where it would take another's."""
        register = opening.register
        self._know(register)
        self._openings.setdefault(register, deque()).append(opening)
        fitting = (link for link in reversed(self._unclaimed) if self._line_of(link) == register)
        link = next(fitting, None)
        if link is not None:
            self._claim(link, opening)

    def expect(self, register: Words | None) -> None:
        """Listen for its DTU for as long as nobody says `expect_no_longer`, be the line open or not.

        Raises `LinkUnreachable` where it would take another's.
        """
        if register not in self._expected:
            self._know(register)
            self._expected.add(register)
            for link in list(self._unclaimed):
                self.heard(link)

    def expect_no_longer(self, register: Words | None) -> None:
        self._expected.discard(register)
        self._rest(linger=False)

    def last_heard(self, register: Words | None) -> float | None:
        """When the line's DTU, which is connected, said something last (the loop's time); None: it is not connected."""
        return max((link.last_heard for link in self._present(register)), default=None)

    def hang_up(self, register: Words | None) -> None:
        """End the connections of the line's DTU."""
        for link in self._present(register):
            link.end("its DTU has dialled in elsewhere")

    def _present(self, register: Words | None) -> list[DtuLink]:
        links = list(self._links.get(register, ()))
        if register is None:
            return [*links, *self._unclaimed]
        return [*links, self._recognised[register]] if register in self._recognised else links

    def _know(self, register: Words | None) -> None:
        """Raises `LinkUnreachable` where it cannot be told from another line."""
        if any((key is None) != (register is None) for key in [*self._openings, *self._links, *self._expected]):
            raise LinkUnreachable(
                f"{self._where}: a line without 'register' cannot share its port with lines that have one"
            )
        self._stop_lingering()
        if register is not None and register.literal is not None:
            self._fixed[register.literal] = register
            self._lengths = sorted({len(literal) for literal in self._fixed}, reverse=True)
        elif register is not None:
            self._patterns[register] = None

    def remove(self, opening: Opening, *, linger: bool) -> None:
        """It waits no longer."""
        self._wait_no_longer(opening)
        self._rest(linger=linger)

    def why_not(self, settings: ListenSettings) -> str:
        """What an operator should know when no DTU has come."""
        who = f" with the registration {settings.register.source!r}" if settings.register else ""
        text = f"no DTU{who} has dialled in within {settings.wait:g} s"
        if settings.register in self._links:
            return f"{text}; its DTU is in use by another open link"
        if not self._unclaimed:
            return text
        heads = ", ".join(f"{link.peer} said {link.head[:32]!r}" for link in list(self._unclaimed)[-3:])
        return f"{text}; unclaimed connections: {len(self._unclaimed)} (the last: {heads})"

    # What connections report

    def arrived(self, link: DtuLink) -> None:
        self._unclaimed[link] = None
        if len(self._unclaimed) > MAX_UNCLAIMED:
            oldest = next(iter(self._unclaimed))
            _log.warning("unclaimed connection closed", listening=self._where, peer=oldest.peer, limit=MAX_UNCLAIMED)
            self._drop(oldest, "too many connections that no line has claimed")
        self.heard(link)

    def heard(self, link: DtuLink) -> None:
        """It is a line's that waits, or of a DTU that has dialled in again."""
        line = self._line_of(link)
        if line is not None:
            before = self._recognised.get(line)
            if before is not None and before is not link:
                self._drop(before, "the DTU dialled in again")
            self._recognised[line] = link
            link.line = line
        elif not self._anonymous:
            return
        if line in self._openings:
            self._claim(link, self._openings[line][0])
            return
        links = self._links.get(line, [])
        if line is None and not (len(links) == 1 and links[0].peer == link.peer):
            return
        for old in list(links):
            _log.info("the DTU dialled in again", listening=self._where, peer=link.peer, before=old.peer)
            self._forget(old)
            old.end("the DTU dialled in again")

    def lost(self, link: DtuLink) -> None:
        """Its other side has gone."""
        self._drop(link, "closed by the other side")
        self._forget(link)
        self._rest(linger=True)

    def given_up(self, link: DtuLink) -> None:
        """We close it ourselves."""
        if self._forget(link):
            self._rest(linger=False)

    # Claims

    @property
    def _anonymous(self) -> bool:
        return None in self._openings or None in self._links or None in self._expected

    def _line_of(self, link: DtuLink) -> Words | None:
        """The registration that it has said, if it is one of ours."""
        if self._anonymous or not link.head:
            return None
        for length in self._lengths:
            words = self._fixed.get(link.head[:length])
            if words is not None and words.length_at_start(link.head):
                return words
        return next((words for words in self._patterns if words.length_at_start(link.head)), None)

    def _claim(self, link: DtuLink, opening: Opening) -> None:
        self._take_out(link)
        self._wait_no_longer(opening)
        self._links.setdefault(opening.register, []).append(link)
        self._owner[link] = opening.register
        link.claim(opening.register, opening.heartbeat)
        opening.link.set_result(link)

    def _wait_no_longer(self, opening: Opening) -> None:
        waiting = self._openings.get(opening.register)
        if waiting and opening in waiting:
            waiting.remove(opening)
            if not waiting:
                del self._openings[opening.register]

    def _take_out(self, link: DtuLink) -> bool:
        """Out of the unclaimed; False where it is not among them."""
        if link not in self._unclaimed:
            return False
        del self._unclaimed[link]
        if link.line is not None and self._recognised.get(link.line) is link:
            del self._recognised[link.line]
        return True

    def _drop(self, link: DtuLink, why: str) -> None:
        if self._take_out(link):
            link.end(why)

    def _forget(self, link: DtuLink) -> bool:
        if link not in self._owner:
            return False
        register = self._owner.pop(link)
        links = self._links[register]
        links.remove(link)
        if not links:
            del self._links[register]
        return True

    # The end

    def _rest(self, *, linger: bool) -> None:
        if self._openings or self._links or self._expected or self._server is None or not self._server.is_serving():
            return
        if not linger:
            self.close()
        elif self._lingering is None:
            self._lingering = asyncio.get_running_loop().call_later(LINGER_S, self.close)

    def _stop_lingering(self) -> None:
        handle, self._lingering = self._lingering, None
        if handle is not None:
            handle.cancel()
