"""The demo: the whole chain on embedded parts, in one directory, with nothing installed.

simulated meters --PTY, TCP, dialled-in TCP, MQTT--> collector --> embedded PostgreSQL --> tables and exports

One meter is dead, one is exchanged, one bus's gateway goes away over a full minute: that bus is read by minutes, of
which its meters keep load records; the others by seconds, of which no meter keeps anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from headend import exports
from headend.api.offered import offered
from headend.collection.collector import Collector
from headend.collection.slots import next_slot
from headend.commands.sweeping import sweeping
from headend.daemon import prepare
from headend.demo_config import EVERY_S, configure
from headend.demo_people import welcome, with_areas
from headend.demo_plot import Outage, Use, all_had, count_recovered, cut_off, exchange, planned_outage, used
from headend.errands.staff import employed
from headend.health.host_clock import watched_clock
from headend.place import Store, store
from headend.registry.files import additions
from headend.sending.at_work import sending
from protocols.links.listen import close_listeners
from simulators.demo import Cast, demo_cast
from simulators.fleet import Fleet
from simulators.registry import write_registry
from storage.entries import Additions
from storage.exchange import ExchangeDone
from storage.ledger import State
from storage.migrate import migrate
from storage.reader import Reading

_MARGIN_S: Final = 0.2
_LOOK_S: Final = 1.0
"""So long before the end it is looked whether the outage's slots are whole."""
_PATIENCE_S: Final = 60


@dataclass(slots=True)
class Progress:
    """How far the demo is; shown while it runs."""

    stage: str = "starting"
    meters: int = 0
    seconds: float = 0.0
    of_seconds: float = 0.0
    readings: int = 0
    pending: int = 0
    news: list[str] = field(default_factory=list)
    """What has happened, a sentence each."""


@dataclass(slots=True)
class Result:
    """What the demo did. `lost` are readings that were received and are not stored."""

    workdir: Path
    meters: int = 0
    expected: int = 0
    stored: int = 0
    lost: int = 0
    collecting_s: float = 0.0
    missing: dict[str, int] = field(default_factory=dict)
    gaps: dict[str, int] = field(default_factory=dict)
    """Captures by their state in the ledger, with their sum, `expected`."""
    outage: Outage | None = None
    dead: tuple[str, int] | None = None
    """The dead meter and how many captures of it are given up."""
    use: Use | None = None
    """What was used at the point whose meter was exchanged."""
    latest: list[tuple[str, Reading]] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)

    @property
    def readings_per_s(self) -> float:
        return round(self.stored / self.collecting_s, 1) if self.collecting_s else 0.0

    def document(self) -> dict[str, Any]:
        """As the command line's contract spells it."""
        return {
            "meters": self.meters,
            "expected": self.expected,
            "stored": self.stored,
            "lost": self.lost,
            "readings_per_s": self.readings_per_s,
            "gaps": self.gaps,
            "exports": [str(path) for path in self.written],
            "workdir": str(self.workdir),
        }


async def run(workdir: Path, meters: int, seconds: float, show: Callable[[Progress], None]) -> Result:
    """Collect from `meters` simulated meters for `seconds`, and until what an outage has made missing is there.
    `workdir` is made, and must hold no demo yet."""
    progress = Progress(meters=meters)
    scenario, config = configure(workdir, meters)
    show(progress)
    cast = demo_cast(scenario)
    async with Fleet(scenario) as fleet:
        write_registry(fleet, workdir / "registry", {cast.new})
        progress.stage = "starting the database"
        show(progress)
        async with store(config) as opened:
            await migrate(opened.conninfo)
            await _register(opened, workdir / "registry")
            await welcome(config, opened)
            span = await _span(seconds)
            result = Result(workdir, meters)
            async with (
                watched_clock() as clock,
                employed(config, opened) as staff,
                sending(config, opened.conninfo, clock) as dispatch,
                sweeping(config, opened.conninfo, clock, every_s=1.0, estimate_s=5.0),
                offered(config, opened.conninfo, clock),
            ):
                collector = await prepare(config, opened, staff=staff, clock=clock, dispatch=dispatch)
                done = await _play(_Stage(fleet, opened, collector, progress, show), cast, span, result)
            progress.stage = "exporting"
            show(progress)
            await asyncio.sleep(max(0.0, (span.end - datetime.now(UTC)).total_seconds()))  # the last slot is over
            await opened.registry.keep_plans([], span.end)  # nobody goes on with them
            await _sum_up(result, opened, collector, span)
            await _account(result, opened, cast, span)
            result.use = await used(opened, done, span.start, span.end) if done else None
    progress.stage = "done"
    show(progress)
    return result


