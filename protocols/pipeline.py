"""Requests on a link where each answer says by a number what it answers (Modbus TCP): one or several in flight.

Bytes are taken where they arrive: no task waits for them. What is asked in the same turn of the event loop goes out at
once where several may be in flight: the system's call for sending costs as much as all else about a read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from protocols.errors import LeaseLost, LinkClosed, NotPermitted
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


class Pipeline(Generic[F]):
    """Sends requests, up to `window` of them before the first is answered. It keeps no pauses: there is no line."""

    __slots__ = (
        "_flights",
        "_link",
        "_loop",
        "_reader",
        "_sending",
        "_silence",
        "_timer",
        "_timing",
        "_traffic",
        "_unsent",
    )

    turnaround: Final = None
    """Answers are numbered and come side by side: their time is whoever waits for them to measure."""

    def __init__(self, link: Link, reader: FrameReader[F], timing: Timing, traffic: Traffic, *, window: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._link = link
        self._reader = reader
        self._timing = timing
        self._traffic = traffic
        self._unsent: list[_Flight[F]] | None = [] if window > 1 else None
        self._flights: list[_Flight[F]] = []  # sent and not answered, oldest first
        self._sending: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._silence: asyncio.TimerHandle | None = None
        link.listen(self._heard)

    async def send(self, ask: Ask[F]) -> asyncio.Future[F | None]:
        """The answer to come: None when it has not come in time, or when nobody answers such a thing.

        Raises `NotPermitted` and `LeaseLost` with nothing sent, and `LinkClosed`; so does the answer.
        """
        flight: _Flight[F] = _Flight(ask, self._loop.create_future())
        if self._unsent is None:
            self._traffic.sent(ask)
            self._depart(flight)
            await self._link.send(ask.data)
            if not ask.answered:
                self._land(flight)
        else:
            self._unsent.append(flight)
            if self._sending is None:
                self._sending = self._loop.create_task(self._send_all(self._unsent))
                self._sending.add_done_callback(self._sent_all)
        return flight.answer

    async def _send_all(self, unsent: list[_Flight[F]]) -> None:
        while unsent:
            data = b"".join([flight.ask.data for flight in unsent if self._departs(flight)])
            unanswered = [flight for flight in unsent if not flight.ask.answered]
            unsent.clear()
            if data:
                await self._link.send(data)
            for flight in unanswered:
                self._land(flight)

    def _sent_all(self, task: asyncio.Task[None]) -> None:
        self._sending = None
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(error)

    def _departs(self, flight: _Flight[F]) -> bool:
        """Whether it is sent now: not if it was given up, nor if it lacks its permit or the line is lost."""
        if flight.answer.done():
            return False
        try:
            self._traffic.sent(flight.ask)
        except (NotPermitted, LeaseLost) as error:
            flight.answer.set_exception(error)
            return False
        self._depart(flight)
        return True

    def _depart(self, flight: _Flight[F]) -> None:
        flight.deadline = self._loop.time() + self._timing.budget(len(flight.ask.data), flight.ask.reply_bytes)
        self._flights.append(flight)
        if self._timer is None or flight.deadline < self._timer.when():
            self._set_timer(flight.deadline)

    def _land(self, flight: _Flight[F]) -> None:
        """Without an answer."""
        if flight in self._flights:
            self._flights.remove(flight)
        if not flight.answer.done():
            flight.answer.set_result(None)

    def _fail(self, error: BaseException) -> None:
        """Throw what ended the link, or a half of ours, into everything that waits."""
        flights, self._flights = [*self._flights, *(self._unsent or ())], []
        for flight in flights:
            if not flight.answer.done():
                flight.answer.set_exception(LinkClosed(str(error)) if isinstance(error, LinkClosed) else error)

    def _heard(self) -> None:
        try:
            chunk = self._link.receive_nowait()
        except LinkClosed as error:
            self._fail(error)
            return
        self._traffic.received(chunk)
        self._sort(self._reader.feed(chunk))
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
        if self._reader.pending:
            self._silence = self._loop.call_later(self._timing.gap, self._give_up_half_a_frame)

    def _give_up_half_a_frame(self) -> None:
        self._silence = None
        self._sort(self._reader.flush())

    def _sort(self, events: Sequence[F | Noise]) -> None:
        counters = self._traffic.counters
        for event in events:
            if isinstance(event, Noise):
                self._traffic.dropped(event)
                continue
            for flight in self._flights:
                if flight.ask.answers(event):
                    self._flights.remove(flight)
                    if flight.answer.done():  # given up
                        counters.strays += 1
                    else:
                        counters.answers += 1
                        flight.answer.set_result(event)
                    break
            else:
                counters.strays += 1

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._expire)

    def _expire(self) -> None:
        """End what is over time. A frame that is growing may be the one: it is waited for, but only as long again."""
        self._timer = None
        now = self._loop.time()
        for flight in list(self._flights):
            ask = flight.ask
            again = self._timing.budget(len(ask.data), ask.reply_bytes) if self._reader.pending else 0.0
            if flight.answer.done() or flight.deadline + again <= now:
                self._land(flight)
        if self._flights:
            earliest = min(flight.deadline for flight in self._flights)
            self._set_timer(max(earliest, now + self._timing.gap) if self._reader.pending else earliest)
