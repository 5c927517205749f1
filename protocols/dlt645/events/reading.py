"""Reading what is new in a meter's event records: the counter first, then records, the latest first.

Records are read until one that is known, a blank one, or the last that a meter keeps. The counter alone would not do:
an event that happens while we read pushes the records on by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from protocols.dlt645.events.logs import EventLog
from protocols.dlt645.events.moments import is_before
from protocols.dlt645.frame import PREAMBLE, START, Frame
from protocols.dlt645.item import Item
from protocols.dlt645.services.read import read_item
from protocols.dlt645.services.read_1997 import read_item_1997
from protocols.errors import BadAnswer, CommunicationError, Refused
from protocols.exchange import Exchange
from protocols.model import Value

ROLLOVER: Final = 1000
"""A counter that was so near to its end, and is so near to its beginning, has rolled over; any other that went back was
cleared."""
Refusal: TypeAlias = Literal["counter", "records"]
_NO_DATA: Final = 0x02
"""ERR of both editions: no requested data, no such identifier."""


@dataclass(frozen=True, slots=True)
class LogMark:
    """What is known of one log of one meter. Times are as the meter spells them: ISO 8601 without a zone.

    `newest` is the start of the latest record that was read, `open` the start of the record whose end is not known yet
    (that same one). `refused`: the meter has no such counter, or keeps no records; neither is asked for again.
    """

    count: int | None = None
    newest: str | None = None
    open: str | None = None
    refused: Refusal | None = None


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One record. `end` is None where the event lasts still, or the kind has no end."""

    start: str
    end: str | None
    is_open: bool
    values: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class LogReading:
    """What one log gave. `records` are new, the latest first, or known ones whose end came.

    `gap`: so many events happened whose records are not there any more. `reset`: the counter went back. `abandoned`:
    the start of an event whose end will never be known. With an `error` the records that had come by then are here and
    `mark` is the former one: what is lacking is read next time.
    """

    log: EventLog
    mark: LogMark
    count: int | None = None
    records: tuple[EventRecord, ...] = ()
    gap: int = 0
    reset: bool = False
    abandoned: str | None = None
    error: CommunicationError | None = None


def read_logs(
    address: str, logs: Sequence[EventLog], marks: Mapping[str, LogMark], preamble: bytes = PREAMBLE
) -> Exchange[Frame, list[LogReading]]:
    """Read `logs`, which share one counter item; `marks` by the code of the kind.

    Raises what reading the counter raises, but for the refusal that teaches that there is none: then the marks say so.
    """
    known = [marks.get(log.kind.code, LogMark()) for log in logs]
    try:
        counters = {value.part.name: value for value in (yield from _read(address, logs[0].counter_item, preamble))}
    except (Refused, BadAnswer) as error:
        if not is_lacking(error):
            raise
        return [LogReading(log, replace(mark, refused="counter")) for log, mark in zip(logs, known, strict=True)]
    readings = []
    for log, mark in zip(logs, known, strict=True):
        counted = counters[log.count].number
        if counted is None:
            readings.append(LogReading(log, replace(mark, refused="counter")))
        else:
            readings.append((yield from _read_log(address, log, mark, counted, preamble)))
            if readings[-1].error is not None and not isinstance(readings[-1].error, BadAnswer | Refused):
                break  # silence, or the line has gone: what else is there would only cost more of it
    return readings


def is_lacking(error: Refused | BadAnswer) -> bool:
    """Whether a meter said that it has no such thing: a refusal with that word, or an answer without data."""
    if isinstance(error, Refused):
        return bool(int(error.code, 16) & _NO_DATA)
    return not error.raw or (error.raw[0] == START and error.raw[9:10] == b"\0")


def _read_log(address: str, log: EventLog, mark: LogMark, count: int, preamble: bytes) -> Exchange[Frame, LogReading]:
    first = mark.count is None
    more, reset = _grown(mark.count or 0, count, log.limit)
    if (more == 0 and not reset and mark.open is None) or mark.refused == "records" or (first and count == 0):
        gap = 0 if first or mark.refused != "records" else more
        return LogReading(log, replace(mark, count=count), count, gap=gap, reset=reset)
    new: list[EventRecord] = []
    finished: list[EventRecord] = []
    reached = False  # the record that was the newest, or the first that ever was
    refused: Refusal | None = mark.refused
    error: CommunicationError | None = None
    for number in range(1, len(log.records) + 1):
        try:
            record = yield from _read_record(address, log, number, preamble)
        except (Refused, BadAnswer) as failure:
            if is_lacking(failure):
                refused = "records" if number == 1 and count else refused
                break
            if isinstance(failure, Refused):
                error = failure
                break
            continue  # digits that are none: it stays so, and must not keep the others from being read
        except CommunicationError as failure:
            error = failure
            break
        if record is None:
            reached = mark.newest is None
            break
        if new and record.start == new[-1].start:
            continue  # one happened while we read, and pushed the others on; it is read next time
        if record.start == mark.newest:
            reached = True
            if mark.open == record.start and not record.is_open:
                finished.append(record)
            break
        new.append(record)
    records = (*new, *finished)
    if error is not None:
        return LogReading(log, mark, count, records, error=error)
    if not reset and (len(new) > more if reached and not first else len(new) == more + 1):
        count = ((mark.count or 0) + len(new)) % log.limit  # happened while we read
    gap = 0 if first or reset else max(0, more - len(new))
    newest = new[0] if new else None
    still = mark.open if reached and not finished and not new else None
    now_open = newest.start if newest is not None and newest.is_open else still
    abandoned = mark.open if mark.open is not None and not finished and now_open != mark.open else None
    after = LogMark(count, newest.start if newest is not None else mark.newest, now_open, refused)
    return LogReading(log, after, count, records, gap, reset, abandoned)


def _grown(before: int, count: int, limit: int) -> tuple[int, bool]:
    """How many more there are, and whether the counter was set back."""
    if count >= before:
        return count - before, False
    if limit - before <= ROLLOVER and count < ROLLOVER:
        return count + limit - before, False
    return count, True


def _read_record(address: str, log: EventLog, number: int, preamble: bytes) -> Exchange[Frame, EventRecord | None]:
    """None where there is none: zeros, or FF."""
    values: dict[str, str | None] = {}
    for part in log.record_items(number):
        for value in (yield from _read(address, part, preamble)):
            values[value.part.name] = None if value.number is None and value.text is None else str(value)
    start, end = values.get(log.start), values.get(log.end) if log.end is not None else None
    if start is None:
        return None
    if log.edition == "1997" and end is not None and is_before(end, start):
        end = None  # start and end are apart there: it is the end of the time before
    return EventRecord(start, end, log.end is not None and end is None, values)


def _read(address: str, item: Item, preamble: bytes) -> Exchange[Frame, list[Value]]:
    read = read_item_1997 if item.edition == "1997" else read_item
    return read(address, item, preamble)
