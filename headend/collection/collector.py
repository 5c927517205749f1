"""The collector: every line's poller, the bounded queue between, the recorder, and a sign of life.

Poller (a line) --+
Poller (a line) --+--> Pending (bounded) --> Recorder --> database
Poller (a line) --+
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Protocol

import structlog

from headend.cluster.keeper import Keeper
from headend.collection.crew import Crew
from headend.collection.line import Line, LinePath
from headend.collection.line_budget import told
from headend.collection.poller import Poller, utc_now
from headend.collection.recovery import Gaps
from headend.collection.survey import MeterPath
from headend.collection.throttle import Throttles
from headend.collection.turn import Errand
from headend.config import Config
from headend.duration import seconds
from headend.recording.pending import Pending
from headend.recording.recorder import Recorder, Spooling
from headend.wire.log import WireLogs
from headend.work.job import Job
from headend.work.plan import Kind, Plan
from storage.errors import StorageError
from storage.spool.spool import Spool
from storage.writer import Writer

_log = structlog.get_logger("collector")


class Rota(Protocol):
    """Who decides which lines are polled, beside those that are polled from the start."""

    async def run(self, crew: Crew) -> None:
        """Begins and retires pollers until cancelled."""

    async def leave(self) -> None:
        """Called when all pollers have ended."""


class Desk(Protocol):
    """What takes work for the crew's lines from the database, one kind of it."""

    async def run(self, crew: Crew) -> None:
        """Until cancelled."""

    async def errand(self, line: Line, meter: MeterPath, job: Job) -> None:
        """Do one job of it, as any errand."""

    def given_up(self, job: Job, reason: str) -> None:
        """Its turn never came, or the meter fell silent before."""

    async def close(self) -> None:
        """Called when all pollers have ended."""


class Collector:
    """Runs until `stop`, then ends in order: what was received is stored before `run` returns."""

    def __init__(
        self,
        config: Config,
        lines: Sequence[tuple[LinePath, Sequence[MeterPath]]],
        plans: Sequence[Plan],
        conninfo: str,
        *,
        beat: Callable[[Collector], Any] | None = None,
        revive: Callable[[], Awaitable[None]] | None = None,
        spooling: Spooling | None = None,
        gaps: Gaps | None = None,
        errands: Mapping[Kind, Errand] | None = None,
        doubtful: Container[int] = (),
        desks: Mapping[Kind, Desk] | None = None,
        rota: Rota | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.config = config
        self.started = now()
        self.pending = Pending(config.queue.captures)
        self._writer = Writer(conninfo)
        self.recorder = Recorder(
            self._writer, self.pending, config.queue.batch, seconds(config.queue.linger), revive, spooling
        )
        self.rota = rota
        self._desks = dict(desks or {})
        by_kind: dict[Kind, Errand] = {**(errands or {}), **{kind: desk.errand for kind, desk in self._desks.items()}}
        throttles = Throttles(config.throttle)
        wires = WireLogs.of(config)
        self._crew = Crew(
            lambda path, meters, guard: Poller(
                Line(path, _timing(config, path), wires.tap(path) if wires else None, guard),
                meters,
                plans,
                self.pending,
                now,
                gaps=gaps,
                errands=by_kind,
                doubtful=doubtful,
                throttle=throttles.of(path),
                given_up=self._given_up,
            )
        )
        for path, meters in lines:
            if meters:
                self._crew.begin(path, meters)
        self._beat = beat

    def stop(self) -> None:
        """Begin no further survey, store what was received, then return from `run`. May be called from a signal."""
        self._crew.stop()

    @property
    def pollers(self) -> list[Poller]:
        """Those that work now."""
        return self._crew.pollers

    async def run(self) -> None:
        """Raises what ended it, if that was not `stop`: a fault of ours in a poller, or a row the database refuses."""
        recording = asyncio.create_task(self.recorder.run(), name="recorder")
        polling = asyncio.create_task(self._crew.run(), name="pollers")
        beating = asyncio.create_task(self._beats(), name="heartbeat")
        beside = {beating}
        if self.rota is not None:
            beside.add(asyncio.create_task(self.rota.run(self._crew), name="rota"))
        for kind, desk in self._desks.items():
            beside.add(asyncio.create_task(desk.run(self._crew), name=f"desk of {kind}"))
        _log.info("collecting", lines=len(self.pollers), meters=sum(len(p.meters) for p in self.pollers))
        try:
            await asyncio.wait({recording, polling, *beside}, return_when=asyncio.FIRST_COMPLETED)
            if any(task.done() for task in beside):  # only ever by a fault: nobody would see that we live, or lead
                self.stop()
                await asyncio.wait({recording, polling}, return_when=asyncio.FIRST_COMPLETED)
            if recording.done():  # only ever by an error: nobody would empty the queue that the pollers fill
                polling.cancel()
            await asyncio.wait({polling})
            if self.rota is not None:
                await self._rest(beside - {beating})
            for desk in self._desks.values():
                await desk.close()
            await self.pending.close()
            await asyncio.wait({recording})
            self.stop()
            if not beating.done():
                await self._tell()
        finally:
            tasks = (recording, polling, *beside)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._writer.close()
        for task in tasks:
            if not task.cancelled():
                task.result()
        _log.info("stopped", captures=self.recorder.counters.captures)

    def _given_up(self, job: Job, reason: str) -> None:
        desk = self._desks.get(job.kind)
        if desk is not None:
            desk.given_up(job, reason)

    async def _rest(self, leading: set[asyncio.Task[None]]) -> None:
        """Nobody polls any more: others may have our lines, before the last reading is stored."""
        assert self.rota is not None
        for task in leading:
            task.cancel()
        await asyncio.wait(leading)
        await self.rota.leave()

    @property
    def counters(self) -> dict[str, Any]:
        """What the sign of life says: totals over all lines."""
        pollers, lines = self._crew.totals
        return {
            "stopped": self._crew.stopping,
            "lines": len(self.pollers),
            "lines_open": sum(p.line.is_open for p in self.pollers),
            "meters_silent": sum(len(p.failures) for p in self.pollers),
            "pending": len(self.pending),
            "database_away": self.recorder.waiting,
            "spool": _spool_counters(self.recorder.spool),
            "poller": pollers,
            "line": lines,
            "lines_told": told(poller.line for poller in self.pollers),
            "recorder": asdict(self.recorder.counters),
            "leases": _lease_counters(self.rota),
        }

    async def _beats(self) -> None:
        while True:
            await self._tell()
            await asyncio.sleep(seconds(self.config.daemon.heartbeat))

    async def _tell(self) -> None:
        if self._beat is None:
            return
        try:
            await self._beat(self)
        except StorageError as error:
            _log.debug("no sign of life given", reason=str(error))


def _lease_counters(rota: Rota | None) -> dict[str, Any] | None:
    return asdict(rota.counters) | {"lines": rota.lines} if isinstance(rota, Keeper) else None


def _spool_counters(spool: Spool | None) -> dict[str, Any] | None:
    return asdict(spool.state) | asdict(spool.counters) if spool else None


def _timing(config: Config, path: LinePath) -> Any:
    table = config.timing.modbus if path.protocol == "modbus" else config.timing.dlt645
    return table.timing(path.bits_per_second, path.pause)
