"""Where a daemon takes what people want of its lines: each request becomes a job that overtakes the schedule."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import structlog

from headend.collection.crew import Crew
from headend.collection.line import Line
from headend.collection.poller import Poller
from headend.collection.survey import MeterPath
from headend.collection.turn import Errand
from headend.errors import HeadendError
from headend.events.ping import question
from headend.metering.adhoc import document, read_now, reads_for
from headend.work.job import Job
from headend.work.plan import Kind, Priority
from protocols.errors import CommunicationError, LeaseLost, ModelError
from storage.bell import Bell
from storage.errors import DatabaseUnreachable, StorageError
from storage.requests import Request, RequestState, RequestTable

_log = structlog.get_logger("desk")

_LOOK_S: Final = 2.0
"""Between two looks while nobody rings."""
_AWAY_S: Final = 5.0


class Desk:
    """`run` beside a crew; `errand` and `given_up` are its pollers'. `reopened` is told of spans that somebody wants
    again; `events` reads a meter's events on and stores them."""

    def __init__(
        self,
        conninfo: str,
        name: str,
        now: Callable[[], datetime],
        reopened: Callable[[datetime, datetime], None] = lambda start, end: None,
        events: Errand | None = None,
    ) -> None:
        self.answered = 0
        self.recollections = 0
        self._table = RequestTable(conninfo)
        self._results = RequestTable(conninfo)
        self._bell = Bell(conninfo, "request")
        self._name = name
        self._now = now
        self._reopened = reopened
        self._events = events
        self._held: dict[int, Request] = {}
        self._seen: int | None = None
        self._finished: asyncio.Queue[tuple[int, RequestState, Mapping[str, Any] | None, Mapping[str, Any] | None]]
        self._finished = asyncio.Queue()

    async def run(self, crew: Crew) -> None:
        """Until cancelled. A database that is away is asked again."""
        writing = asyncio.create_task(self._write(), name="answers")
        try:
            while not writing.done():
                try:
                    await self._bell.wait(0)
                    await self._look(crew)
                    await self._bell.wait(_LOOK_S)
                except DatabaseUnreachable as error:
                    _log.debug("no requests can be taken", reason=str(error))
                    await asyncio.sleep(_AWAY_S)
            writing.result()
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def close(self) -> None:
        """When all pollers have ended: whoever waits still is told, if the database can be."""
        for number in list(self._held):
            self._fail(number, "stopped", "the daemon has stopped")
        with suppress(StorageError):
            while not self._finished.empty():
                await self._results.finish(*self._finished.get_nowait())
        for session in (self._table, self._results, self._bell):
            await session.close()

    async def errand(self, line: Line, meter: MeterPath, job: Job) -> None:
        """Do a request and keep its answer. Raises `CommunicationError` as any errand."""
        request = self._held.get(job.request or 0)
        if request is None:
            return
        try:
            told = await self._answer(request, line, meter, job)
        except LeaseLost:
            self._fail(request.id, "stopped", "the line has gone to another daemon")
            raise
        except CommunicationError as error:
            self._fail(request.id, error.label, str(error))
            raise
        except (ModelError, HeadendError) as error:
            self._fail(request.id, "usage", str(error))
        else:
            self._finish(request.id, RequestState.DONE, told, None)

    async def _answer(self, request: Request, line: Line, meter: MeterPath, job: Job) -> dict[str, Any]:
        """What came; of events only that they were read, for they are in the database then. Raises
        `CommunicationError`, `ModelError`, `HeadendError`."""
        if request.kind == "events":
            if self._events is None:
                raise HeadendError("this daemon reads no events")
            await self._events(line, meter, job)
            return {"address": meter.address}
        ping = request.kind == "ping"
        reads = [("ping", question(meter.model))] if ping else reads_for(meter.model, request.items)
        answers, elapsed = await read_now(line, meter.address, reads)
        return _plain(document(meter.address, answers, elapsed))

    def given_up(self, job: Job, reason: str) -> None:
        """Its turn never came, or the meter fell silent before."""
        if job.request in self._held and reason != "expired":
            self._fail(job.request, reason, f"the meter was not asked: {reason}")
        elif job.request is not None:
            self._held.pop(job.request, None)

    async def _look(self, crew: Crew) -> None:
        """Take what is for our lines, end what nobody took, hear of what is wanted again."""
        mine: dict[int, Poller] = {
            meter.id: poller
            for poller in crew.pollers
            if crew.working(poller.line.path.name) is poller
            for meter in poller.meters
        }
        wanted = [number for number, meter_id in (await self._table.queued()).items() if meter_id in mine]
        for request in await self._table.take(wanted, self._name) if wanted else ():
            self._held[request.id] = request
            now = self._now()
            left = request.expires - await self._table.now()
            job = Job(request.meter_id, now, now, now + left, Priority.PERSON, 1, Kind.REQUEST, request=request.id)
            mine[request.meter_id].ask([job])
        await self._table.expire()
        if self._seen is None:
            self._seen = await self._table.seen()
        for number, start, end in await self._table.recollected(self._seen):
            self._seen = number
            self.recollections += 1
            self._reopened(start, end)
            for poller in crew.pollers:
                poller.look_for_gaps()

    def _fail(self, number: int, kind: str, message: str) -> None:
        self._finish(number, RequestState.FAILED, None, {"kind": kind, "message": message})

    def _finish(
        self, number: int, state: RequestState, result: Mapping[str, Any] | None, error: Mapping[str, Any] | None
    ) -> None:
        self._held.pop(number, None)
        self.answered += 1
        self._finished.put_nowait((number, state, result, error))

    async def _write(self) -> None:
        """Answers go to the database beside the turns: a line does not wait for it."""
        while True:
            answer = await self._finished.get()
            while True:
                try:
                    await self._results.finish(*answer)
                    break
                except DatabaseUnreachable:
                    await asyncio.sleep(_AWAY_S)


def _plain(told: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON has it: times in ISO 8601."""
    values = [
        {key: cell.isoformat() if isinstance(cell, datetime) else cell for key, cell in value.items()}
        for value in told["values"]
    ]
    return {**told, "values": values}
