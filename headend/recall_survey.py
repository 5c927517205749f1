"""Asking one meter for moments that are missing, from what it kept: captures of those, and misses that are final."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from headend.line import Line
from headend.survey import MeterPath, Survey, gather
from protocols.errors import CommunicationError, LinkError, ModelError, NoAnswer, Refused
from protocols.model import Quantity, Source, Value

NO_MEMORY: Final = "no_memory"
"""This kind of meter keeps nothing of that moment, or not for so long."""
NOT_KEPT: Final = "not_kept"
"""The meter was asked and has it not."""
FINAL: Final = frozenset({NO_MEMORY, NOT_KEPT})
"""Reasons after which a gap cannot be filled any more."""


@dataclass(slots=True)
class RecallSurvey(Survey):
    """`refused`: kinds of memory that this meter has not. `asked`: reads that were made."""

    refused: set[str] = field(default_factory=set)
    asked: int = 0


async def recall(
    line: Line,
    meter: MeterPath,
    wanted: Mapping[datetime, Collection[Quantity]],
    now: Callable[[], datetime],
    *,
    without: Collection[str] = (),
    give_way: Callable[[], bool] = lambda: False,
) -> RecallSurvey:
    """Make the reads that the meter's model plans for `wanted`, newest first, until all are made, the meter falls
    silent or `give_way` says that something more urgent waits. What was not asked is in neither captures nor misses.

    A memory that is refused is left out, and what it was to give is planned anew from the others.
    """
    result = RecallSurvey()
    values: dict[datetime, dict[Quantity, tuple[Value, datetime]]] = {moment: {} for moment in wanted}
    reasons: dict[datetime, dict[Quantity, str]] = {moment: {} for moment in wanted}
    open_: dict[datetime, set[Quantity]] = {moment: set(quantities) for moment, quantities in wanted.items()}
    refused = set(without)
    replan = True
    while replan:
        replan = False
        plan = meter.model.recall(open_, meter.zone, now(), refused)
        for moment, lacking in plan.beyond.items():
            reasons[moment].update(dict.fromkeys(lacking, NO_MEMORY))
            open_[moment] -= lacking
        for read in plan.reads:
            if give_way():
                break
            result.asked += 1
            given = set(read.quantities)
            try:
                recalled = await line.run(read.exchange(meter.address, line.wire))
            except Refused as error:
                result.errors.append(error)
                refused.add(read.kind)
                result.refused.add(read.kind)
                replan = True
                break
            except (CommunicationError, ModelError) as error:
                result.errors.append(error)
                label = error.label if isinstance(error, CommunicationError) else "model"
                for moment in read.moments:
                    reasons[moment].update(dict.fromkeys(given & open_[moment], label))
                if isinstance(error, NoAnswer | LinkError | ModelError):
                    break
                continue
            received = now()
            for one in recalled.found:
                if one.time not in open_:
                    continue
                for value in one.values:
                    quantity = value.part.quantity
                    if quantity in open_[one.time]:
                        values[one.time][quantity] = (value, received)
                for quantity in given & open_[one.time]:
                    reasons[one.time][quantity] = NOT_KEPT
                open_[one.time] -= given
            for moment in recalled.absent:
                reasons[moment].update(dict.fromkeys(given & open_[moment], NOT_KEPT))
                open_[moment] -= given
    for moment in sorted(wanted, reverse=True):
        told = [q for q in wanted[moment] if q in values[moment] or q in reasons[moment]]
        gather(result, meter.id, told, values[moment], reasons[moment], "", moment, now(), Source.RECORD, FINAL)
    return result
