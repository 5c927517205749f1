"""One line's poller: turns with the line's meters, the most urgent first, as many side by side as the line's window.

What is due comes from the plans at their slots, from people at any time, and from the ledger's gaps when nothing else
is to be done. All that is due for a meter is done in its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import structlog

from headend.collection.conduct import Conduct
from headend.collection.keeping import Keeping, PollerCounters
from headend.collection.line import Line
from headend.collection.programme import SLACK, Programme
from headend.collection.recovery import Gaps, Recovery
from headend.collection.survey import MeterPath
from headend.collection.turn import End, Errand, Result, Turn, Work, take_turn
from headend.recording.pending import Pending
from headend.work.agenda import Agenda
from headend.work.job import Job
from headend.work.plan import Kind, Plan, Priority
from headend.work.quarantine import Policy
from protocols.errors import CommunicationError, ModelError, NoAnswer
from protocols.exchange import once

_log = structlog.get_logger("poller")


_LONGEST_WAIT_S: Final = 60.0
"""Clocks are set: the time is looked at again."""


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
        self._now = now
        self._throttle = throttle
        self._stopping = asyncio.Event()
        self._retiring = False
        self._roused = asyncio.Event()
        self._agenda = Agenda()
        self._conduct = Conduct(line.path.name, policy or Policy(), now)
        self.programme = Programme(line.path.name, meters, plans, errands or {})
        self._work = Work(line, now, self.programme.task, errands or {}, doubtful)
        self._latest = now()
        self._recovery = Recovery(gaps, now) if gaps is not None else None
        self._keeping = Keeping(
            self.programme, self._conduct, self._recovery, pending, self.counters, self._by_id, now, given_up
        )
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
        self.programme.give({meter.id: meter for meter in self.meters}, meters)
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
        self.programme.start(self._now())
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
        if self._latest - now > SLACK:
            self._conduct.clock_set_back()
            if self._recovery is not None:
                self._recovery.clock_set_back()
        self._latest = now
        await self._keeping.give_up(self._agenda.expired(now))
        begun = self.programme.begin(now)
        if begun.left_out and self._recovery is not None:
            self._recovery.left_out()
        if not self._retiring:
            self.counters.slots += begun.slots
            self._agenda.add(begun.jobs)

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
        await self._keeping.keep(turn, again)
        self.programme.learn(meter, turn)
        self._conduct.judge(meter, turn)
        self._agenda.back(meter_id, [job for jobs in again.values() for job in jobs])

    async def _break_off(self, turn: Turn) -> None:
        """The line is lost: what came is kept, and whoever works it now will know what is missing."""
        self.stop()
        await self._keeping.keep_what_came(turn)

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
        begun = self._retiring or any(slot <= now for slot in self.programme.slots)
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
        moments = [*self.programme.slots, *self._conduct.ends(now)]
        if (wakes := self._agenda.wakes(now)) is not None:
            moments.append(wakes)
        if self._recovery is not None and self._looking is None:
            moments.append(self._recovery.looks or now)
        left = min(((moment - now).total_seconds() for moment in moments), default=_LONGEST_WAIT_S)
        return min(max(left, 0.0), _LONGEST_WAIT_S)
