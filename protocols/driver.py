"""The one place that awaits: it takes conversations (`Exchange`) over a link.

A line is half duplex and shared, so one conversation runs at a time (`half_duplex`). Where every answer says which
request it answers, as in Modbus TCP, a window of conversations may run side by side (`pipeline`).

What acts on a meter needs a permit, asked for at the last moment before the bytes go out; without one it fails closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Generic, TypeVar

from protocols.errors import LinkClosed, NoAnswer
from protocols.exchange import Ask, Exchange, FrameReader
from protocols.half_duplex import HalfDuplex
from protocols.links.base import Link
from protocols.pipeline import Pipeline
from protocols.timing import Timing
from protocols.traffic import Guard, LineCounters, MeterCounters, Permit, Tap, Traffic, ours, refuse

__all__ = ["Driver", "Guard", "LineCounters", "MeterCounters", "Permit", "Tap", "ours", "refuse"]

F = TypeVar("F")
T = TypeVar("T")


class Driver(Generic[F]):
    """One line's conversations: one after the other, or `window` of them side by side.

    `reader` is the framing that stands on this link. `echo` says that the adapter hands our own bytes back first.
    `permit` is asked before each frame that acts; by default none goes out. `guard` is asked before every request. A
    `window`, be it of 1, is for requests alone whose answers cannot be confused (`Ask.confusable` is None); it keeps no
    pauses and knows no echo.
    """

    __slots__ = ("_nobody", "_places", "_running", "_started", "_traffic", "_way", "counters", "link", "timing")

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
        guard: Guard = ours,
        window: int | None = None,
    ) -> None:
        if window is not None and (window < 1 or echo):
            raise ValueError("a window is at least 1, and there is none on a line with echo")
        self.link = link
        self.timing = timing
        self.counters = counters or LineCounters()
        self._places: asyncio.Lock | asyncio.Semaphore = (
            asyncio.Semaphore(window) if window and window > 1 else asyncio.Lock()
        )
        self._running = 0
        self._started = 0.0
        self._traffic = traffic = Traffic(self.counters, tap, permit, guard)
        self._nobody = MeterCounters()
        self._way: HalfDuplex[F] | Pipeline[F] = (
            Pipeline(link, reader, timing, traffic, window=window)
            if window
            else HalfDuplex(link, reader, timing, traffic, echo=echo)
        )

    async def run(self, exchange: Exchange[F, T], cost: MeterCounters | None = None) -> T:
        """Drive `exchange` to its end and return its value. `cost` of whom it asks is counted beside the line's.

        Raises what the conversation raises: `Refused`, `BadAnswer`, `NoAnswer` after all tries, `LinkClosed`; and
        `NotPermitted` and `LeaseLost`, which the conversation does not see. A conversation that acts twice with the
        same bytes is a mistake of ours: `ValueError`, and they are not sent again.
        """
        await self._places.acquire()
        loop = asyncio.get_running_loop()
        cost = cost or self._nobody
        began = before = loop.time()
        damaged = self.counters.checksums
        if not self._running:
            self._started = began
        self._running += 1
        unanswered: tuple[bytes, ...] = ()
        acted: tuple[bytes, ...] = ()
        try:
            ask = next(exchange)
            while True:
                if ask.acts:
                    if ask.data in acted:
                        raise ValueError("a conversation acts again with the same bytes")
                    acted += (ask.data,)
                try:
                    # Sent once more, any of a question's answers will do. Once answered, the same bytes are a new
                    # question: read before and after a command, a state may have changed.
                    if ask.confusable is not None and ask.data not in unanswered:
                        await self._let_late_answers_run_out(ask.confusable)
                        unanswered += (ask.data,)
                    noise = self.counters.noise_bytes
                    coming = await self._way.send(ask)
                    cost.requests += 1
                    answer = await coming
                    if answer is None:
                        answer, before = await self._again(ask, noise, cost)
                    now = loop.time()
                    self._answered(cost, now - before)
                    before = now
                except (NoAnswer, LinkClosed) as error:
                    ask = exchange.throw(error)
                else:
                    if unanswered:
                        unanswered = tuple(data for data in unanswered if data != ask.data)
                    ask = exchange.send(answer)
        except StopIteration as done:
            value: T = done.value
            return value
        finally:
            exchange.close()
            self._places.release()
            self._running -= 1
            ended = loop.time()
            if not self._running:
                self.counters.busy_s += ended - self._started
            cost.busy_s += ended - began
            cost.checksums += self.counters.checksums - damaged

    def settle(self) -> None:
        """Bring `counters.busy_s` up to this moment while conversations run."""
        if self._running:
            now = asyncio.get_running_loop().time()
            self.counters.busy_s += now - self._started
            self._started = now

    def _answered(self, cost: MeterCounters, taken: float) -> None:
        """Count an answer. `taken` is all of its time, which stands for the turnaround where answers are numbered."""
        turnaround = self._way.turnaround
        if turnaround is None:
            turnaround = taken
        self.counters.turnaround_s += turnaround
        cost.answers += 1
        cost.turnaround_s += turnaround
        if turnaround > cost.turnaround_max_s:
            cost.turnaround_max_s = turnaround

    async def _again(self, ask: Ask[F], noise: int, cost: MeterCounters) -> tuple[F, float]:
        """After silence: the same once more, as often as allowed. `noise`: the line's count before the first time.

        Gives the answer, and when its request was sent. Raises `NoAnswer`. Side by side with others, its noise is that
        of the whole line meanwhile.
        """
        if not ask.answered:
            raise NoAnswer("nobody answers this")
        self.counters.timeouts += 1
        cost.timeouts += 1
        retries = self.timing.retries if ask.repeatable and not ask.acts else 0
        for _ in range(retries):
            self.counters.retries += 1
            cost.retries += 1
            sent_at = asyncio.get_running_loop().time()
            coming = await self._way.send(ask)
            cost.requests += 1
            answer = await coming
            if answer is not None:
                return answer, sent_at
            self.counters.timeouts += 1
            cost.timeouts += 1
        budget = self.timing.budget(len(ask.data), ask.reply_bytes)
        noise = self.counters.noise_bytes - noise
        but = f", but {noise} bytes that were no frame" if noise else ""
        raise NoAnswer(f"no answer within {budget:.2f} s, asked {1 + retries} times{but}", noise)

    async def _let_late_answers_run_out(self, key: Hashable) -> None:
        if not isinstance(self._way, HalfDuplex):
            raise ValueError("a window is for requests whose answers cannot be confused")
        await self._way.let_late_answers_run_out(key)
