"""Reading one meter's events: what is new since the state that is remembered of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from itertools import groupby
from typing import Any, Final

from headend.collection.line import Line
from headend.collection.survey import MeterPath
from protocols.dlt645.catalogue import item
from protocols.dlt645.events import LOGS, WORD_ITEMS, EventRecord, LogMark, LogReading, read_logs
from protocols.dlt645.events.moments import moment
from protocols.dlt645.events.reading import is_lacking
from protocols.dlt645.events.state import EventState, edges
from protocols.dlt645.model import Dlt645Model, ItemRead
from protocols.errors import BadAnswer, CommunicationError, LinkError, NoAnswer, Refused
from protocols.events import KINDS, EventKind, EventSource, MeterEvent
from protocols.model import Value

NUMBER_ITEMS: Final = {"2007": "04000402", "1997": "C032"}
_NO_WORD: Final = {"2007": 0xFFFF, "1997": 0xFF}
"""All ones is what a meter says that has no such word: its reserved bits cannot be set."""
_SILENCES: Final = 2
"""So many questions in a row without an answer end a meter's turn."""


@dataclass(slots=True)
class EventSurvey:
    """What one meter told: `events` to be stored, `state` to be remembered with them, together or not at all."""

    state: EventState
    events: list[MeterEvent] = field(default_factory=list)
    errors: list[CommunicationError] = field(default_factory=list)
    answered: int = 0
    """Conversations that gave something."""
    complete: bool = True
    """False where the turn ended before everything was asked: the next one goes on there (`state.resume`)."""


async def survey_events(
    line: Line,
    meter: MeterPath,
    known: EventState,
    now: Callable[[], datetime],
    zone: tzinfo,
    *,
    kinds: Collection[str] | None = None,
    until: datetime | None = None,
) -> EventSurvey:
    """Read status words and event records of `meter`, in `zone` by its own clock; of `kinds` (codes) alone, if given.

    No log is begun after `until`. A meter that is no DL/T 645 meter gives nothing. Silence twice in a row or a lost
    link ends the turn; what came before that is kept. Nothing is raised but what is a fault of ours.
    """
    if not isinstance(meter.model, Dlt645Model):
        return EventSurvey(known)
    turn = _Turn(line, meter, meter.model, EventSurvey(known), now, zone)
    try:
        await turn.identify()
        await turn.read_words(kinds)
        await turn.read_records(kinds, until)
    except (NoAnswer, LinkError) as error:
        if error not in turn.result.errors:
            turn.result.errors.append(error)
        turn.result.complete = False
    return turn.result


