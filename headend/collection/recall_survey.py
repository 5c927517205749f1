"""Asking one meter for moments that are missing, from what it kept: captures of those, and misses that are final."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from headend.collection.line import Line
from headend.collection.survey import MeterPath, Survey, gather
from protocols.errors import CommunicationError, LinkError, ModelError, NoAnswer, Refused
from protocols.model import Capture, Quality, Quantity, Source, Value
from protocols.recall import Recalled, RecallRead

NO_MEMORY: Final = "no_memory"
"""This kind of meter keeps nothing of that moment, or not for so long."""
NOT_KEPT: Final = "not_kept"
"""The meter was asked and has it not."""
NOT_YET: Final = "not_yet"
"""The meter was asked and has it not, nor anything later: it may come."""
FINAL: Final = frozenset({NO_MEMORY, NOT_KEPT})
"""Reasons after which a gap cannot be filled any more."""
_NO_DATA: Final = "02"


@dataclass(slots=True)
class RecallSurvey(Survey):
    """`refused`: kinds of memory that this meter has not; `kept`: kinds that it has. `asked`: reads that were made.
    `reasons`: why what was asked for did not come; what is in neither `given` nor `reasons` was not asked for."""

    refused: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    asked: int = 0
    reasons: dict[datetime, dict[Quantity, str]] = field(default_factory=dict)


class _Wanted:
    """What is wanted, what came of it, and what is open still."""

    def __init__(self, wanted: Mapping[datetime, Collection[Quantity]]) -> None:
        self.open: dict[datetime, set[Quantity]] = {moment: set(quantities) for moment, quantities in wanted.items()}
        self.values: dict[datetime, dict[Quantity, tuple[Value, datetime]]] = {moment: {} for moment in wanted}
        self.reasons: dict[datetime, dict[Quantity, str]] = {moment: {} for moment in wanted}

    def take(self, read: RecallRead, recalled: Recalled, received: datetime) -> None:
        given = set(read.quantities)
        for one in recalled.found:
            if one.time not in self.open:
                continue
            for value in one.values:
                quantity = value.part.quantity
                if quantity in self.open[one.time]:
                    self.values[one.time][quantity] = (value, received)
            self.close([one.time], given, NOT_KEPT)  # a reason counts only for what has no value
        self.close(recalled.absent, given, NOT_KEPT)
        self.note(read.moments, given, NOT_YET)

    def note(self, moments: Collection[datetime], quantities: Collection[Quantity], reason: str) -> None:
        """They are open still, for that reason."""
        for moment in moments:
            self.reasons[moment].update(dict.fromkeys(self.open[moment] & set(quantities), reason))

    def close(self, moments: Collection[datetime], quantities: Collection[Quantity], reason: str) -> None:
        """Nothing more will come of them."""
        self.note(moments, quantities, reason)
        for moment in moments:
            self.open[moment] -= set(quantities)


async def recall(
    line: Line,
    meter: MeterPath,
    wanted: Mapping[datetime, Collection[Quantity]],
    now: Callable[[], datetime],
    *,
    without: Collection[str] = (),
    known: Collection[str] = (),
    give_way: Callable[[], bool] = lambda: False,
    doubtful: bool = False,
) -> RecallSurvey:
    """Make the reads that the meter's model plans for `wanted`, newest first, until all are made, the meter falls
    silent or `give_way` says that something more urgent waits. What was not asked is in neither captures nor misses.

    A memory that is refused is left out, and what it was to give is planned anew from the others; not one that is
    `known` to be there: it has nothing of those moments. What a meter gives whose clock is `doubtful`
    is marked so: it dated that itself.
    """
    result = RecallSurvey()
    state = _Wanted(wanted)
    refused = set(without)
    plans = True
    while plans:
        plans = False
        plan = meter.model.recall(state.open, meter.zone, now(), refused)
        for moment, lacking in plan.beyond.items():
            state.close([moment], lacking, NO_MEMORY)
        for read in plan.reads:
            if give_way():
                break
            result.asked += 1
            try:
                recalled = await line.run(read.exchange(meter.address, line.wire), meter.name)
            except Refused as error:
                result.heard = True
                result.errors.append(error)
                if read.kind in result.kept or read.kind in known:
                    if error.code == _NO_DATA:
                        state.close(read.moments, read.quantities, NOT_KEPT)
                    else:
                        state.note(read.moments, read.quantities, error.label)
                    continue
                refused.add(read.kind)
                result.refused.add(read.kind)
                plans = True
                break
            except (CommunicationError, ModelError) as error:
                result.errors.append(error)
                label = error.label if isinstance(error, CommunicationError) else "model"
                state.note(read.moments, read.quantities, label)
                if isinstance(error, NoAnswer | LinkError | ModelError):
                    break
                continue
            result.heard = True
            if recalled.found:
                result.kept.add(read.kind)
            state.take(read, recalled, now())
    result.reasons = state.reasons
    for moment in sorted(wanted, reverse=True):
        values, reasons = state.values[moment], state.reasons[moment]
        told = [quantity for quantity in wanted[moment] if quantity in values or quantity in reasons]
        gather(result, meter, told, values, reasons, "", moment, now(), Source.RECORD, FINAL)
    if doubtful:
        result.captures = [_doubted(capture) for capture in result.captures]
    return result


def _doubted(capture: Capture) -> Capture:
    """The same, every value of it marked as dated by a clock that was far off."""
    marks = (
        Quality.CLOCK_DOUBTFUL if value is not None and quality is Quality.GOOD else quality
        for value, quality in zip(capture.values, capture.quality, strict=True)
    )
    return replace(capture, quality=tuple(marks))
