"""A line's agenda: its jobs by meter, and whose turn it is. All that is due for a meter is done in one turn.

A gateway may have thousands of meters, so nothing is looked through: jobs stand in three heaps, by when they are due,
by how urgent they are, and by when they end. What has left is dropped when it comes to a heap's top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import heappop, heappush

from headend.work.job import Job
from headend.work.plan import Priority


@dataclass(slots=True, eq=False)
class _Entry:
    job: Job
    has_left: bool = False


class Agenda:
    """Jobs that wait. A meter that has its turn is nobody else's until `back`."""

    def __init__(self) -> None:
        self._of: dict[int, list[_Entry]] = {}
        """By meter."""
        self._waiting: list[tuple[datetime, int, _Entry]] = []
        """By when they are due; the number, which is the order of arrival, keeps entries from being compared."""
        self._ready: list[tuple[tuple[int, int, float], int, int, _Entry]] = []
        """By urgency, and of equally urgent ones by the meter's last turn: the one that has waited longest is next, so
        that a line which cannot do all of a slot does not leave out the same ones each time."""
        self._ends: list[tuple[datetime, int, _Entry]] = []
        self._added = 0
        self._having_turns: set[int] = set()
        self._turns: dict[int, int] = {}
        """Meter to the number of its last turn."""
        self._begun = 0
        self._latest = datetime.min.replace(tzinfo=UTC)

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def add(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            entry = _Entry(job)
            self._added += 1
            self._of.setdefault(job.meter_id, []).append(entry)
            heappush(self._waiting, (job.due, self._added, entry))
            heappush(self._ends, (job.expires, self._added, entry))

    def turn(self, now: datetime, may_ask: Callable[[int], bool]) -> tuple[int, list[Job]] | None:
        """The meter whose turn it is and its jobs, the most urgent first; None where nothing can be done now.

        What a person wants is done although the meter may not be asked otherwise. Recovery is not done with a meter in
        passing while another one waits for live work: it comes when its own turn comes.
        """
        self._come_due(now)
        best: int | None = None
        live_only = False
        looked_at = []
        while self._ready:
            urgency, last, number, entry = heappop(self._ready)
            job = entry.job
            turned = self._turns.get(job.meter_id, 0)
            if entry.has_left:
                continue
            if last != turned:
                heappush(self._ready, (urgency, turned, number, entry))
                continue
            looked_at.append((urgency, last, number, entry))
            if job.meter_id in self._having_turns or job.meter_id == best or not _can_be_done(job, now, may_ask):
                continue
            if best is not None:
                live_only = job.priority is not Priority.RECOVERY
                break
            best = job.meter_id
            if job.priority is Priority.RECOVERY:
                break
        for item in looked_at:
            heappush(self._ready, item)
        if best is None:
            return None
        taken = []
        for entry in self._of[best]:
            job = entry.job
            if _can_be_done(job, now, may_ask) and not (live_only and job.priority is Priority.RECOVERY):
                entry.has_left = True
                taken.append(job)
        self._tidy(best)
        self._having_turns.add(best)
        self._begun += 1
        self._turns[best] = self._begun
        return best, sorted(taken, key=lambda job: job.urgency)

    def back(self, meter_id: int, jobs: Iterable[Job] = ()) -> None:
        """The turn is over; `jobs` were not brought off and may be tried again."""
        self._having_turns.discard(meter_id)
        self.add(jobs)

    def expired(self, now: datetime) -> list[Job]:
        """Take out what came to its end undone."""
        ended: list[Job] = []
        while self._ends and (self._ends[0][0] <= now or self._ends[0][2].has_left):
            entry = heappop(self._ends)[2]
            if not entry.has_left:
                entry.has_left = True
                ended.append(entry.job)
        for meter_id in {job.meter_id for job in ended}:
            self._tidy(meter_id)
        return ended

    def wakes(self, now: datetime) -> datetime | None:
        """When something changes by itself: a job becomes due or ends; not behind `now` where one has ended already."""
        self._come_due(now)
        while self._ends and self._ends[0][2].has_left:
            heappop(self._ends)
        return min((heap[0][0] for heap in (self._waiting, self._ends) if heap), default=None)

    def live_waits(self, now: datetime, may_ask: Callable[[int], bool], during: int) -> bool:
        """Whether a turn of recovery with the meter `during` keeps something else from being done now: not what is of a
        meter that may not be asked, or has its turn beside."""
        self._come_due(now)
        return any(
            not entry.has_left
            and entry.job.priority is not Priority.RECOVERY
            and (entry.job.meter_id == during or entry.job.meter_id not in self._having_turns)
            and _can_be_done(entry.job, now, may_ask)
            for *_, entry in self._ready
        )

    def _come_due(self, now: datetime) -> None:
        if now < self._latest:  # the clock was set back
            ready, self._ready = self._ready, []
            for *_, number, entry in ready:
                heappush(self._waiting, (entry.job.due, number, entry))
        self._latest = now
        while self._waiting and (self._waiting[0][0] <= now or self._waiting[0][2].has_left):
            _, number, entry = heappop(self._waiting)
            if not entry.has_left:
                last = self._turns.get(entry.job.meter_id, 0)
                heappush(self._ready, (entry.job.urgency, last, number, entry))

    def _tidy(self, meter_id: int) -> None:
        left = [entry for entry in self._of[meter_id] if not entry.has_left]
        if left:
            self._of[meter_id] = left
        else:
            del self._of[meter_id]


def _can_be_done(job: Job, now: datetime, may_ask: Callable[[int], bool]) -> bool:
    return job.due <= now and (job.priority is Priority.PERSON or may_ask(job.meter_id))
