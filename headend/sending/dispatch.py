"""Where a daemon takes commands for meters on its lines: each is a job that overtakes the schedule."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from headend.collection.crew import Crew
from headend.collection.line import Line
from headend.collection.poller import Poller
from headend.collection.survey import MeterPath
from headend.errands.kept import NotKept
from headend.errors import HeadendError
from headend.safety.command import CommandKey, State
from headend.safety.function import TRAITS, Effect, Function
from headend.safety.verification import COMPARED
from headend.sending.book import Due, Told
from headend.sending.sender import PATIENCE_S, Next, Sender
from headend.work.job import Job
from headend.work.plan import Kind, Priority
from protocols.errors import LeaseLost
from storage.errors import DatabaseUnreachable, StorageError

_log = structlog.get_logger("sending")

_LOOK_S: Final = 1.0
_PART: Final = 10
"""Looking for what waits takes at most about such a part of the time."""
_AWAY_S: Final = 5.0
_JOB: Final = timedelta(hours=1)
BURY_AFTER: Final = timedelta(seconds=PATIENCE_S + 5)
"""A claim older than that sends nothing any more: its permit is over."""
_BEFORE_ALL: Final = timedelta(days=1)
_AGAIN_S: Final = (2.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Between two looks at a meter, or two tries to reach it."""
_WAIT_S: Final = (1.0, 3.0)
"""Before it is asked again whether a command may go now: at random, so that many do not ask together."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A command that is not at its end, `since` when it is so. `among`: whether its order has other meters, too."""

    key: CommandKey
    state: State
    since: datetime
    not_before: datetime
    function: Function
    claim: str = ""
    among: bool = False


class Queue(Protocol):
    """Raises `StorageError`."""

    async def waiting(self, meters: Collection[str]) -> list[Waiting]:
        """Released, sent, acknowledged and unknown commands of these meters."""

    async def due(self, key: CommandKey) -> Due | None:
        """As it is now; None where there is no such command."""

    async def ring(self, timeout_s: float) -> None:
        """Until something was released, or so long."""


@dataclass(slots=True)
class _Rest:
    """When a command is looked at again, and after how many tries that is."""

    until: datetime
    tries: int = 0


