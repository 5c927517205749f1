"""The one place that awaits: it takes a conversation (`Exchange`) over a link.

A line is half duplex and shared, so one conversation runs at a time. A frame is accepted by its own check sum first and
only then compared with the request; what belongs to nobody is counted and passed by. An answer that never came may
still come: before the same thing is asked again in a new conversation, late answers are given time to run out, so that
an old value is never taken for a new one.

What acts on a meter needs a permit, asked for at the last moment before the bytes go out; without one it fails closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from protocols.errors import LinkClosed, NoAnswer, NotPermitted
from protocols.exchange import Ask, Exchange, FrameReader, Noise
from protocols.links.base import Link
from protocols.timing import Timing

F = TypeVar("F")
T = TypeVar("T")


@dataclass(slots=True)
class LineCounters:
    """What a line has seen since it was opened: one integer a row of the metrics."""

    requests: int = 0
    answers: int = 0
    timeouts: int = 0
    retries: int = 0
    strays: int = 0
    """Sound frames that answered nothing we asked: late ones, other meters', echoes."""
    noise: int = 0
    """Stretches of bytes that were no frame."""
    noise_bytes: int = 0
    busy_s: float = 0.0


@dataclass(slots=True)
class Tap:
    """Where a line's bytes are shown while it works: direction (``>`` sent, ``<`` received, ``!`` noise) and bytes."""

    show: Callable[[str, bytes], None] = field(default=lambda _direction, _raw: None)


Permit: TypeAlias = Callable[[Ask[Any]], None]
"""Asked just before a frame that acts is sent; raises `NotPermitted` to hold it back."""


def refuse(ask: Ask[Any]) -> None:
    """The permit of a line that only reads."""
    raise NotPermitted("this line only reads: a frame that acts on a meter needs a permit")


@dataclass(slots=True)
class _Owed(Generic[F]):
    """Answers that were asked for and have not come: how many, since when, and how one is known."""

    count: int
    sent_at: float
    answers: Callable[[F], bool]


