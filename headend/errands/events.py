"""Reading a meter's events on, as a plan of kind `events` asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from headend.collection.line import Line
from headend.collection.survey import MeterPath
from headend.errands.kept import kept
from headend.events.record import Recorded, record_events
from headend.events.survey import survey_events
from headend.work.job import Job
from protocols.dlt645.events.state import EventState
from protocols.errors import LinkError, NoAnswer
from storage.events import EventStore

_log = structlog.get_logger("events")
AT_ONCE: Final = timedelta(seconds=30)
"""After so long no further record is begun: the rest is read when the plan comes by again."""


class EventErrand:
    """`Errand` for events: what is new goes to `store`, with the state that says what is known."""

    def __init__(self, store: EventStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    async def __call__(self, line: Line, meter: MeterPath, job: Job) -> None:
        """Raises `NotKept`, and the silence or lost link that ended the survey; what came before it is stored."""
        with kept():
            remembered = (await self._store.states([meter.id])).get(meter.id)
        known = EventState.from_json(remembered)
        told = await survey_events(line, meter, known, self._now, meter.zone, until=self._now() + AT_ONCE)
        if told.answered:
            with kept():
                recorded = await record_events(self._store, told.events, {meter.id: told.state.to_json()}, self._now())
            tell(recorded)
        ended = [error for error in told.errors if isinstance(error, NoAnswer | LinkError)]
        if ended and not told.complete:
            raise ended[-1]


def tell(recorded: Recorded) -> None:
    """What an operator is to be told: events of `warning` or worse, storms as one."""
    for alarm in recorded.alarms:
        _log.warning(
            "event", id=alarm.id, meter=alarm.meter, kind=alarm.event.kind.code, severity=alarm.severity.name.lower(),
            start=alarm.event.start.isoformat(), source=alarm.event.source.name.lower(),
        )  # fmt: skip
    for number in recorded.storms:
        _log.warning("storm of events", storm=number)
