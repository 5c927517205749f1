"""One thing to do with one meter, and what is due of a plan: pure functions of the time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from headend.work.plan import Kind, Plan, Priority
from protocols.model import Quantity


@dataclass(frozen=True, slots=True)
class Job:
    """`plan` is None for gaps and for what a person asked (`request` says which). `wanted`: of what the plan asks only
    this, or what a gap lacks. `done` counts turns that did not bring it off. `untried`: a gap that the ledger has no
    row of."""

    meter_id: int
    slot: datetime
    due: datetime
    expires: datetime
    priority: Priority
    tries: int
    kind: Kind = Kind.REGISTERS
    plan: Plan | None = None
    wanted: tuple[Quantity, ...] = ()
    request: int | None = None
    done: int = 0
    untried: bool = False

    @property
    def is_gap(self) -> bool:
        """Whether the ledger asks for it, again if need be."""
        return self.plan is None and self.request is None

    @property
    def urgency(self) -> tuple[int, int, float]:
        """Sorts jobs: by priority, what was tried already behind its class, then the older; of recovery the newest."""
        age = self.slot.timestamp()
        return self.priority, self.done, -age if self.priority is Priority.RECOVERY else age

    def again(self) -> Job | None:
        """After a turn that did not bring it off; None where it was the last."""
        tried = self.done + 1
        return replace(self, done=tried) if tried < self.tries else None


def due(plan: Plan, meter_ids: Iterable[int], slot: datetime) -> list[Job]:
    """The jobs of one slot."""
    begin = (plan.collect.next(slot) if plan.collect is not None else slot) + plan.delay
    end = slot + plan.open_for if plan.kind is Kind.REGISTERS else begin + plan.open_for
    return [Job(i, slot, begin, end, plan.priority, plan.tries, plan.kind, plan) for i in meter_ids]
