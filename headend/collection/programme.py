"""The plans as one line works them: what each wants of each meter, and when its next slot begins."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import structlog

from headend.collection.survey import MeterPath, Task, relearnt, task_of
from headend.collection.turn import Turn
from headend.work.job import Job, due
from headend.work.plan import Kind, Plan

_log = structlog.get_logger("poller")

SLACK: Final = timedelta(minutes=1)
"""Clocks are corrected by seconds all the time."""


class Begun(NamedTuple):
    """`jobs` of the slots that have begun, how many those are, and whether some before them passed unseen."""

    jobs: list[Job]
    slots: int
    left_out: bool


class Programme:
    """`errands`: the kinds of work, beside reading, that somebody does here; plans of other kinds are passed over."""

    def __init__(self, line: str, meters: Sequence[MeterPath], plans: Sequence[Plan], errands: Container[Kind]) -> None:
        self._line = line
        self.plans = [
            (plan, _tasks(line, meters, plan)) for plan in plans if plan.kind.is_expected or plan.kind in errands
        ]
        self._gone: dict[int, set[int]] = {}
        """Plan's number to meters that have left it: what was begun with them is finished."""
        self._slots: dict[int, datetime] = {}
        """Number of a plan to its next slot."""

    def start(self, now: datetime) -> None:
        """With the slots that begin at `now` or after it."""
        self._slots = {number: _first(plan, now) for number, (plan, _) in enumerate(self.plans)}

    @property
    def slots(self) -> list[datetime]:
        """When the next slots begin."""
        return [*self._slots.values()]

    def begin(self, now: datetime) -> Begun:
        """The work of the slots that have begun by `now`. Of those that passed meanwhile only the last is begun."""
        jobs: list[Job] = []
        slots, left_out = 0, False
        for number, slot in self._slots.items():
            plan, tasks = self.plans[number]
            if slot - now > plan.schedule.period + SLACK:
                # The clock was set back. Slots that it shows again are read again, which does no harm; else nothing
                # would be read until it is as late as it was.
                self._slots[number] = _first(plan, now)
            elif slot <= now:
                begun = max(slot, plan.schedule.last(now))
                left_out = left_out or begun > slot
                slots += 1
                gone = self._gone.get(number, ())
                jobs += due(plan, [meter for meter in tasks if meter not in gone], begun)
                self._slots[number] = plan.schedule.next(begun)
        return Begun(jobs, slots, left_out)

    def give(self, before: Mapping[int, MeterPath], meters: Sequence[MeterPath]) -> None:
        """`meters` are the line's from the next slot on. Who was there `before` keeps what it has taught."""
        changed = [meter for meter in meters if before.get(meter.id) != meter]
        standing = {meter.id for meter in meters}
        for number, (plan, tasks) in enumerate(self.plans):
            fresh = _tasks(self._line, changed, plan)
            left = {meter.id for meter in changed} - fresh.keys()
            tasks |= fresh
            self._gone[number] = (tasks.keys() - standing) | ((self._gone.get(number, set()) | left) - fresh.keys())

    def task(self, job: Job) -> Task:
        """What a job of a plan wants of its meter."""
        for plan, tasks in self.plans:
            if plan is job.plan:
                return tasks[job.meter_id]
        raise ValueError(f"no plan of this line has the job {job}")

    def learn(self, meter: MeterPath, turn: Turn) -> None:
        """Keep what a meter taught by refusing, in its plan and until the daemon ends."""
        for job, model in turn.models:
            tasks = next(tasks for plan, tasks in self.plans if plan is job.plan)
            task = tasks[meter.id] = relearnt(tasks[meter.id], model)
            _log.info(
                "meter refuses a read: asked in other parts from now on",
                meter=meter.name,
                line=self._line,
                reads=[read.label for read in task.reads],
                lacking=sorted(q.name for q in set(task.wanted) - set(model.quantities)),
            )


def _first(plan: Plan, now: datetime) -> datetime:
    """The first slot that begins at `now` or after it."""
    last = plan.schedule.last(now)
    return last if last == now else plan.schedule.next(now)


def _tasks(line: str, meters: Sequence[MeterPath], plan: Plan) -> dict[int, Task]:
    """Meter id to what the plan means for it; meters that it does not select, or that have nothing to give, are left
    out."""
    by_model: dict[int, Task] = {}
    found: dict[int, Task] = {}
    for meter in meters:
        name = meter.model.head.name
        if not plan.selection.holds(model=name, areas=meter.areas, tariff=meter.tariff, line=line, meter=meter.name):
            continue
        kind = id(meter.model)
        if kind not in by_model:
            by_model[kind] = task_of(meter.model, plan.quantities, round(plan.open_for.total_seconds()))
        if by_model[kind].wanted or not plan.kind.is_expected:
            found[meter.id] = by_model[kind]
    return found
