"""A line's agenda: its jobs by meter, and whose turn it is. All that is due for a meter is done in one turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from headend.work.job import Job
from headend.work.plan import Priority


class Agenda:
    """Jobs that wait. A meter that has its turn is nobody else's until `back`."""

    def __init__(self) -> None:
        self._jobs: dict[int, list[Job]] = {}
        self._having_turns: set[int] = set()

    def __len__(self) -> int:
        return sum(map(len, self._jobs.values()))

    def live_is_due(self, now: datetime) -> bool:
        """Whether something else than recovery can be done now."""
        return any(
            job.due <= now and job.priority is not Priority.RECOVERY for jobs in self._jobs.values() for job in jobs
        )

    def add(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            self._jobs.setdefault(job.meter_id, []).append(job)

    def turn(self, now: datetime, may_ask: Callable[[int], bool]) -> tuple[int, list[Job]] | None:
        """The meter whose turn it is and its jobs, the most urgent first; None where nothing can be done now.

        Recovery is not done with a meter in passing while another one waits for live work: it comes when its own turn
        comes.
        """
        urgencies = {
            meter_id: min(job.urgency for job in jobs if job.due <= now)
            for meter_id, jobs in self._jobs.items()
            if meter_id not in self._having_turns and may_ask(meter_id) and any(job.due <= now for job in jobs)
        }
        if not urgencies:
            return None
        meter_id = min(urgencies, key=lambda one: urgencies[one])
        live = [one for one, urgency in urgencies.items() if urgency[0] != Priority.RECOVERY]
        live_only = live != [] and live != [meter_id]
        jobs = self._jobs.pop(meter_id)
        taken = [j for j in jobs if j.due <= now and not (live_only and j.priority is Priority.RECOVERY)]
        rest = [job for job in jobs if job not in taken]
        if rest:
            self._jobs[meter_id] = rest
        self._having_turns.add(meter_id)
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
