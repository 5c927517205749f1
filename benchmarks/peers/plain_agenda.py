"""An agenda that looks through everything each time: what the quick one is held against."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from headend.work.job import Job
from headend.work.plan import Priority


class PlainAgenda:
    """Jobs that wait. A meter that has its turn is nobody else's until `back`."""

    def __init__(self) -> None:
        self._jobs: dict[int, list[Job]] = {}
        self._having_turns: set[int] = set()
        self._turns: dict[int, int] = {}
        """Meter to the number of its last turn: of equally urgent ones the one that has waited longest is next, so that
        a line which cannot do all of a slot does not leave out the same ones each time."""
        self._count = 0

    def __len__(self) -> int:
        return sum(map(len, self._jobs.values()))

    def live_waits(self, now: datetime, may_ask: Callable[[int], bool], during: int) -> bool:
        """Whether a turn of recovery with the meter `during` keeps something else from being done now: not what is of a
        meter that may not be asked, or has its turn beside."""
        return any(
            job.priority is not Priority.RECOVERY and _can_be_done(job, now, may_ask)
            for meter_id, jobs in self._jobs.items()
            if meter_id == during or meter_id not in self._having_turns
            for job in jobs
        )

    def add(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            self._jobs.setdefault(job.meter_id, []).append(job)

    def turn(self, now: datetime, may_ask: Callable[[int], bool]) -> tuple[int, list[Job]] | None:
        """The meter whose turn it is and its jobs, the most urgent first; None where nothing can be done now.

        What a person wants is done although the meter may not be asked otherwise. Recovery is not done with a meter in
        passing while another one waits for live work: it comes when its own turn comes.
        """
        ready = {
            meter_id: [job for job in jobs if _can_be_done(job, now, may_ask)]
            for meter_id, jobs in self._jobs.items()
            if meter_id not in self._having_turns
        }
        urgencies = {meter_id: min(job.urgency for job in jobs) for meter_id, jobs in ready.items() if jobs}
        if not urgencies:
            return None
        meter_id = min(urgencies, key=lambda one: (urgencies[one], self._turns.get(one, 0)))
        live = [one for one, urgency in urgencies.items() if urgency[0] != Priority.RECOVERY]
        live_only = live != [] and live != [meter_id]
        taken = [job for job in ready[meter_id] if not (live_only and job.priority is Priority.RECOVERY)]
        gone = set(map(id, taken))
        if rest := [job for job in self._jobs.pop(meter_id) if id(job) not in gone]:
            self._jobs[meter_id] = rest
        self._having_turns.add(meter_id)
        self._count += 1
        self._turns[meter_id] = self._count
        return meter_id, sorted(taken, key=lambda job: job.urgency)

    def back(self, meter_id: int, jobs: Iterable[Job] = ()) -> None:
        """The turn is over; `jobs` were not brought off and may be tried again."""
        self._having_turns.discard(meter_id)
        self.add(jobs)

    def expired(self, now: datetime) -> list[Job]:
        """Take out what came to its end undone."""
        ended = [job for jobs in self._jobs.values() for job in jobs if job.expires <= now]
        if ended:
            gone = set(map(id, ended))
            left = {meter_id: [j for j in jobs if id(j) not in gone] for meter_id, jobs in self._jobs.items()}
            self._jobs = {meter_id: jobs for meter_id, jobs in left.items() if jobs}
        return ended

    def wakes(self, now: datetime) -> datetime | None:
        """When something changes by itself: a job becomes due or ends."""
        moments = [
            moment for jobs in self._jobs.values() for j in jobs for moment in (j.due, j.expires) if moment > now
        ]
        return min(moments, default=None)


def _can_be_done(job: Job, now: datetime, may_ask: Callable[[int], bool]) -> bool:
    return job.due <= now and (job.priority is Priority.PERSON or may_ask(job.meter_id))
