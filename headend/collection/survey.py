"""Reading one meter for one moment: the reads of its plan, and what they gave, as captures and misses."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from headend.collection.learning import learnt
from headend.collection.line import Line
from protocols.errors import CommunicationError, LinkError, ModelError, NoAnswer, Refused
from protocols.meter_model import MeterModel, Read
from protocols.model import POSITIONS, Capture, Quality, Quantity, Source, Value
from protocols.quantities import HOME, LAYOUTS
from protocols.stored_value import stored
from storage.writer import Miss

UTC: Final = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class MeterPath:
    """A meter as the poller sees it."""

    id: int
    name: str
    address: str
    model: MeterModel
    zone: ZoneInfo = UTC
    """Of the meter's clock."""
    areas: frozenset[str] = frozenset()
    """In which it stands or which it measures."""
    tariff: str | None = None


@dataclass(slots=True)
class Survey:
    """What one meter gave for one moment."""

    captures: list[Capture] = field(default_factory=list)
    misses: list[Miss] = field(default_factory=list)
    errors: list[CommunicationError | ModelError] = field(default_factory=list)
    model: MeterModel | None = None
    """What the meter taught by refusing: its own model from now on."""
    heard: bool = False
    """It answered, be it that it has nothing."""

    @property
    def given(self) -> set[tuple[datetime, Quantity]]:
        """What is known now, the meter's own "not available" among it."""
        return {
            (capture.time, quantity)
            for capture in self.captures
            for place, quantity in enumerate(_MEMBERS[capture.layout])
            if capture.values[place] is not None or capture.quality[place] is not Quality.GOOD
        }

    @property
    def readings(self) -> int:
        """Values gathered, the meter's own "not available" among them."""
        return sum(
            value is not None or quality is not Quality.GOOD
            for capture in self.captures
            for value, quality in zip(capture.values, capture.quality, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Task:
    """What a plan means for one kind of meter: the quantities it can give, and the reads that give them."""

    period_s: int
    wanted: tuple[Quantity, ...]
    reads: tuple[Read, ...]
    model: MeterModel | None = None
    """One meter's own, where it has refused what its kind is said to give."""


def relearnt(task: Task, model: MeterModel) -> Task:
    """The same task by one meter's own model. What it does not have stays wanted, and is missed as refused."""
    known = set(model.quantities)
    return replace(task, reads=tuple(model.plan([q for q in task.wanted if q in known])), model=model)


def narrowed(task: Task, meter: MeterPath, wanted: Sequence[Quantity]) -> Task:
    """Of a task only `wanted`; all of it where that is empty."""
    if not wanted:
        return task
    model = task.model or meter.model
    known = set(model.quantities)
    return replace(task, wanted=tuple(wanted), reads=tuple(model.plan([q for q in wanted if q in known])))


def task_of(model: MeterModel, quantities: Iterable[Quantity], period_s: int) -> Task:
    """The part of `quantities` that this kind of meter can give; the task may be empty."""
    known = set(model.quantities)
    wanted = tuple(quantity for quantity in quantities if quantity in known)
    return Task(period_s, wanted, tuple(model.plan(wanted)))


_REFUSALS = 4
"""From a meter that has given nothing yet, so many refusals are learnt from in one turn: it may refuse everything."""


async def survey(line: Line, meter: MeterPath, task: Task, slot: datetime, now: Callable[[], datetime]) -> Survey:
    """Make every read of `task`, then gather what came into captures at `slot`.

    A refused or broken answer costs its own values; where a refusal teaches how to ask better, that is asked at once.
    Silence or a lost link ends the meter's turn. What comes in after
    the slot is over belongs to no moment that was asked for, and is missed as late.
    """
    result = Survey()
    values: dict[Quantity, tuple[Value, datetime]] = {}
    given = {quantity for read in task.reads for quantity in read.quantities}
    reasons = dict.fromkeys((quantity for quantity in task.wanted if quantity not in given), Refused.label)
    model, pending = task.model or meter.model, deque(task.reads)
    end = slot + timedelta(seconds=task.period_s)
    default = "not_given"
    while pending:
        read = pending.popleft()
        if now() >= end:
            default = "late"
            break
        try:
            answer = await line.run(read.exchange(meter.address, line.wire), meter.name)
        except CommunicationError as error:
            result.errors.append(error)
            reasons.update(dict.fromkeys(read.quantities, error.label))
            if isinstance(error, NoAnswer | LinkError):
                default = error.label
                break
            taught = learnt(model, read, error) if values or len(result.errors) <= _REFUSALS else None
            if taught is not None:
                model = result.model = taught
                known = set(taught.quantities)
                pending.extendleft(reversed(taught.plan([q for q in read.quantities if q in known])))
        except ModelError as error:  # an address or a link that this line cannot have: the registry's fault, not ours
            result.errors.append(error)
            default = "model"
            break
        else:
            result.heard = True
            received = now()
            if received >= end:
                default = "late"
                break
            values.update({value.part.quantity: (value, received) for value in answer if value.part.quantity})
    gather(result, meter, task.wanted, values, reasons, default, slot, now())
    return result


def missed(meter: MeterPath, task: Task, slot: datetime, reason: str, now: datetime) -> Survey:
    """A survey that was not even begun."""
    result = Survey()
    gather(result, meter, task.wanted, {}, {}, reason, slot, now)
    return result


def gather(
    result: Survey,
    meter: MeterPath,
    wanted: Collection[Quantity],
    values: dict[Quantity, tuple[Value, datetime]],
    reasons: dict[Quantity, str],
    default: str,
    slot: datetime,
    now: datetime,
    source: Source = Source.PULL,
    final: Collection[str] = (),
) -> None:
    """One capture a layout from the values, one miss a layout where something wanted is lacking; the miss is final
    where the reasons of all that is lacking are."""
    for layout in sorted({HOME[quantity.id][0].id for quantity in wanted}):
        members = [quantity for quantity in wanted if HOME[quantity.id][0].id == layout]
        numbers: list[int | None] = [None] * POSITIONS
        quality = [Quality.GOOD] * POSITIONS
        times = []
        for quantity in members:
            if quantity not in values:
                continue
            value, received = values[quantity]
            position = HOME[quantity.id][1]
            numbers[position], quality[position] = stored(value, quantity, meter.zone, received)
            times.append(received)
        if times:
            result.captures.append(Capture(meter.id, layout, slot, max(times), source, tuple(numbers), tuple(quality)))
        if len(times) < len(members):
            why = [reasons.get(quantity, default) for quantity in members if quantity not in values]
            told = next((reason for reason in why if reason not in final), why[0])
            result.misses.append(Miss(meter.id, layout, slot, told, now, told in final))


_MEMBERS: Final = {layout.id: layout.quantities for layout in LAYOUTS}