class Driver(Generic[F]):
    """One line's conversations, one after the other.

    `reader` is the framing that stands on this link. `echo` says that the adapter hands our own bytes back first.
    `permit` is asked before each frame that acts; by default none goes out.
    """

    def __init__(
        self,
        link: Link,
        reader: FrameReader[F],
        timing: Timing,
        *,
        echo: bool = False,
        tap: Tap | None = None,
        counters: LineCounters | None = None,
        permit: Permit = refuse,
    ) -> None:
        self.link = link
        self.timing = timing
        self.counters = counters or LineCounters()
        self._reader = reader
        self._echo = echo
        self._tap = tap or Tap()
        self._permit = permit
        self._lock = asyncio.Lock()
        self._owed: dict[Hashable, _Owed[F]] = {}
        self._quiet_until = 0.0

    async def run(self, exchange: Exchange[F, T]) -> T:
        """Drive `exchange` to its end and return its value.

        Raises what the conversation raises: `Refused`, `BadAnswer`, `NoAnswer` after all tries, `LinkClosed`; and
        `NotPermitted`, which the conversation does not see. A conversation that acts twice with the same bytes is a
        mistake of ours: `ValueError`, and they are not sent again.
        """
        async with self._lock:
            started = asyncio.get_running_loop().time()
            asked: set[bytes] = set()
            acted: set[bytes] = set()
            try:
                ask = next(exchange)
                while True:
                    if ask.acts:
                        if ask.data in acted:
                            raise ValueError("a conversation acts again with the same bytes")
                        acted.add(ask.data)
                    try:
                        answer = await self._ask(ask, asked)
                    except (NoAnswer, LinkClosed) as error:
                        ask = exchange.throw(error)
                    else:
                        ask = exchange.send(answer)
            except StopIteration as done:
                value: T = done.value
                return value
            finally:
                exchange.close()
                self.counters.busy_s += asyncio.get_running_loop().time() - started

    async def _ask(self, ask: Ask[F], asked: set[bytes]) -> F:
        """Send and await, again as often as allowed. Raises `NoAnswer`.

        `asked` are the conversation's requests without an answer: sent once more, any of their answers will do. Once
        answered, the same bytes are a new question: read before and after a command, a state may have changed.
        """
        if ask.confusable is not None and ask.data not in asked:
            await self._let_late_answers_run_out(ask.confusable)
            asked.add(ask.data)
        if not ask.answered:
            await self._send(ask)
            raise NoAnswer("nobody answers this")
        tries = 1 + (self.timing.retries if ask.repeatable and not ask.acts else 0)
        for attempt in range(tries):
            if attempt:
                self.counters.retries += 1
            answer = await self._try(ask)
            if answer is not None:
                asked.discard(ask.data)
                return answer
            self.counters.timeouts += 1
        raise NoAnswer(f"no answer within {self._budget(ask):.2f} s, asked {tries} times")

    async def _try(self, ask: Ask[F]) -> F | None:
        loop = asyncio.get_running_loop()
        await self._send(ask)
        sent_at = loop.time()
        if ask.confusable is not None:
            before = self._owed.get(ask.confusable)
            self._owed[ask.confusable] = _Owed(before.count + 1 if before else 1, sent_at, ask.answers)
        deadline = sent_at + self._budget(ask)
        hard_deadline = deadline + self._budget(ask)
        echo = _Echo(ask.data if self._echo else b"")
        try:
            while True:
                chunk = await self._chunk(deadline)
                if chunk:
                    events = self._reader.feed(echo.take_off(chunk))
                    if self._reader.pending:  # a frame is growing: not cut off in its middle, nor waited for for ever
                        deadline = max(deadline, min(hard_deadline, loop.time() + self.timing.gap))
                else:
                    events = self._reader.flush()
                answer = self._sort(events, ask)
                if answer is not None:
                    self.counters.answers += 1
                    return answer
                if chunk is None:
                    return None
        finally:
            self._quiet_until = loop.time() + self.timing.pause

    async def _send(self, ask: Ask[F]) -> None:
        """Raises `NotPermitted` with nothing sent."""
        await self._pause()
        self._sort(self._reader.flush())
        if ask.acts:
            self._permit(ask)
        self.counters.requests += 1
        self._tap.show(">", ask.data)
        await self.link.send(ask.data)
        silence = self.timing.on_wire(len(ask.data)) + self.timing.pause
        self._quiet_until = asyncio.get_running_loop().time() + silence

    async def _chunk(self, deadline: float) -> bytes | None:
        """Bytes; empty when a half frame has waited for a gap's time; None at the deadline."""
        loop = asyncio.get_running_loop()
        until = min(deadline, loop.time() + self.timing.gap) if self._reader.pending else deadline
        try:
            if loop.time() >= until:
                raise TimeoutError
            async with asyncio.timeout_at(until):
                chunk = await self.link.receive()
        except TimeoutError:
            return None if until >= deadline else b""
        self._tap.show("<", chunk)
        return chunk

    def _sort(self, events: Any, ask: Ask[F] | None = None) -> F | None:
        """The answer among `events`, if it is there; everything else is counted."""
        answer: F | None = None
        for event in events:
            if isinstance(event, Noise):
                self.counters.noise += 1
                self.counters.noise_bytes += len(event.raw)
                self._tap.show("!", event.raw)
            elif answer is None and ask is not None and ask.answers(event) and not self._answers_older(ask, event):
                answer = event
                if ask.confusable is not None:
                    self._settle(ask.confusable)
            else:
                self.counters.strays += 1
                for key in [key for key, owed in self._owed.items() if owed.answers(event)][:1]:
                    self._settle(key)
        return answer

    def _answers_older(self, ask: Ask[F], event: F) -> bool:
        """Whether `event` may as well answer something asked before: a refusal does not say what it refuses."""
        oldest = asyncio.get_running_loop().time() - self.timing.late
        return ask.confusable is not None and any(
            owed.sent_at > oldest and owed.answers(event) for key, owed in self._owed.items() if key != ask.confusable
        )

    def _settle(self, key: Hashable) -> None:
        owed = self._owed[key]
        owed.count -= 1
        if owed.count <= 0:
            del self._owed[key]

    async def _let_late_answers_run_out(self, key: Hashable) -> None:
        """Listen until what was asked before with the same `key` is answered, or too old to come any more."""
        now = asyncio.get_running_loop().time()
        for old in [k for k, owed in self._owed.items() if owed.sent_at + self.timing.late <= now]:
            del self._owed[old]
        while key in self._owed:
            chunk = await self._chunk(self._owed[key].sent_at + self.timing.late)
            if chunk is None:
                del self._owed[key]
            self._sort(self._reader.feed(chunk) if chunk else self._reader.flush())

    async def _pause(self) -> None:
        """Keep the silence between frames, and look through what came in meanwhile: it answers nothing."""
        wait = self._quiet_until - asyncio.get_running_loop().time()
        if wait > 0:
            await asyncio.sleep(wait)
        stale = self.link.receive_nowait()
        if stale:
            self._tap.show("<", stale)
            self._sort(self._reader.feed(stale))

    def _budget(self, ask: Ask[F]) -> float:
        return self.timing.budget(len(ask.data), ask.reply_bytes)


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
