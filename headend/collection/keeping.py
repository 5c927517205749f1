"""What comes of a line's turns: captures and misses into the queue, counted; what nobody found a turn for, told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from headend.collection.conduct import Conduct
from headend.collection.programme import Programme
from headend.collection.recovery import Recovery
from headend.collection.survey import MeterPath, Survey, missed, narrowed
from headend.collection.turn import End, Turn
from headend.recording.pending import Pending
from headend.work.job import Job
from protocols.errors import CommunicationError
from storage.writer import Miss


@dataclass(slots=True)
class PollerCounters:
    """What a line's poller has done since it was started."""

    slots: int = 0
    surveys: int = 0
    readings: int = 0
    """Values that were received and queued: acknowledged, never to be lost."""
    captures: int = 0
    misses: int = 0
    late: int = 0
    """Meters not reached before their slot was over."""
    retries: int = 0
    """Jobs that were given another turn."""
    probes: int = 0
    recovered: int = 0
    """Captures that filled a gap."""


@dataclass(slots=True)
class Keeping:
    """`given_up` is told of what a person asked and no turn was found for, with the reason."""

    programme: Programme
    conduct: Conduct
    recovery: Recovery | None
    pending: Pending
    counters: PollerCounters
    meters: dict[int, MeterPath]
    now: Callable[[], datetime]
    given_up: Callable[[Job, str], None]

    async def keep(self, turn: Turn, again: Mapping[int, Sequence[Job]]) -> None:
        """Queue what came; a miss stands once its job is not tried again, or is final."""
        reason = turn.error.label if isinstance(turn.error, CommunicationError) else "model" if turn.error else "late"
        for number, result in enumerate(turn.results):
            job, told = result.job, result.told
            stands = not again[number]
            misses = [miss for miss in told.misses if stands or miss.final]
            if stands and result.end is End.UNBEGUN and job.plan is not None and job.kind.is_expected:
                unasked = self._missed(replace(job, wanted=result.lacking or job.wanted), reason)
                misses = [*{(miss.time, miss.layout): miss for miss in (*misses, *unasked)}.values()]
            if stands and result.end is End.UNBEGUN and job.request is not None:
                self.given_up(job, reason)
            await self.pending.put([*told.captures, *misses, *_first_tries(job, told)])
            if job.kind.is_expected:
                self.counters.surveys += 1
            self._count(job, told, misses)

    async def keep_what_came(self, turn: Turn) -> None:
        """Without a word of what is missing: whoever works the line now will know."""
        for result in turn.results:
            await self.pending.put(result.told.captures)
            self._count(result.job, result.told, ())

    async def give_up(self, ended: Sequence[Job]) -> None:
        """Jobs that came to their end on the agenda."""
        for job in ended:
            if job.request is not None:
                self.given_up(job, "expired")
            if job.plan is None or not job.kind.is_expected:
                continue
            if self.conduct.is_quarantined(job.meter_id):
                reason = "quarantined"
            elif job.done:
                reason = self.conduct.last_error(job.meter_id) or "late"
            else:
                reason = "late"
                self.counters.late += 1
            misses = self._missed(job, reason)
            self.counters.surveys += 1
            self._count(job, Survey(), misses)
            await self.pending.put(misses)

    def _count(self, job: Job, told: Survey, misses: Sequence[Miss]) -> None:
        counters = self.counters
        counters.readings += told.readings
        counters.captures += len(told.captures)
        counters.misses += len(misses)
        if job.is_gap:
            counters.recovered += len(told.captures)
        elif self.recovery is not None and any(not miss.final for miss in misses):
            self.recovery.soon()

    def _missed(self, job: Job, reason: str) -> list[Miss]:
        """Of what the job wanted nothing came."""
        meter = self.meters[job.meter_id]
        return missed(meter, narrowed(self.programme.task(job), meter, job.wanted), job.slot, reason, self.now()).misses


def _first_tries(job: Job, told: Survey) -> list[Miss]:
    """What shows that a capture filled a gap that nobody had tried: without a miss it would count as received."""
    if not job.untried:
        return []
    missed_too = {(miss.time, miss.layout) for miss in told.misses}
    return [
        Miss(capture.meter_id, capture.layout, capture.time, "not_collected", capture.received)
        for capture in told.captures
        if (capture.time, capture.layout) not in missed_too
    ]
