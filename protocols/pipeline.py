"""Several requests in flight on one link, where each answer says by a number what it answers: Modbus TCP.

One task listens while the link is open, and gives every frame to the request that knows it. What is asked in the same
turn of the event loop is sent at once: the system's call for sending costs as much as all else about a read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from protocols.errors import LinkClosed, NotPermitted
from protocols.exchange import Ask, FrameReader, Noise
from protocols.links.base import Link
from protocols.timing import Timing
from protocols.traffic import Traffic

F = TypeVar("F")


@dataclass(slots=True, eq=False)
class _Flight(Generic[F]):
    """A request on its way. `answer` becomes None at the deadline, and an error where the link goes away."""

    ask: Ask[F]
    answer: asyncio.Future[F | None]
    deadline: float = 0.0
    hard_deadline: float = 0.0


class Pipeline(Generic[F]):
    """Sends requests side by side. It keeps no pauses: there is no line between us and the other side."""

    __slots__ = ("_flights", "_link", "_listening", "_reader", "_sending", "_timer", "_timing", "_traffic", "_unsent")

    def __init__(self, link: Link, reader: FrameReader[F], timing: Timing, traffic: Traffic) -> None:
        self._link = link
        self._reader = reader
        self._timing = timing
        self._traffic = traffic
        self._unsent: list[_Flight[F]] = []
        self._flights: dict[_Flight[F], None] = {}  # sent and not answered, oldest first
        self._listening: asyncio.Task[None] | None = None
        self._sending: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def ask(self, ask: Ask[F]) -> F | None:
        """The answer; None when it has not come in time, or when nobody answers such a thing.

        Raises `NotPermitted` with nothing sent, `LinkClosed`.
        """
        loop = asyncio.get_running_loop()
        flight: _Flight[F] = _Flight(ask, loop.create_future())
        self._unsent.append(flight)
        if self._sending is None:
            self._sending = self._start(self._send())
        if self._listening is None:
            self._listening = self._start(self._listen())
        try:
            return await flight.answer
        finally:
            self._flights.pop(flight, None)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Throw what ended a half of ours into everything that waits."""
        if task is self._listening:
            self._listening = None
        else:
            self._sending = None
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        flights, self._unsent = [*self._unsent, *self._flights], []
        for flight in flights:
            if not flight.answer.done():
                flight.answer.set_exception(LinkClosed(str(error)) if isinstance(error, LinkClosed) else error)

    async def _send(self) -> None:
        while self._unsent:
            flights = self._unsent
            data = b"".join([flight.ask.data for flight in flights if self._departs(flight)])
            self._unsent = []
            if data:
                await self._link.send(data)
            for flight in flights:
                if not flight.ask.answered:
                    self._land(flight, None)

    def _departs(self, flight: _Flight[F]) -> bool:
        """Whether it is sent now: not if it was given up, nor if it lacks its permit."""
        if flight.answer.done():
            return False
        try:
            self._traffic.sent(flight.ask)
        except NotPermitted as error:
            flight.answer.set_exception(error)
            return False
        budget = self._timing.budget(len(flight.ask.data), flight.ask.reply_bytes)
        flight.deadline = asyncio.get_running_loop().time() + budget
        flight.hard_deadline = flight.deadline + budget
        self._flights[flight] = None
        if self._timer is None or flight.deadline < self._timer.when():
            self._set_timer(flight.deadline)
        return True

    def _land(self, flight: _Flight[F], answer: F | None) -> None:
        self._flights.pop(flight, None)
        if not flight.answer.done():
            flight.answer.set_result(answer)

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        reader, link = self._reader, self._link
        while True:
            chunk = await link.receive(loop.time() + self._timing.gap if reader.pending else None)
            if chunk:
                self._traffic.received(chunk)
                self._sort(reader.feed(chunk))
            else:
                self._sort(reader.flush())

    def _sort(self, events: Sequence[F | Noise]) -> None:
        counters = self._traffic.counters
        for event in events:
            if isinstance(event, Noise):
                self._traffic.dropped(event)
                continue
            for flight in self._flights:
                if flight.ask.answers(event):
                    self._land(flight, event)
                    counters.answers += 1
                    break
            else:
                counters.strays += 1

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._expire)

    def _expire(self) -> None:
        """End what is over time. A frame that is growing may be the one: it is waited for, though not for ever."""
        self._timer = None
        now = asyncio.get_running_loop().time()
        for flight in list(self._flights):
            if self._reader.pending:
                flight.deadline = max(flight.deadline, min(flight.hard_deadline, now + self._timing.gap))
            if flight.deadline <= now:
                self._land(flight, None)
        if self._flights:
            self._set_timer(min(flight.deadline for flight in self._flights))