@dataclass(slots=True)
class _Turn:
    """A meter's turn. Its verbs raise `NoAnswer` and `LinkError` where the turn is over."""

    line: Line
    meter: MeterPath
    model: Dlt645Model
    result: EventSurvey
    now: Callable[[], datetime]
    zone: tzinfo
    silences: int = 0

    @property
    def wire(self) -> Any:
        return self.line.wire

    async def identify(self) -> None:
        """Another meter number is another meter: nothing of the former one's marks holds for it."""
        values = await self._read(NUMBER_ITEMS[self.model.edition])
        number = next((str(value) for value in values or () if value.text or value.number is not None), None)
        before = self.result.state.meter_number
        if number is None or number == before:
            return
        if before is not None:
            self._derive("meter_number_changed", {"before": before, "after": number})
            self.result.state = EventState()
        self.result.state = replace(self.result.state, meter_number=number)

    async def read_words(self, kinds: Collection[str] | None) -> None:
        block, single = WORD_ITEMS[self.model.edition]
        values = await self._read(block)
        if values is None:
            values = []
            for code in single:
                values += await self._read(code) or []
        nothing = _NO_WORD[self.model.edition]
        words = {value.part.name: value.number for value in values if value.number not in (None, nothing)}
        if not words:
            return
        state, received = self.result.state, self.now()
        found, lasting = edges(state.lasting, words, received)
        told = {"not_before": state.words_seen.isoformat()} if state.words_seen is not None else {}
        for edge in found:
            if kinds is None or edge.kind.code in kinds:
                self._event(edge.kind, edge.start, received, EventSource.STATUS_WORD, edge.end, edge.end is None, told)
        self.result.state = replace(state, lasting=lasting, words_seen=received)

    async def read_records(self, kinds: Collection[str] | None, until: datetime | None) -> None:
        logs = [log for log in LOGS[self.model.edition] if kinds is None or log.kind.code in kinds]
        groups = [(counter, list(held)) for counter, held in groupby(logs, key=lambda log: log.counter)]
        first = next((at for at, (counter, _) in enumerate(groups) if counter == self.result.state.resume), 0)
        gaps: dict[str, str | None] = {}
        resets: dict[str, str | None] = {}
        for counter, held in groups[first:]:
            marks = self.result.state.marks
            asked = [log for log in held if marks.get(log.kind.code, LogMark()).refused != "counter"]
            if not asked:
                continue
            self.result.state = replace(self.result.state, resume=counter)
            if until is not None and self.now() >= until:
                self.result.complete = False
                break
            readings = await self._run(read_logs(self.meter.address, asked, marks, self.wire.preamble))
            for reading in readings or ():
                self._take(reading, gaps, resets)
        else:
            self.result.state = replace(self.result.state, resume=None)
        if gaps:
            self._derive("event_gap", gaps)
        if resets:
            self._derive("event_counter_reset", resets)

    def _take(self, reading: LogReading, gaps: dict[str, str | None], resets: dict[str, str | None]) -> None:
        code, received = reading.log.kind.code, self.now()
        before = self.result.state.marks.get(code, LogMark())
        for record in reading.records:
            self._record(reading.log.kind, record, received)
        if reading.abandoned is not None:
            self._record(reading.log.kind, EventRecord(reading.abandoned, None, False, {}), received)
        if reading.gap:
            gaps[code] = str(reading.gap)
        if reading.reset:
            resets[code] = f"{before.count} to {reading.count}"
        if reading.error is not None:
            self._failed(reading.error)
        self.result.state = replace(self.result.state, marks={**self.result.state.marks, code: reading.mark})

    def _record(self, kind: EventKind, record: EventRecord, received: datetime) -> None:
        start = moment(record.start, self.zone, received)
        end = None if record.end is None else moment(record.end, self.zone, received)
        self._event(kind, start, received, EventSource.RECORD, end, record.is_open, record.values)

    def _derive(self, code: str, values: Mapping[str, str | None]) -> None:
        received = self.now()
        self._event(KINDS[code], received, received, EventSource.DERIVED, None, False, values)

    def _event(
        self, kind: EventKind, start: datetime, received: datetime, source: EventSource, end: datetime | None,
        is_open: bool, values: Mapping[str, str | None],
    ) -> None:  # fmt: skip
        self.result.events.append(MeterEvent(self.meter.id, kind, start, received, source, end, is_open, values))

    async def _read(self, code: str) -> list[Value] | None:
        """An item's values; None where the meter does not have it, which is remembered, or answered badly."""
        if code in self.result.state.refused:
            return None
        read = ItemRead(item(code, self.model.edition))
        values: list[Value] | None = await self._run(read.exchange(self.meter.address, self.wire), code)
        return values

    async def _run(self, exchange: Any, code: str | None = None) -> Any:
        try:
            answer = await self.line.run(exchange, self.meter.name)
        except (Refused, BadAnswer) as error:
            self.silences = 0
            if code is not None and is_lacking(error):
                self.result.state = replace(self.result.state, refused=self.result.state.refused | {code})
            else:
                self.result.errors.append(error)
            return None
        except CommunicationError as error:
            self._failed(error)
            return None
        self.result.answered += 1
        self.silences = 0
        return answer

    def _failed(self, error: CommunicationError) -> None:
        """Raises `error` where it ends the turn."""
        self.result.errors.append(error)
        self.silences += isinstance(error, NoAnswer)
        if isinstance(error, LinkError) or self.silences >= _SILENCES or not self.result.answered:
            raise error
