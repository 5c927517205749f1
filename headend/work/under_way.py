"""What is due of plans at a moment: a pure function of the moment, the plans and the meters. No daemon is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from headend.collection.line import LinePath
from headend.collection.survey import MeterPath
from headend.work.job import Job, due
from headend.work.plan import Plan
from headend.work.schedule import between


@dataclass(frozen=True, slots=True)
class Due:
    """What one plan wants of one line: `slots` of each of `meters`, the oldest first, until `expires` of the last."""

    line: str
    plan: Plan
    slots: tuple[datetime, ...]
    meters: tuple[int, ...]
    expires: datetime


def under_way(plan: Plan, now: datetime) -> list[Job]:
    """The jobs that one meter of the plan may be asked for at `now`, the oldest first."""
    reach = plan.over_after + plan.open_for + plan.delay + plan.schedule.period
    slots = between(plan.schedule, now - reach, now + timedelta(microseconds=1))
    jobs = (job for slot in slots for job in due(plan, [0], slot))
    return [job for job in jobs if job.due <= now < job.expires]


def selected(plan: Plan, line: LinePath, meters: Iterable[MeterPath]) -> list[MeterPath]:
    """Those of a line's meters that the plan means and that have something to give."""
    return [
        meter
        for meter in meters
        if plan.selection.holds(
            model=meter.model.head.name, areas=meter.areas, tariff=meter.tariff, line=line.name, meter=meter.name
        )
        and (not plan.kind.is_expected or not set(plan.quantities).isdisjoint(meter.model.quantities))
    ]


def due_at(plans: Sequence[Plan], lines: Sequence[tuple[LinePath, Sequence[MeterPath]]], now: datetime) -> list[Due]:
    """By line, the most urgent plan first."""
    found = []
    jobs_of = [(plan, under_way(plan, now)) for plan in sorted(plans, key=lambda plan: plan.priority)]
    for line, standing in lines:
        for plan, jobs in jobs_of:
            meters = tuple(meter.id for meter in selected(plan, line, standing)) if jobs else ()
            if meters:
                slots = tuple(job.slot for job in jobs)
                found.append(Due(line.name, plan, slots, meters, jobs[-1].expires))
    return found
