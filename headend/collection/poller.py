"""One line's poller: turns with the line's meters, the most urgent first, as many side by side as the line's window.

What is due comes from the plans at their slots, from people at any time, and from the ledger's gaps when nothing else
is to be done. All that is due for a meter is done in its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from headend.collection.conduct import Conduct
from headend.collection.line import Line
from headend.collection.recovery import Gaps, Recovery
from headend.collection.survey import MeterPath, Survey, Task, missed, narrowed, relearnt, task_of
from headend.collection.turn import End, Errand, Result, Turn, Work, take_turn
from headend.recording.pending import Pending
from headend.work.agenda import Agenda
from headend.work.job import Job, due
from headend.work.plan import Kind, Plan, Priority
from headend.work.quarantine import Policy
from protocols.errors import CommunicationError, ModelError, NoAnswer
from protocols.exchange import once
from storage.writer import Miss

_log = structlog.get_logger("poller")


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


_LONGEST_WAIT_S: Final = 60.0
"""Clocks are set: the time is looked at again."""
_SLACK: Final = timedelta(minutes=1)
"""Clocks are corrected by seconds all the time."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class Poller:
    """Works `meters` of one line by `plans`. A slot's registers are read within the slot or not at all.

    `gaps` is the ledger to recover from, `errands` does what is no reading, `throttle` is held during a turn;
    `doubtful` meters have clocks that are far off.
    `given_up` is told of what a person asked and no turn was found for, with the reason.
    """

    def __init__(
        self,
        line: Line,
        meters: Sequence[MeterPath],
        plans: Sequence[Plan],
        pending: Pending,
        now: Callable[[], datetime] = utc_now,
        *,
        gaps: Gaps | None = None,
        errands: Mapping[Kind, Errand] | None = None,
        policy: Policy | None = None,
        throttle: Callable[[], AbstractAsyncContextManager[object]] = nullcontext,
        given_up: Callable[[Job, str], None] = lambda job, reason: None,
        doubtful: Container[int] = (),
    ) -> None:
        self.line = line
        self.counters = PollerCounters()
        self.meters = meters
        self._by_id = {meter.id: meter for meter in meters}
        self._pending = pending
        self._now = now
        self._throttle = throttle
        self._stopping = asyncio.Event()
        self._retiring = False
        self._roused = asyncio.Event()
        self._agenda = Agenda()
        self._conduct = Conduct(line.path.name, policy or Policy(), now)
        self._work = Work(line, now, self._task, errands or {}, doubtful)
        self._plans = [(plan, _tasks(line, meters, plan)) for plan in plans if _is_done(plan, errands or {})]
        self._gone: dict[int, set[int]] = {}
        """Plan's number to meters that have left it: what was begun with them is finished."""
        self._slots: dict[int, datetime] = {}
        """Number of a plan to its next slot."""
        self._latest = now()
        self._given_up = given_up
        self._recovery = Recovery(gaps, now) if gaps is not None else None
        self._looking: asyncio.Task[None] | None = None

    @property
    def failures(self) -> dict[str, int]:
        """Meter name to turns in a row in which it gave nothing."""
        return self._conduct.failures

    @property
    def quarantined(self) -> list[str]:
        """Names of the meters that are left alone for a while."""
        return sorted(self._by_id[meter_id].name for meter_id in self._conduct.quarantined)

    def stop(self) -> None:
        """Begin no further turn; what is under way is finished and queued."""
        self._stopping.set()
        self._roused.set()

    def retire(self) -> None:
        """Begin no further slot; what is due of those that were begun is done before `run` returns."""
        self._retiring = True
        self._roused.set()

    def give(self, meters: Sequence[MeterPath]) -> None:
        """These are the line's meters from the next slot on. Who was there before keeps what it has taught."""
        before = {meter.id: meter for meter in self.meters}
        changed = [meter for meter in meters if before.get(meter.id) != meter]
        standing = {meter.id for meter in meters}
        for number, (plan, tasks) in enumerate(self._plans):
            fresh = _tasks(self.line, changed, plan)
            left = {meter.id for meter in changed} - fresh.keys()
            tasks |= fresh
            self._gone[number] = (tasks.keys() - standing) | ((self._gone.get(number, set()) | left) - fresh.keys())
        self._by_id |= {meter.id: meter for meter in meters}
        self.meters = meters
        if self._recovery is not None:
            self._recovery.at_once()
        self._roused.set()

    def ask(self, jobs: Iterable[Job]) -> None:
        """Put jobs on the agenda from outside: what a person wants, an event that calls for a look. They are of this
        line's meters."""
        self._agenda.add(jobs)
        self._roused.set()

    def look_for_gaps(self) -> None:
        """The ledger has changed from outside."""
        if self._recovery is not None:
            self._recovery.soon()
            self._roused.set()

    async def run(self) -> None:
        """Until `stop` or `retire`."""
        try:
            await self._run()
        finally:
            await self.line.close()

    async def _run(self) -> None:
        self._slots = {number: _first(plan, self._now()) for number, (plan, _) in enumerate(self._plans)}
        turns: set[asyncio.Task[None]] = set()
        at_once = max(1, self.line.path.side_by_side)
        try:
            while not self._stopping.is_set():
                self._roused.clear()
                await self._look_at_the_clock()
                if len(turns) < at_once and (turn := self._agenda.turn(self._now(), self._conduct.may_ask)) is not None:
                    if at_once == 1:
                        await self._turn(*turn)
                    else:
                        turns.add(asyncio.create_task(self._turn(*turn)))
                elif self._retiring and not turns:
                    break
                else:
                    self._look_for_gaps()
                    turns = await self._wait(turns)
            for task in turns:
                await task
        finally:
            left = [*turns, *([self._looking] if self._looking is not None else [])]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _look_at_the_clock(self) -> None:
        """Put on the agenda what has become due, and record what has come to its end undone."""
        now = self._now()
        if self._latest - now > _SLACK:
            self._conduct.clock_set_back()
            if self._recovery is not None:
                self._recovery.clock_set_back()
        self._latest = now
        await self._give_up(self._agenda.expired(now))
        for number, slot in self._slots.items():
            plan, tasks = self._plans[number]
            if slot - now > plan.schedule.period + _SLACK:
                # The clock was set back. Slots that it shows again are read again, which does no harm; else nothing
                # would be read until it is as late as it was.
                self._slots[number] = _first(plan, now)
            elif slot <= now:
                begun = max(slot, plan.schedule.last(now))
                if begun > slot and self._recovery is not None:
                    self._recovery.left_out()
                if not self._retiring:
                    self.counters.slots += 1
                    gone = self._gone.get(number)
                    present = {meter: task for meter, task in tasks.items() if meter not in gone} if gone else tasks
                    self._agenda.add(due(plan, present, begun))
                self._slots[number] = plan.schedule.next(begun)

    async def _turn(self, meter_id: int, jobs: list[Job]) -> None:
        meter = self._by_id[meter_id]
        async with self._throttle():
            asked = any(job.priority is Priority.PERSON for job in jobs)
            if self._conduct.is_quarantined(meter_id) and not asked and not await self._probe(meter):
                self._agenda.back(meter_id, jobs)
                return
            turn = await take_turn(
                self._work,
                meter,
                jobs,
                refused=self._conduct.without(meter_id),
                kept=self._conduct.kept(meter_id),
                stopping=self._stopping.is_set,
                give_way=lambda: self._live_waits(meter_id),
            )
        if not self.line.is_ours:
            await self._break_off(turn)
            return
        again = {number: self._tried_again(result, turn) for number, result in enumerate(turn.results)}
        await self._keep(turn, again)
        self._learn(meter, turn)
        self._conduct.judge(meter, turn)
        self._agenda.back(meter_id, [job for jobs in again.values() for job in jobs])

    async def _break_off(self, turn: Turn) -> None:
        """The line is lost: what came is kept, and whoever works it now will know what is missing."""
        self.stop()
        for result in turn.results:
            await self._pending.put(result.told.captures)
            self._count(result.job, result.told, ())

    async def _probe(self, meter: MeterPath) -> bool:
        """One cheap read of one try: whether a quarantined meter is back."""
        self.counters.probes += 1
        cheap = meter.model.plan(meter.model.quantities[:1])[0]
        try:
            await self.line.run(once(cheap.exchange(meter.address, self.line.wire)), meter.name)
        except NoAnswer:
            self._conduct.fell_silent(meter.id)
            return False
        except (CommunicationError, ModelError) as error:
            _log.debug("a probe ended otherwise", meter=meter.name, reason=str(error))
        return True

    def _live_waits(self, meter_id: int) -> bool:
        """Whether recovery with a meter has to stop: something live can be done, or a slot has begun."""
        now = self._now()
        begun = self._retiring or any(slot <= now for slot in self._slots.values())
        return begun or self._agenda.live_waits(now, self._conduct.may_ask, meter_id)

    def _tried_again(self, result: Result, turn: Turn) -> list[Job]:
        """The job, if another turn is worth it. A gap that the meter's silence kept us from is the ledger's to ask for
        again; what was not begun because something else was more urgent costs no try."""
        job = result.job
        if result.end is End.DONE:
            return []
        if result.lacking:
            job = replace(job, wanted=result.lacking)
        if result.end is End.UNBEGUN and not turn.over:
            return [] if self._retiring and job.priority is Priority.RECOVERY else [job]
        if job.is_gap or job.expires <= self._now():
            return []
        again = job.again()
        if again is None:
            return []
        self.counters.retries += 1
        return [again]

    async def _keep(self, turn: Turn, again: Mapping[int, Sequence[Job]]) -> None:
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
                self._given_up(job, reason)
            await self._pending.put([*told.captures, *misses, *_first_tries(job, told)])
            if job.kind.is_expected:
                self.counters.surveys += 1
            self._count(job, told, misses)

    def _count(self, job: Job, told: Survey, misses: Sequence[Miss]) -> None:
        counters = self.counters
        counters.readings += told.readings
        counters.captures += len(told.captures)
        counters.misses += len(misses)
        if job.is_gap:
            counters.recovered += len(told.captures)
        elif self._recovery is not None and any(not miss.final for miss in misses):
            self._recovery.soon()

    async def _give_up(self, ended: Sequence[Job]) -> None:
        """Jobs that came to their end on the agenda."""
        for job in ended:
            if job.request is not None:
                self._given_up(job, "expired")
            if job.plan is None or not job.kind.is_expected:
                continue
            if self._conduct.is_quarantined(job.meter_id):
                reason = "quarantined"
            elif job.done:
                reason = self._conduct.last_error(job.meter_id) or "late"
            else:
                reason = "late"
                self.counters.late += 1
            misses = self._missed(job, reason)
            self.counters.surveys += 1
            self._count(job, Survey(), misses)
            await self._pending.put(misses)

    def _missed(self, job: Job, reason: str) -> list[Miss]:
        """Of what the job wanted nothing came."""
        meter = self._by_id[job.meter_id]
        return missed(meter, narrowed(self._task(job), meter, job.wanted), job.slot, reason, self._now()).misses

    def _task(self, job: Job) -> Task:
        """What a job of a plan wants of its meter."""
        for plan, tasks in self._plans:
            if plan is job.plan:
                return tasks[job.meter_id]
        raise ValueError(f"no plan of this line has the job {job}")

    def _learn(self, meter: MeterPath, turn: Turn) -> None:
        """Keep what a meter taught by refusing, in its plan and until the daemon ends."""
        for job, model in turn.models:
            tasks = next(tasks for plan, tasks in self._plans if plan is job.plan)
            task = tasks[meter.id] = relearnt(tasks[meter.id], model)
            _log.info(
                "meter refuses a read: asked in other parts from now on",
                meter=meter.name,
                line=self.line.path.name,
                reads=[read.label for read in task.reads],
                lacking=sorted(q.name for q in set(task.wanted) - set(model.quantities)),
            )

    def _look_for_gaps(self) -> None:
        """Nothing is to be done: begin to look for something to recover. The line does not wait for the database."""
        if self._recovery is not None and self._looking is None and self._recovery.is_due:
            self._looking = asyncio.create_task(self._look(self._recovery))

    async def _look(self, recovery: Recovery) -> None:
        """A meter that is left alone is left out, so that its gaps do not stand before the others'."""
        meters = [meter.id for meter in self.meters if not self._conduct.is_quarantined(meter.id)]
        self._agenda.add(await recovery.jobs(meters))

    async def _wait(self, turns: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
        """Until one of `turns` is over, something becomes due, somebody asks, or we are told to stop; a minute at most.
        Gives the turns that go on."""
        roused = asyncio.ensure_future(self._roused.wait())
        looking = {self._looking} if self._looking is not None else set()
        try:
            done, _ = await asyncio.wait(
                {roused, *turns, *looking}, timeout=self._idle_s(), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            roused.cancel()
        if looking & done:
            self._looking = None
        for task in done & (turns | looking):
            task.result()
        return turns - done

    def _idle_s(self) -> float:
        now = self._now()
        moments = [*self._slots.values()]
        moments += self._conduct.ends(now)
        if (wakes := self._agenda.wakes(now)) is not None:
            moments.append(wakes)
        if self._recovery is not None and self._looking is None:
            moments.append(self._recovery.looks or now)
        left = min(((moment - now).total_seconds() for moment in moments), default=_LONGEST_WAIT_S)
        return min(max(left, 0.0), _LONGEST_WAIT_S)


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


def _first(plan: Plan, now: datetime) -> datetime:
    """The first slot that begins at `now` or after it."""
    last = plan.schedule.last(now)
    return last if last == now else plan.schedule.next(now)


def _is_done(plan: Plan, errands: Mapping[Kind, Errand]) -> bool:
    return plan.kind.is_expected or plan.kind in errands


def _tasks(line: Line, meters: Sequence[MeterPath], plan: Plan) -> dict[int, Task]:
    """Meter id to what the plan means for it; meters that it does not select, or that have nothing to give, are left
    out."""
    by_model: dict[int, Task] = {}
    found: dict[int, Task] = {}
    for meter in meters:
        name = meter.model.head.name
        if not plan.selection.holds(
            model=name, areas=meter.areas, tariff=meter.tariff, line=line.path.name, meter=meter.name
        ):
            continue
        kind = id(meter.model)
        if kind not in by_model:
            by_model[kind] = task_of(meter.model, plan.quantities, round(plan.open_for.total_seconds()))
        if by_model[kind].wanted or not plan.kind.is_expected:
            found[meter.id] = by_model[kind]
    return found
