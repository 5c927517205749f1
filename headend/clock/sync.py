"""Telling meters the time by 08H: the rules before, the rules again when the frame is about to go out, and a look at
the clocks behind it. Nobody answers 08H, so only the look tells what came of it. Each telling is in the audit: that it
is about to be, what went out, what the clocks showed behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from headend.clock.keeping import keep_surveys
from headend.clock.known import in_ms, known_of
from headend.clock.moment import next_second, on_wire, spelled
from headend.clock.offset import shown_at
from headend.clock.permit import OnlyTime, Stale
from headend.clock.policy import ClockPolicy
from headend.clock.rules import Finding, host_rule, line_rules, meter_rules, refusals, stop_rule
from headend.clock.survey import ClockSurvey, survey_clock
from headend.clock.trust import trust
from headend.collection.line import Line
from headend.collection.survey import MeterPath
from headend.health.host_clock import Discipline, discipline
from protocols.dlt645.address import BROADCAST
from protocols.dlt645.services.clock import set_time
from protocols.errors import CommunicationError, LinkError, NotPermitted
from storage.audit import Entry
from storage.clocks import ClockStore, Settled, ToTell
from storage.errors import AlreadyThere, StorageError

_log = structlog.get_logger("clock")

AUTOMATIC: Final = "automatic"
_TRIES: Final = 3
"""A frame whose second is over when the line is free is made anew, so often."""
_AHEAD: Final = timedelta(milliseconds=200)
"""So long before the frame it is asked once more whether anything is stopped."""


@dataclass(slots=True)
class Synced:
    """What came of it. `findings`: every rule; `told`: the time that was told, None where nothing went out."""

    line: str
    way: str
    findings: list[Finding]
    told: datetime | None = None
    settled: list[Settled] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    """Meters whose clock could not be read behind it: the next reading tells."""

    @property
    def refused(self) -> list[Finding]:
        return refusals(self.findings)


@dataclass(slots=True)
class _Turn:
    """One telling: of `meters` on `line`, at whose wish, and what the rules say at a moment. `stops`: as read last,
    None where that failed. `frame`: what went out."""

    line: Line
    way: str
    actor: str
    by: str
    meters: Sequence[MeterPath]
    rules: Callable[[datetime, frozenset[str] | None], list[Finding]]
    left: timedelta = timedelta(0)
    stops: frozenset[str] | None = None
    frame: bytes = b""

    @property
    def address(self) -> str:
        return self.meters[0].address if self.way == "single" else BROADCAST

    def entry(self, action: str, **more: Any) -> Entry:
        """`by` says who it is by this machine; `actor`, as who he says."""
        body: Mapping[str, Any] = {
            "way": self.way, "actor": self.actor, "meters": [meter.name for meter in self.meters], **more,
        }  # fmt: skip
        meter = self.meters[0].name if self.way == "single" else ""
        return Entry(self.by, action, self.line.path.name, body, meter)


class ClockSync:
    """`single` and `broadcast`; with `dry_run` the rules alone are looked at. `by`: who does it, as the audit has it.
    `host` is asked each time anew."""

    def __init__(
        self,
        store: ClockStore,
        policy: ClockPolicy,
        now: Callable[[], datetime],
        by: str,
        host: Callable[[], Discipline] = discipline,
    ) -> None:
        self._store = store
        self._policy = policy
        self._now = now
        self._by = by
        self._host = host

    async def single(self, line: Line, meter: MeterPath, actor: str, *, dry_run: bool = False) -> Synced:
        """Tell one meter, by its own address; a clock that is far off by one step. Raises `StorageError`."""
        return await self._sync(line, [meter], actor, "single", dry_run)

    async def broadcast(self, line: Line, meters: Sequence[MeterPath], actor: str, *, dry_run: bool = False) -> Synced:
        """Tell all meters of a line; `meters` are all that are known to stand on it. Raises `StorageError`."""
        return await self._sync(line, meters, actor, "broadcast", dry_run)

    async def _sync(self, line: Line, meters: Sequence[MeterPath], actor: str, way: str, dry_run: bool) -> Synced:
        known = await known_of(self._store, self._policy, meters, self._now())

        def rules(at: datetime, stops: frozenset[str] | None) -> list[Finding]:
            first = [stop_rule(known, stops), host_rule(trust(self._host(), self._policy.trust_host))]
            if way == "single":
                return [*first, *meter_rules(known[0], self._policy, at, stepwise=True)]
            return [*first, *line_rules(known, self._policy, at)]

        synced = Synced(line.path.name, way, rules(self._now(), await self._stops()))
        if synced.refused or dry_run:
            return synced
        hearers = [(meter, one) for meter, one in zip(meters, known, strict=True) if one.asks]
        turn = _Turn(line, way, actor, self._by, [meter for meter, _ in hearers], rules)
        if way == "single" and known[0].offset is not None:
            turn.left = self._policy.moved(known[0].offset.offset)
        at = self._now()
        to_tell = [ToTell(m.id, shown_at(at, m.zone).date(), in_ms(one.offset)) for m, one in hearers]
        entry = turn.entry("tell_time", before_ms={m.name: in_ms(one.offset) for m, one in hearers})
        try:
            ids = await self._store.reserve(to_tell, at, way, line.path.name, actor, entry)
        except AlreadyThere:
            synced.findings.append(Finding("once a day", False, "somebody else has just told one of them"))
            return synced
        try:
            synced.told = await self._tell(turn)
        except NotPermitted as error:
            synced.findings.append(Finding("last look", False, str(error)))
        except LinkError as error:
            synced.findings.append(Finding("line", False, str(error)))
        if synced.told is None:
            entry = turn.entry("time_held_back", why=synced.findings[-1].why)
            await self._store.held_back(ids, self._now(), entry)
            return synced
        entry = turn.entry("time_told", told=synced.told, frame=turn.frame.hex(" ").upper())
        await self._store.sent(ids, synced.told, self._now(), entry)
        _log.warning("meters were told the time", line=line.path.name, way=way, meters=len(ids), actor=actor)
        await self._look(turn, synced)
        return synced

    async def _stops(self) -> frozenset[str] | None:
        try:
            return await self._store.stopped()
        except StorageError as error:
            _log.warning("whether anything is stopped cannot be read", reason=str(error))
            return None

    async def _tell(self, turn: _Turn) -> datetime:
        """The moment that was told.

        Raises `NotPermitted` and `LinkError`: then nothing went out.
        """
        line, zone = turn.line, turn.meters[0].zone
        wire: Any = line.wire
        takes = on_wire(line)

        def last_look(at: datetime) -> list[str]:
            return [f"{one.rule}: {one.why}" for one in refusals(turn.rules(at, turn.stops))]

        for number in range(_TRIES):
            heard = next_second(self._now() + takes + _AHEAD)
            await self._until(heard - takes - _AHEAD)
            turn.stops = await self._stops()
            await self._until(heard - takes)
            text = spelled(heard, zone, turn.left)
            permit = OnlyTime(turn.address, text, heard, takes, self._now, last_look)
            try:
                with line.permitting(permit):
                    await line.run(set_time(text, turn.address, wire.preamble))
            except Stale:
                if number == _TRIES - 1:
                    raise
                continue
            except LinkError:
                if not permit.used:
                    raise  # else it may have gone out: the look behind it tells
            turn.frame = permit.frame
            return heard + turn.left
        raise ValueError("no tries")

    async def _until(self, moment: datetime) -> None:
        await asyncio.sleep(max(0.0, (moment - self._now()).total_seconds()))

    async def _look(self, turn: _Turn, synced: Synced) -> None:
        surveys: list[ClockSurvey] = []
        for at, meter in enumerate(turn.meters):
            try:
                surveys.append(await survey_clock(turn.line, meter, self._now))
            except LinkError:
                synced.unread += [one.name for one in turn.meters[at:]]
                break
            except CommunicationError:
                synced.unread.append(meter.name)
        synced.settled = await keep_surveys(self._store, surveys, self._policy)
        names = {meter.id: meter.name for meter in turn.meters}
        came = {names[one.meter_id]: [one.result, one.after_ms] for one in synced.settled}
        await self._store.tell(turn.entry("time_read_back", came=came, unread=synced.unread))
