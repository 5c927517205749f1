"""Raw questions on an open link, and everything that is heard after each: for looking at a meter, not for reading it.

A `Line` accepts only what answers it and asks again; here nothing is asked twice and nothing is passed over.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from protocols.exchange import FrameReader, Noise
from protocols.links.base import Link


@dataclass(frozen=True, slots=True)
class Patience:
    """`response` and `latency` in seconds as in `protocols.timing.Timing`; `bits_per_second` is 0 where bytes take no
    time that we know; `pause` is kept before each request; for `tail` seconds after a whole frame silence is waited
    for: a second answer would come then."""

    response: float = 0.5
    latency: float = 0.5
    bits_per_second: int = 0
    pause: float = 0.0
    tail: float = 0.05

    def on_wire(self, count: int) -> float:
        """Seconds that `count` bytes take."""
        return count * 11 / self.bits_per_second if self.bits_per_second else 0.0


@dataclass(slots=True)
class Heard:
    """What came after `sent`. `delay_s`: from the end of the request to the first byte, None where nothing came."""

    sent: bytes
    raw: bytes = b""
    frames: list[Any] = field(default_factory=list)
    noise: list[Noise] = field(default_factory=list)
    delay_s: float | None = None

    @property
    def silent(self) -> bool:
        return not self.raw


class Probe:
    """One line. `heard` is all that was asked and heard since it was last emptied. Raises `LinkError`."""

    def __init__(self, link: Link, reader: FrameReader[Any], patience: Patience) -> None:
        self.heard: list[Heard] = []
        self.patience = patience
        self._link = link
        self._reader = reader

    async def ask(self, request: bytes) -> Heard:
        """Send the bytes as they are, and listen until a whole frame has come and the line is silent again, or for as
        long as a meter may think."""
        loop, patience = asyncio.get_running_loop(), self.patience
        await asyncio.sleep(patience.pause)
        until = loop.time() + patience.response
        heard = self._link.receive_nowait()
        while heard and loop.time() < until:  # who speaks is heard out, but not for ever
            heard = await self._link.receive(loop.time() + patience.tail)
        self._reader.flush()
        found = Heard(request)
        self.heard.append(found)
        await self._link.send(request)
        sent = loop.time() + patience.on_wire(len(request))
        deadline = sent + patience.response + patience.latency
        while True:
            chunk = await self._link.receive(deadline)
            now = loop.time()
            if not chunk:
                break
            if found.delay_s is None:
                found.delay_s = max(0.0, now - sent - patience.on_wire(len(chunk)))
            found.raw += chunk
            self._sort(found, self._reader.feed(chunk))
            tail = patience.tail + patience.on_wire(4)
            whole = bool(found.frames) and not self._reader.pending
            deadline = now + (tail if whole else max(tail, patience.response + patience.on_wire(64)))
        self._sort(found, self._reader.flush())
        return found

    @staticmethod
    def _sort(found: Heard, events: Any) -> None:
        for event in events:
            if isinstance(event, Noise):
                found.noise.append(event)
            else:
                found.frames.append(event)
