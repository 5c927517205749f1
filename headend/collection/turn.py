"""A turn with one meter: all its jobs, the most urgent first, until they are done or the meter falls silent."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol

from headend.collection.line import Line
from headend.collection.recall_survey import FINAL, recall
from headend.collection.survey import MeterPath, Survey, Task, narrowed, survey
from headend.work.job import Job
from headend.work.plan import Kind, Priority
from protocols.errors import CommunicationError, LinkError, ModelError, NoAnswer
from protocols.meter_model import MeterModel
from protocols.model import Quantity
from protocols.quantities import HOME


class Errand(Protocol):
    """Work that reads no values to be stored as captures: events, clocks, what a person asked. It keeps its results."""

    async def __call__(self, line: Line, meter: MeterPath, job: Job) -> None:
        """Raises `CommunicationError` where the meter kept it from its end."""


class End(Enum):
    """How a job came out of the turn."""

    DONE = "done"
    UNDONE = "undone"
    """It was tried; another turn may bring it off."""
    UNBEGUN = "unbegun"


@dataclass(frozen=True, slots=True)
class Result:
    """`told` holds what came, and the misses that stand if the job is not tried again. `lacking`: what another turn may
    bring; all where nothing is stated."""

    job: Job
    end: End
    told: Survey = field(default_factory=Survey)
    lacking: tuple[Quantity, ...] = ()


@dataclass(slots=True)
class Turn:
    """`heard`: the meter gave some answer, be it a refusal. `silent`: it was asked and gave none, and there was no
    noise in which an answer could have been lost."""

    results: list[Result] = field(default_factory=list)
    heard: bool = False
    silent: bool = False
    over: bool = False
    """The meter fell silent or the link is gone: nothing more is asked of it."""
    error: CommunicationError | ModelError | None = None
    models: list[tuple[Job, MeterModel]] = field(default_factory=list)
    """What the meter taught by refusing, in which job."""
    refused: set[str] = field(default_factory=set)
    """Kinds of memory that it turned out not to have."""
    kept: set[str] = field(default_factory=set)
    """Kinds of memory that it turned out to have."""

    @property
    def gave(self) -> bool:
        """Whether something came of it: values, or an errand that was done."""
        return any(r.told.captures or (r.end is End.DONE and not r.job.kind.is_expected) for r in self.results)

    def note(self, told: Survey) -> None:
        """What the answers and errors of a survey say of the meter."""
        silence = [error for error in told.errors if isinstance(error, NoAnswer)]
        lost = [error for error in told.errors if isinstance(error, LinkError | ModelError)]
        self.heard = self.heard or told.heard or len(told.errors) > len(silence) + len(lost)
        self.over = self.over or bool(silence or lost)
        self.silent = not self.heard and (self.silent or any(not error.noise for error in silence))
        if told.errors:
            self.error = told.errors[-1]


@dataclass(frozen=True, slots=True)
class Work:
    """How jobs are done: `task` says what a job of registers or records wants of a meter; `errands` does the others."""

    line: Line
    now: Callable[[], datetime]
    task: Callable[[Job], Task]
    errands: Mapping[Kind, Errand]
    doubtful: Container[int] = ()
    """Meters whose clocks are far off: what they dated themselves is marked."""


async def take_turn(
    work: Work,
    meter: MeterPath,
    jobs: Sequence[Job],
    *,
    refused: frozenset[str] = frozenset(),
    kept: frozenset[str] = frozenset(),
    stopping: Callable[[], bool] = lambda: False,
    give_way: Callable[[], bool] = lambda: False,
) -> Turn:
    """Do `jobs`. The meter's memory is asked last and for all moments together, less what is `refused`, and until we
    are `stopping`; for recovery only until `give_way` says that something more urgent waits."""
    turn = Turn(refused=set(refused), kept=set(kept))
    memory = [job for job in jobs if job.kind is Kind.RECORDS]
    for job in jobs:
        if turn.over and job.kind is not Kind.RECORDS:
            turn.results.append(Result(job, End.UNBEGUN))
        elif job.kind is Kind.REGISTERS:
            await _registers(turn, work, meter, job)
        elif job.kind is not Kind.RECORDS:
            await _errand(turn, work, meter, job)
    recovery = [job for job in memory if job.priority is Priority.RECOVERY]
    live = [job for job in memory if job.priority is not Priority.RECOVERY]
    for some, until in ((live, stopping), (recovery, lambda: stopping() or give_way())):
        if some and turn.over:
            turn.results += [Result(job, End.UNBEGUN) for job in some]
        elif some:
            await _records(turn, work, meter, some, until)
    return turn


async def _registers(turn: Turn, work: Work, meter: MeterPath, job: Job) -> None:
    task = narrowed(work.task(job), meter, job.wanted)
    told = await survey(work.line, meter, task, job.slot, work.now)
    turn.note(told)
    if told.captures and told.model is not None:
        turn.models.append((job, told.model))
    given = told.given
    lacking = tuple(quantity for quantity in task.wanted if (job.slot, quantity) not in given)
    turn.results.append(Result(job, End.UNDONE if told.misses and told.errors else End.DONE, told, lacking))


async def _errand(turn: Turn, work: Work, meter: MeterPath, job: Job) -> None:
    told = Survey()
    try:
        await work.errands[job.kind](work.line, meter, job)
    except (CommunicationError, ModelError) as error:
        told.errors.append(error)
        turn.note(told)
        turn.results.append(Result(job, End.UNDONE, told))
    else:
        turn.heard = True
        turn.results.append(Result(job, End.DONE, told))


async def _records(
    turn: Turn,
    work: Work,
    meter: MeterPath,
    jobs: Sequence[Job],
    give_way: Callable[[], bool],
) -> None:
    wanted: dict[datetime, set[Quantity]] = {}
    for job in jobs:
        wanted.setdefault(job.slot, set()).update(job.wanted or work.task(job).wanted)
    told = await recall(
        work.line,
        meter,
        wanted,
        work.now,
        without=turn.refused,
        known=turn.kept,
        give_way=give_way,
        doubtful=meter.id in work.doubtful,
    )
    turn.note(told)
    turn.refused |= told.refused
    turn.kept |= told.kept
    given = told.given
    captures = {(capture.time, capture.layout): capture for capture in told.captures}
    misses = {(miss.time, miss.layout): miss for miss in told.misses}
    for job in jobs:
        asked = job.wanted or work.task(job).wanted
        keys = {(job.slot, HOME[quantity.id][0].id) for quantity in asked}
        of_job = Survey(
            [captures.pop(key) for key in sorted(keys & captures.keys())],
            [misses[key] for key in sorted(keys & misses.keys())],
            told.errors,
        )
        reasons = told.reasons[job.slot]
        missing = [quantity for quantity in asked if (job.slot, quantity) not in given]
        lacking = tuple(quantity for quantity in missing if reasons.get(quantity) not in FINAL)
        unasked = any(quantity not in reasons for quantity in missing)
        end = End.UNBEGUN if unasked else End.UNDONE if lacking else End.DONE
        turn.results.append(Result(job, end, of_job, lacking))
