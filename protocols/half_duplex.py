"""One request at a time on a line where an answer does not say for certain what it answers: RS-485 and what tunnels it.

A frame is accepted by its own check sum first and only then compared with the request; what belongs to nobody is
counted and passed by. An answer that never came may still come: before the same thing is asked again in a new
conversation, late answers are given time to run out, so that an old value is never taken for a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from protocols.exchange import Ask, FrameReader, Noise
from protocols.links.base import Link
from protocols.timing import Timing
from protocols.traffic import Traffic

F = TypeVar("F")

_SILENCE_S: Final = 0.02
_SILENCE_BYTES: Final = 4
"""Together, so long nothing comes in when nobody speaks any more: bytes of one frame follow each other, through a
gateway in lumps."""


@dataclass(slots=True)
class _Owed(Generic[F]):
    """Answers that were asked for and have not come: how many, since when, and how one is known."""

    count: int
    sent_at: float
    answers: Callable[[F], bool]


class HalfDuplex(Generic[F]):
    """Sends one request and listens until it is answered. `echo`: the adapter hands our own bytes back first."""

    __slots__ = ("_echo", "_heard_at", "_link", "_owed", "_quiet_until", "_reader", "_timing", "_traffic", "turnaround")

    def __init__(self, link: Link, reader: FrameReader[F], timing: Timing, traffic: Traffic, *, echo: bool) -> None:
        self._link = link
        self._reader = reader
        self._timing = timing
        self._traffic = traffic
        self._echo = echo
        self._owed: dict[Hashable, _Owed[F]] = {}
        self._quiet_until = 0.0
        self._heard_at = 0.0
        """When somebody spoke who did not answer us."""
        self.turnaround: float | None = None
        """Of the last answer: from the last byte of its request to its own first byte, as far as the rate tells."""

    async def send(self, ask: Ask[F]) -> Awaitable[F | None]:
        """The answer to come: None when it has not come in time, or when nobody answers such a thing.

        Raises `NotPermitted` and `LeaseLost` with nothing sent, and `LinkClosed`; so does the answer.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._quiet_until > now:
            await asyncio.sleep(self._quiet_until - now)
        await self._until_silent()
        self._traffic.sent(ask)
        await self._link.send(ask.data)
        now = loop.time()
        self._quiet_until = now + self._timing.on_wire(len(ask.data)) + self._timing.pause
        if ask.answered and ask.confusable is not None:
            self._owe(ask, now)
        return self._answer(ask, now)

    async def _answer(self, ask: Ask[F], sent_at: float) -> F | None:
        if not ask.answered:
            return None
        timing, reader, link, counters = self._timing, self._reader, self._link, self._traffic.counters
        loop = asyncio.get_running_loop()
        now = sent_at
        budget = timing.budget(len(ask.data), ask.reply_bytes)
        deadline, hard_deadline = sent_at + budget, sent_at + 2 * budget
        echo = _Echo(ask.data) if self._echo else None
        growing = False  # a frame has begun and is not whole
        first_at, first_bytes = 0.0, 0
        noise, thinks_until = counters.noise_bytes, sent_at + timing.on_wire(len(ask.data)) + timing.response
        try:
            while True:
                until = min(deadline, now + timing.gap) if growing else deadline
                in_time = now < until
                chunk = await link.receive(until) if in_time else link.receive_nowait()
                now = loop.time()
                if chunk:
                    self._traffic.received(chunk)
                    heard = echo.take_off(chunk) if echo else chunk
                    if heard and not first_at:
                        first_at, first_bytes = now, len(heard)
                    answer = self._sort(reader.feed(heard), ask)
                else:
                    answer = self._sort(reader.flush(), ask)
                if answer is not None:
                    counters.answers += 1
                    self.turnaround = max(0.0, first_at - sent_at - timing.on_wire(len(ask.data) + first_bytes))
                    self._heard_at = 0.0
                    return answer
                growing = reader.pending > 0
                if chunk:
                    self._heard_at = now
                if counters.noise_bytes > noise and timing.bits_per_second:
                    # On a wire of our own whoever drowned the answer has ended when it is silent, and a meter that has
                    # not begun by then did not hear us.
                    deadline = max(self._heard_at + self._silence, thinks_until)
                if growing and chunk:  # not cut off in its middle, nor waited for for ever
                    deadline = max(deadline, min(hard_deadline, now + timing.gap))
                if until >= deadline and not (chunk and in_time):
                    return None
        finally:
            self._quiet_until = now + timing.pause

    async def let_late_answers_run_out(self, key: Hashable) -> None:
        """Listen until what was asked before with the same `key` is answered, or too old to come any more."""
        loop = asyncio.get_running_loop()
        late, gap = self._timing.late, self._timing.gap
        for old in [k for k, owed in self._owed.items() if owed.sent_at + late <= loop.time()]:
            del self._owed[old]
        while key in self._owed:
            now, deadline = loop.time(), self._owed[key].sent_at + late
            until = min(deadline, now + gap) if self._reader.pending else deadline
            chunk = await self._link.receive(until) if now < until else b""
            if chunk:
                self._traffic.received(chunk)
            elif until >= deadline:
                del self._owed[key]
            self._sort(self._reader.feed(chunk) if chunk else self._reader.flush())

    @property
    def _silence(self) -> float:
        """Seconds after which nobody speaks any more."""
        return _SILENCE_S + self._timing.on_wire(_SILENCE_BYTES)

    async def _until_silent(self) -> None:
        """What came in since we listened last answers nothing. While somebody speaks nobody else can be heard, so we
        wait for him to end; not for ever, for a line may never be silent."""
        loop = asyncio.get_running_loop()
        deadline, chunk = loop.time() + self._timing.late, self._link.receive_nowait()
        while True:
            now = loop.time()
            if chunk:
                self._heard_at = now
                self._traffic.received(chunk)
                self._sort(self._reader.feed(chunk))
            until = min(self._heard_at + self._silence, deadline)
            if now >= until:
                break
            chunk = await self._link.receive(until)
        if self._reader.pending:
            self._sort(self._reader.flush())

    def _sort(self, events: Sequence[F | Noise], ask: Ask[F] | None = None) -> F | None:
        """The answer among `events`, if it is there; everything else is counted."""
        answer: F | None = None
        for event in events:
            if isinstance(event, Noise):
                self._traffic.dropped(event)
            elif answer is None and ask is not None and ask.answers(event) and not self._answers_older(ask, event):
                answer = event
                if ask.confusable is not None:
                    self._settle(ask.confusable)
            else:
                self._traffic.counters.strays += 1
                for key in [key for key, owed in self._owed.items() if owed.answers(event)][:1]:
                    self._settle(key)
        return answer

    def _answers_older(self, ask: Ask[F], event: F) -> bool:
        """Whether `event` may as well answer something asked before: a refusal does not say what it refuses."""
        if ask.confusable is None:
            return False
        oldest = asyncio.get_running_loop().time() - self._timing.late
        return any(
            owed.sent_at > oldest and owed.answers(event) for key, owed in self._owed.items() if key != ask.confusable
        )

    def _owe(self, ask: Ask[F], sent_at: float) -> None:
        before = self._owed.get(ask.confusable)
        self._owed[ask.confusable] = _Owed(before.count + 1 if before else 1, sent_at, ask.answers)

    def _settle(self, key: Hashable) -> None:
        owed = self._owed[key]
        owed.count -= 1
        if owed.count <= 0:
            del self._owed[key]


class _Echo:
    """Our own bytes, expected back before anything else; what only began like them is given back whole."""

    __slots__ = ("_expected", "_held")

    def __init__(self, expected: bytes) -> None:
        self._expected = expected
        self._held = b""

    def take_off(self, chunk: bytes) -> bytes:
        """`chunk` without the echo; empty while the echo is still coming."""
        if not self._expected:
            return chunk
        held = self._held + chunk
        if held.startswith(self._expected):
            rest = held[len(self._expected) :]
        elif self._expected.startswith(held):
            self._held = held
            return b""
        else:
            rest = held
        self._expected = self._held = b""
        return rest
