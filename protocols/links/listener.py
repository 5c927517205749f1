"""One listening socket, the DTUs that have dialled in to it, and the lines that they belong to."""

from __future__ import annotations

import asyncio
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from protocols.errors import LinkUnreachable
from protocols.links.chatter import Chatter
from protocols.links.dtu import DtuLink, Opening
from protocols.links.recognition import Words
from protocols.links.url import ListenSettings

LINGER_S: Final = 600.0
"""How long a socket listens on after the last line has lost its DTU or has waited in vain."""
MAX_UNCLAIMED: Final = 1024
"""Connections that no line has claimed; the oldest goes first."""
CONTESTED: Final = (3, 600.0)
"""So many take-overs of one registration within so many seconds are told: two DTUs have the same."""

_log = structlog.get_logger(__name__)


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
        self._sorted: list[bytes] = []
        self._patterns: dict[Words, None] = {}
        self._openings: dict[Words | None, deque[Opening]] = {}
        self._expected: set[Words | None] = set()
        self._links: dict[Words | None, list[DtuLink]] = {}
        self._owner: dict[DtuLink, Words | None] = {}
        self._unclaimed: dict[DtuLink, None] = {}
        self._recognised: dict[Words, DtuLink] = {}
        self._chatter: dict[Words | None, Chatter] = {}
        self._taken_over: dict[Words | None, deque[float]] = {}

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
        self._know(opening.chatter)
        self._openings.setdefault(register, deque()).append(opening)
        fitting = (link for link in reversed(self._unclaimed) if self._line_of(link) == register)
        link = next(fitting, None)
        if link is not None:
            self._claim(link, opening)

    def expect(self, chatter: Chatter) -> None:
        """Listen for its DTU for as long as nobody says `expect_no_longer`, be the line open or not.

        Raises `LinkUnreachable` where it would take another's.
        """
        if chatter.register not in self._expected:
            self._know(chatter)
            self._expected.add(chatter.register)
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

    def _know(self, chatter: Chatter) -> None:
        """Raises `LinkUnreachable` where it cannot be told from another line."""
        register = chatter.register
        if any((key is None) != (register is None) for key in [*self._openings, *self._links, *self._expected]):
            raise LinkUnreachable(
                f"{self._where}: a line without 'register' cannot share its port with lines that have one"
            )
        self._stop_lingering()
        self._chatter[register] = chatter
        if register is not None and register.literal is not None:
            if register.literal not in self._fixed:
                insort(self._sorted, register.literal)
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
                self._contested(line, link, before)
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
            self._contested(line, link, old)
            self._forget(old)
            old.end("the DTU dialled in again")
        if line is not None and not self._may_grow(link.head):
            link.know(self._chatter[line])

    def said(self, link: DtuLink, data: bytes) -> bool:
        """True where the message is the registration of another line: the DTU is another one now, and has to dial in.

        Only a fixed registration, and only as a message of its own, so that no answer of a meter is taken for one.
        """
        other = self._fixed.get(data)
        mine = self._owner.get(link, link.line)
        if other is None or mine is None or other is mine or other == mine:
            return False
        _log.warning(
            "a DTU says that it is another one now", listening=self._where, peer=link.peer,
            was=mine.source, now=other.source,
        )  # fmt: skip
        self._drop(link, "the DTU says that it is another one now")
        self._forget(link)
        link.end("the DTU says that it is another one now")
        return True

    def _contested(self, line: Words | None, link: DtuLink, before: DtuLink) -> None:
        """The newest wins. Where that goes on and on, there are two of them."""
        most, within_s = CONTESTED
        now = asyncio.get_running_loop().time()
        times = self._taken_over.setdefault(line, deque(maxlen=most))
        times.append(now)
        if len(times) == most and now - times[0] <= within_s:
            times.clear()
            _log.warning(
                "a DTU's connection is taken over again and again: do two have the same registration?",
                listening=self._where, registration=line.source if line else None, peer=link.peer, before=before.peer,
            )  # fmt: skip

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
        if link.is_known:
            return link.line
        if self._anonymous or not link.head:
            return None
        for length in self._lengths:
            words = self._fixed.get(link.head[:length])
            if words is not None and words.length_at_start(link.head):
                return words
        return next((words for words in self._patterns if words.length_at_start(link.head)), None)

    def _may_grow(self, head: bytes) -> bool:
        """Whether more bytes could make it another line's registration."""
        at = bisect_right(self._sorted, head)
        return at < len(self._sorted) and self._sorted[at].startswith(head)

    def _claim(self, link: DtuLink, opening: Opening) -> None:
        self._take_out(link)
        self._wait_no_longer(opening)
        self._links.setdefault(opening.register, []).append(link)
        self._owner[link] = opening.register
        link.claim(opening.chatter)
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
