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
from protocols.traffic import Guard, LineCounters, Permit, Tap, Traffic, ours, refuse

__all__ = ["Driver", "Guard", "LineCounters", "Permit", "Tap", "ours", "refuse"]

F = TypeVar("F")
T = TypeVar("T")


class Driver(Generic[F]):
    """One line's conversations: one after the other, or `window` of them side by side.

    `reader` is the framing that stands on this link. `echo` says that the adapter hands our own bytes back first.
    `permit` is asked before each frame that acts; by default none goes out. `guard` is asked before every request. A
    `window`, be it of 1, is for requests alone whose answers cannot be confused (`Ask.confusable` is None); it keeps no
    pauses and knows no echo.
    """

    __slots__ = ("_places", "_running", "_started", "_way", "counters", "link", "timing")

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
        traffic = Traffic(self.counters, tap, permit, guard)
        self._way: HalfDuplex[F] | Pipeline[F] = (
            Pipeline(link, reader, timing, traffic, window=window)
            if window
            else HalfDuplex(link, reader, timing, traffic, echo=echo)
        )

    async def run(self, exchange: Exchange[F, T]) -> T:
        """Drive `exchange` to its end and return its value.

        Raises what the conversation raises: `Refused`, `BadAnswer`, `NoAnswer` after all tries, `LinkClosed`; and
        `NotPermitted` and `LeaseLost`, which the conversation does not see. A conversation that acts twice with the
        same bytes is a mistake of ours: `ValueError`, and they are not sent again.
        """
        await self._places.acquire()
        loop = asyncio.get_running_loop()
        if not self._running:
            self._started = loop.time()
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
                    answer = await (await self._way.send(ask))
                    if answer is None:
                        answer = await self._again(ask, noise)
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
            if not self._running:
                self.counters.busy_s += loop.time() - self._started

    async def _again(self, ask: Ask[F], noise: int) -> F:
        """After silence: the same once more, as often as allowed. `noise`: the line's count before the first time.

        Raises `NoAnswer`. Side by side with others, its noise is that of the whole line meanwhile.
        """
        if not ask.answered:
            raise NoAnswer("nobody answers this")
        self.counters.timeouts += 1
        retries = self.timing.retries if ask.repeatable and not ask.acts else 0
        for _ in range(retries):
            self.counters.retries += 1
            answer = await (await self._way.send(ask))
            if answer is not None:
                return answer
            self.counters.timeouts += 1
        budget = self.timing.budget(len(ask.data), ask.reply_bytes)
        noise = self.counters.noise_bytes - noise
        but = f", but {noise} bytes that were no frame" if noise else ""
        raise NoAnswer(f"no answer within {budget:.2f} s, asked {1 + retries} times{but}", noise)

    async def _let_late_answers_run_out(self, key: Hashable) -> None:
        if not isinstance(self._way, HalfDuplex):
            raise ValueError("a window is for requests whose answers cannot be confused")
        await self._way.let_late_answers_run_out(key)
