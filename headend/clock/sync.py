"""Telling meters the time by 08H: the rules before, the rules again when the frame is about to go out, and a look at
the clocks behind it. Nobody answers 08H, so only the look tells what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from headend.clock.boundaries import boundaries
from headend.clock.keeping import keep_surveys
from headend.clock.offset import Offset, shown_at
from headend.clock.permit import OnlyTime, Stale
from headend.clock.policy import ClockPolicy
from headend.clock.rules import Finding, Known, host_rule, line_rules, meter_rules, refusals
from headend.clock.survey import ClockSurvey, has_clock, survey_clock
from headend.clock.trust import trust
from headend.collection.line import Line
from headend.collection.survey import MeterPath
from headend.health.host_clock import Discipline, discipline
from protocols.dlt645.address import BROADCAST
from protocols.dlt645.services.clock import set_time
from protocols.errors import CommunicationError, LinkError, NotPermitted
from storage.clocks import ClockStore, LatestClock, Settled, ToTell
from storage.errors import AlreadyThere

_log = structlog.get_logger("clock")

AUTOMATIC: Final = "automatic"
_TRIES: Final = 3
"""A frame whose second is over when the line is free is made anew, so often."""
_SECOND: Final = timedelta(seconds=1)
_FRAME_BYTES: Final = 22
_BITS: Final = 11


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


class ClockSync:
    """`single` and `broadcast`; with `dry_run` the rules alone are looked at. `host` is asked each time anew."""

    def __init__(
        self,
        store: ClockStore,
        policy: ClockPolicy,
        now: Callable[[], datetime],
        host: Callable[[], Discipline] = discipline,
    ) -> None:
        self._store = store
        self._policy = policy
        self._now = now
        self._host = host

    async def single(self, line: Line, meter: MeterPath, actor: str, *, dry_run: bool = False) -> Synced:
        """Tell one meter, by its own address; a clock that is far off by one step. Raises `StorageError`."""
        return await self._sync(line, [meter], actor, "single", dry_run)

    async def broadcast(self, line: Line, meters: Sequence[MeterPath], actor: str, *, dry_run: bool = False) -> Synced:
        """Tell all meters of a line; `meters` are all that are known to stand on it. Raises `StorageError`."""
        return await self._sync(line, meters, actor, "broadcast", dry_run)

    async def _sync(self, line: Line, meters: Sequence[MeterPath], actor: str, way: str, dry_run: bool) -> Synced:
        known = await self._known(meters)
        off = known[0].offset.offset if way == "single" and known and known[0].offset is not None else None

        def rules(at: datetime) -> list[Finding]:
            host = host_rule(trust(self._host(), self._policy.trust_host))
            if way == "single":
                return [host, *meter_rules(known[0], self._policy, at, stepwise=True)]
            return [host, *line_rules(known, self._policy, at)]

        synced = Synced(line.path.name, way, rules(self._now()))
        if synced.refused or dry_run:
            return synced
        hearers = [(meter, one) for meter, one in zip(meters, known, strict=True) if one.asks]
        at = self._now()
        to_tell = [ToTell(m.id, shown_at(at, m.zone).date(), _ms(one.offset)) for m, one in hearers]
        try:
            ids = await self._store.reserve(to_tell, at, way, line.path.name, actor)
        except AlreadyThere:
            synced.findings.append(Finding("once a day", False, "somebody else has just told one of them"))
            return synced
        left = timedelta(0) if off is None else self._policy.moved(off)
        address = hearers[0][0].address if way == "single" else BROADCAST
        try:
            synced.told = await self._tell(line, address, hearers[0][0], left, rules)
        except NotPermitted as error:
            synced.findings.append(Finding("last look", False, str(error)))
        except LinkError as error:
            synced.findings.append(Finding("line", False, str(error)))
        if synced.told is None:
            await self._store.held_back(ids, self._now())
            return synced
        await self._store.sent(ids, synced.told, self._now())
        _log.warning("meters were told the time", line=line.path.name, way=way, meters=len(ids), actor=actor)
        await self._look(line, [meter for meter, _ in hearers], synced)
        return synced

    async def _known(self, meters: Sequence[MeterPath]) -> list[Known]:
        now = self._now()
        ids = [meter.id for meter in meters]
        latest = {one.meter_id: one for one in await self._store.latest(now, meters=ids)}
        told = await self._store.told(ids, (now - timedelta(days=2)).date())
        return [
            Known(
                meter.name,
                meter.zone,
                offset_from(latest.get(meter.id)),
                told.get(meter.id, frozenset()),
                boundaries(meter.model, self._policy.switches),
                has_clock(meter),
            )
            for meter in meters
        ]

    async def _tell(
        self,
        line: Line,
        address: str,
        meter: MeterPath,
        left: timedelta,
        rules: Callable[[datetime], list[Finding]],
    ) -> datetime:
        """The moment that was told. `left`: how far off the clock is to be behind it.

        Raises `NotPermitted` and `LinkError`: then nothing went out.
        """
        wire: Any = line.wire
        rate = line.path.bits_per_second
        on_wire = timedelta(seconds=(_FRAME_BYTES + len(wire.preamble)) * _BITS / rate if rate else 0.0)

        def last_look(at: datetime) -> list[str]:
            return [f"{one.rule}: {one.why}" for one in refusals(rules(at))]

        for number in range(_TRIES):
            heard = next_second(self._now() + on_wire)
            await asyncio.sleep(max(0.0, (heard - on_wire - self._now()).total_seconds()))
            own = shown_at(heard, meter.zone) + left
            text = (own + _SECOND / 2).replace(microsecond=0).isoformat()
            permit = OnlyTime(address, text, heard, on_wire, self._now, last_look)
            try:
                with line.permitting(permit):
                    await line.run(set_time(text, address, wire.preamble))
            except Stale:
                if number == _TRIES - 1:
                    raise
            except LinkError:
                if not permit.used:
                    raise
                return heard + left  # it may have gone out: the look behind it tells
            else:
                return heard + left
        raise ValueError("no tries")

    async def _look(self, line: Line, meters: Sequence[MeterPath], synced: Synced) -> None:
        surveys: list[ClockSurvey] = []
        for at, meter in enumerate(meters):
            try:
                surveys.append(await survey_clock(line, meter, self._now))
            except LinkError:
                synced.unread += [one.name for one in meters[at:]]
                break
            except CommunicationError:
                synced.unread.append(meter.name)
        synced.settled = await keep_surveys(self._store, surveys, self._policy)


def next_second(at: datetime) -> datetime:
    """The next full second; `at` itself where it is one."""
    whole = at.replace(microsecond=0)
    return whole if whole == at else whole + _SECOND


def offset_from(latest: LatestClock | None) -> Offset | None:
    """What is stored of a meter's clock, as it was found."""
    if latest is None or latest.at is None or latest.offset_ms is None:
        return None
    span = timedelta(milliseconds=latest.offset_ms), timedelta(milliseconds=latest.uncertainty_ms or 0)
    return Offset(latest.at.astimezone(UTC), *span)


def _ms(offset: Offset | None) -> int | None:
    return None if offset is None else round(offset.offset / timedelta(milliseconds=1))