class Dispatch:
    """`run` beside a crew; `errand` and `given_up` are its pollers'. `spread`: over how long the switches of one order
    begin, at random."""

    def __init__(
        self,
        queue: Queue,
        sender: Sender,
        now: Callable[[], datetime],
        spread: timedelta = timedelta(0),
        bury_after: timedelta = BURY_AFTER,
    ) -> None:
        self.sent = 0
        self.settled = 0
        self._queue = queue
        self._sender = sender
        self._now = now
        self._spread = spread
        self._bury_after = bury_after
        self._numbers = itertools.count(1)
        self._under_way: dict[int, Waiting] = {}
        self._rests: dict[CommandKey, _Rest] = {}

    async def run(self, crew: Crew) -> None:
        """Until cancelled. A database that is away is asked again: without it nothing is sent."""
        while True:
            try:
                began = time.monotonic()
                await self._look(crew)
                took = time.monotonic() - began
                await asyncio.sleep(min(_LOOK_S * 5, took * _PART))  # every transition of ours rings, too
                await self._queue.ring(_LOOK_S)
            except DatabaseUnreachable as error:
                _log.debug("no commands can be taken", reason=str(error))
                await asyncio.sleep(_AWAY_S)

    async def close(self) -> None:
        """Nothing is held: what was not sent waits in the database, what was is looked after by whoever comes next."""

    async def _look(self, crew: Crew) -> None:
        mine: dict[str, tuple[Poller, int]] = {
            meter.name: (poller, meter.id)
            for poller in crew.pollers
            if crew.working(poller.line.path.name) is poller
            for meter in poller.meters
        }
        rows = await self._queue.waiting(mine) if mine else []
        busy = {row.key for row in self._under_way.values()}
        known = {row.key for row in rows}
        self._rests = {key: rest for key, rest in self._rests.items() if key in known}
        now = self._now()
        for row in rows:
            if row.key in busy:
                continue
            if row.state is State.SENT:
                await self._bury(row)
            elif now >= self._rest(row, now).until:
                poller, meter_id = mine[row.key.meter]
                self._hand_over(row, poller, meter_id, now)

    def _rest(self, row: Waiting, now: datetime) -> _Rest:
        if row.key not in self._rests:
            late = random.uniform(0.0, 1.0) if row.among and TRAITS[row.function].moves else 0.0
            first = max(row.not_before, now + late * self._spread) if row.state is State.RELEASED else now
            self._rests[row.key] = _Rest(first)
        return self._rests[row.key]

    async def _bury(self, row: Waiting) -> None:
        """Claimed by who works the line no more, or died: nobody knows whether the frame went out."""
        if row.claim in self._sender.claims or self._now() - row.since < self._bury_after:
            return
        _log.warning(
            "the sender of a command is gone: what it did is unknown", meter=row.key.meter, order=row.key.order
        )
        await self._sender.book.move(row.key, State.SENT, State.UNKNOWN, Told("its sender died"))

    def _hand_over(self, row: Waiting, poller: Poller, meter_id: int, now: datetime) -> None:
        """Giving back stands before everything else that persons want of the line: as if it were wanted long ago."""
        slot = now - _BEFORE_ALL if TRAITS[row.function].effect is Effect.RESTORES else now
        number = next(self._numbers)
        self._under_way[number] = row
        poller.ask([Job(meter_id, slot, now, now + _JOB, Priority.PERSON, 1, Kind.COMMAND, request=number)])

    async def errand(self, line: Line, meter: MeterPath, job: Job) -> None:
        """Send a command, or look after it. Raises `CommunicationError` as any errand."""
        row = self._under_way.get(job.request or 0)
        if row is None:
            return
        after = Next.LOOK
        try:
            after = await self._turn(line, meter, row)
        except LeaseLost:
            raise
        except StorageError as error:
            raise NotKept(f"the database does not do it: {error}") from error
        except HeadendError as error:  # no key opens the meter's password: what was not sent waits, and may expire
            _log.error("a command's password cannot be opened", meter=row.key.meter, reason=str(error))
            raise NotKept(str(error)) from error
        finally:
            self._under_way.pop(job.request or 0, None)
            self._rest_until_next(row, after)

    async def _turn(self, line: Line, meter: MeterPath, row: Waiting) -> Next:
        due = await self._queue.due(row.key)
        if due is None:
            return Next.NOTHING
        after, since = Next.LOOK, row.since
        if due.state is State.RELEASED:
            after, state = await self._sender.send(line, meter, due)
            self.sent += state in (State.ACKNOWLEDGED, State.UNKNOWN, State.FAILED)
            if due.order.function in COMPARED:
                return after  # what the meter showed before is in the book
            since, due = self._now(), replace(due, state=state)
        if after is Next.LOOK and due.state in (State.ACKNOWLEDGED, State.UNKNOWN):
            after, _ = await self._sender.look(line, meter, due, since)
            self.settled += after is Next.NOTHING
        return after

    def _rest_until_next(self, row: Waiting, after: Next) -> None:
        rest = self._rests.setdefault(row.key, _Rest(self._now()))
        if after is Next.WAIT:
            rest.until = self._now() + timedelta(seconds=random.uniform(*_WAIT_S))
        else:
            rest.until = self._now() + timedelta(seconds=_AGAIN_S[min(rest.tries, len(_AGAIN_S) - 1)])
            rest.tries += 1

    def given_up(self, job: Job, reason: str) -> None:
        """Its turn never came, or the meter fell silent before: it is taken anew."""
        row = self._under_way.pop(job.request or 0, None)
        if row is not None:
            self._rest_until_next(row, Next.LOOK)
