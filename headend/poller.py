"""One line's poller: at every slot of every plan it surveys the line's meters, one after the other, or as many side by
side as the line has a window for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from headend.line import Line
from headend.pending import Pending
from headend.slots import next_slot
from headend.survey import MeterPath, Survey, Task, missed, relearnt, survey, task_of
from protocols.model import Quantity

_log = structlog.get_logger("poller")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of every meter at each slot."""

    name: str
    period_s: int
    quantities: tuple[Quantity, ...]


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


_SLACK: Final = timedelta(minutes=1)
"""Clocks are corrected by seconds all the time."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class Poller:
    """Polls `meters` of one line by `plans`. A slot's reading is taken within the slot or not at all."""

    def __init__(
        self,
        line: Line,
        meters: Sequence[MeterPath],
        plans: Sequence[Plan],
        pending: Pending,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.line = line
        self.counters = PollerCounters()
        self.failures: dict[str, int] = {}
        """Meter name to slots in a row in which it did not answer."""
        self.meters = meters
        self._pending = pending
        self._now = now
        self._stopping = asyncio.Event()
        self._plans = [(plan, _tasks(meters, plan)) for plan in plans]

    def stop(self) -> None:
        """Begin no further survey; what is under way is finished and queued."""
        self._stopping.set()

    async def run(self) -> None:
        """Until `stop`."""
        try:
            await self._work()
        finally:
            await self.line.close()

    async def _work(self) -> None:
        due = {number: next_slot(self._now(), plan.period_s) for number, (plan, _) in enumerate(self._plans)}
        while due and not self._stopping.is_set():
            self._heed_the_clock(due)
            number = min(due, key=lambda n: (due[n], self._plans[n][0].period_s))
            slot = due[number]
            if not await self._reached(slot):
                continue
            plan, tasks = self._plans[number]
            await self._collect(tasks, slot)
            following = slot + timedelta(seconds=plan.period_s)
            due[number] = max(following, next_slot(self._now() - timedelta(seconds=plan.period_s), plan.period_s))

    def _heed_the_clock(self, due: dict[int, datetime]) -> None:
        """A slot further away than its period: the clock was set back. Slots that it shows again are read again,
        which does no harm; else nothing would be read until it is as late as it was."""
        now = self._now()
        for number, (plan, _) in enumerate(self._plans):
            if due[number] - now > timedelta(seconds=plan.period_s) + _SLACK:
                due[number] = next_slot(now, plan.period_s)

    async def _reached(self, moment: datetime) -> bool:
        """Wait for it, a minute at most: clocks are set. False if it has not come, or we are told to stop."""
        left = (moment - self._now()).total_seconds()
        if left > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, 60.0)):
                    await self._stopping.wait()
        return not self._stopping.is_set() and self._now() >= moment

    async def _collect(self, tasks: dict[int, Task], slot: datetime) -> None:
        self.counters.slots += 1
        meters = iter([meter for meter in self.meters if meter.id in tasks])
        at_once = min(self.line.path.side_by_side, len(tasks))
        if at_once <= 1:
            await self._take_turns(meters, tasks, slot)
            return
        async with asyncio.TaskGroup() as group:  # what is raised there is a fault of ours: it ends them all
            for _ in range(at_once):
                group.create_task(self._take_turns(meters, tasks, slot))

    async def _take_turns(self, meters: Iterator[MeterPath], tasks: dict[int, Task], slot: datetime) -> None:
        """Survey the next of `meters`, which may be shared, until there is none or we are told to stop."""
        while not self._stopping.is_set():
            meter = next(meters, None)
            if meter is None:
                return
            task = tasks[meter.id]
            if self._now() >= slot + timedelta(seconds=task.period_s):
                result = missed(meter, task, slot, "late", self._now())
                self.counters.late += 1
            else:
                result = await survey(self.line, meter, task, slot, self._now)
                self._tell(meter, result)
                self._learn(meter, tasks, result)
            await self._pending.put([*result.captures, *result.misses])
            self._count(result)

    def _count(self, result: Survey) -> None:
        self.counters.surveys += 1
        self.counters.readings += result.readings
        self.counters.captures += len(result.captures)
        self.counters.misses += len(result.misses)

    def _learn(self, meter: MeterPath, tasks: dict[int, Task], result: Survey) -> None:
        """Keep what a meter taught by refusing, in this plan and until the daemon ends; a meter that gave nothing at
        all taught nothing."""
        if result.model is None or not result.captures:
            return
        task = tasks[meter.id] = relearnt(tasks[meter.id], result.model)
        lacking = sorted(q.name for q in set(task.wanted) - set(result.model.quantities))
        _log.info(
            "meter refuses a read: asked in other parts from now on",
            meter=meter.name,
            line=self.line.path.name,
            reads=[read.label for read in task.reads],
            lacking=lacking,
        )

    def _tell(self, meter: MeterPath, result: Survey) -> None:
        """Say when a meter falls silent and when it is back, not every slot of its silence."""
        if result.captures:
            if self.failures.pop(meter.name, 0):
                _log.info("meter answers again", meter=meter.name, line=self.line.path.name)
        else:
            count = self.failures[meter.name] = self.failures.get(meter.name, 0) + 1
            if count == 1:
                reason = str(result.errors[-1]) if result.errors else "nothing came"
                _log.warning("meter gives nothing", meter=meter.name, line=self.line.path.name, reason=reason)


def _tasks(meters: Sequence[MeterPath], plan: Plan) -> dict[int, Task]:
    """Meter id to what the plan means for it; meters with nothing to give are left out."""
    by_model: dict[int, Task] = {}
    for meter in meters:
        kind = id(meter.model)
        if kind not in by_model:
            by_model[kind] = task_of(meter.model, plan.quantities, plan.period_s)
    return {meter.id: by_model[id(meter.model)] for meter in meters if by_model[id(meter.model)].wanted}