@dataclass(slots=True)
class _Span:
    """When is collected; `end` is a slot's, so that none is cut in two."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        self.end = next_slot(self.end, EVERY_S)

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds() - _MARGIN_S

    def stretch(self, to: datetime) -> None:
        """At least until then."""
        self.end = max(self.end, next_slot(to, EVERY_S))


async def _span(seconds: float) -> _Span:
    """From now on, or from behind the slot that is about to begin."""
    now = datetime.now(UTC)
    left = (next_slot(now, EVERY_S) - now).total_seconds()
    if left < _LOOK_S:
        await asyncio.sleep(left + _MARGIN_S)
        now = datetime.now(UTC)
    return _Span(now, now + timedelta(seconds=seconds))


@dataclass(frozen=True, slots=True)
class _Stage:
    fleet: Fleet
    opened: Store
    collector: Collector
    progress: Progress
    show: Callable[[Progress], None]


async def _play(stage: _Stage, cast: Cast, span: _Span, result: Result) -> ExchangeDone | None:
    """Collect while things happen. Gives the exchange, if it came to that."""
    fleet, opened, tell = stage.fleet, stage.opened, stage.progress.news.append
    at = next_slot(span.start + timedelta(seconds=EVERY_S), EVERY_S)
    span.stretch(at + timedelta(seconds=3 * EVERY_S))
    exchanging = asyncio.create_task(exchange(fleet, opened, cast.old, cast.new, at, tell))
    plot: list[asyncio.Task[Any]] = [exchanging]
    if cast.cut_off:
        result.outage = planned_outage(cast.cut_off, span.start)
        span.stretch(result.outage.over_by)
        plot.append(asyncio.create_task(cut_off(fleet, result.outage, tell)))
    stage.progress.of_seconds = span.seconds
    began = datetime.now(UTC)
    try:
        await _collect(stage, span, result.outage)
        result.collecting_s = (datetime.now(UTC) - began).total_seconds()
    finally:
        for task in plot:
            task.cancel()
        await asyncio.gather(*plot, return_exceptions=True)
        await close_listeners()
    for task in plot:
        if not task.cancelled():
            task.result()
    return None if exchanging.cancelled() else exchanging.result()


async def _register(opened: Store, folder: Path) -> None:
    new = additions(Additions(), folder / "lines.csv", folder / "meters.csv", folder / "points.csv")
    await opened.registry.add(with_areas(new))


async def _collect(stage: _Stage, span: _Span, outage: Outage | None) -> None:
    """Until the span is over; it is stretched, not for ever, while the outage's slots are not whole."""
    collector, progress = stage.collector, stage.progress
    latest = span.end + timedelta(seconds=_PATIENCE_S)
    running = asyncio.create_task(collector.run())
    progress.stage = "collecting"
    while not running.done():
        left = (span.end - datetime.now(UTC)).total_seconds() - _MARGIN_S
        if outage is not None and left < _LOOK_S and span.end < latest:
            if await all_had(stage.opened, outage.line, span.start, span.end):
                outage = None
            else:
                span.stretch(span.end + timedelta(seconds=1))
                progress.of_seconds = span.seconds
                left += EVERY_S
        if left <= 0:
            collector.stop()
        await asyncio.wait({running}, timeout=min(max(left, 0.02), 0.25))
        progress.seconds = min(progress.of_seconds, (datetime.now(UTC) - span.start).total_seconds())
        progress.readings = collector.counters["poller"]["readings"]
        progress.pending = len(collector.pending)
        stage.show(progress)
    await running


async def _account(result: Result, opened: Store, cast: Cast, span: _Span) -> None:
    """What became of the captures that an outage and a dead meter kept from us."""
    if result.outage:
        await count_recovered(opened, result.outage)
    if cast.dead:
        dead = await opened.registry.meter(cast.dead)
        balance = await opened.ledger.balance(span.start, span.end, [dead.id])
        result.dead = cast.dead, balance.states[State.UNRECOVERABLE]


async def _sum_up(result: Result, opened: Store, collector: Collector, span: _Span) -> None:
    began, ended = span.start, span.end
    received = collector.counters["poller"]["readings"]
    totals = await opened.reader.totals(began, ended)
    result.stored = totals.values
    result.lost = received - totals.values
    gaps = await opened.reader.gaps(began, ended)
    result.missing = dict(gaps.missing)
    result.expected = await opened.reader.expected_values(began, ended)
    result.gaps = (await opened.ledger.balance(began, ended)).counts
    names = {meter.id: meter.name for meter in await opened.registry.meters()}
    readings = await opened.reader.readings(list(names), began, ended)
    result.latest = [(names[r.meter_id], r) for r in await opened.reader.latest(None, ended, ended - began)]
    result.written = await asyncio.to_thread(exports.write, result.workdir / "export", readings, names)
