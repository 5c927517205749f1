"""Events into the store, storms made of them, and what an operator is to be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analytics.events import RULES, Occurrence, Storm, StormRule, storms
from protocols.events import MeterEvent, Severity
from storage.events import EventFilter, EventStore, StoredEvent, StormRow, WrittenEvents


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of events. `alarms` and `storms` (ids) are what nobody was told yet: single events of `WARNING` or
    worse that are in no storm, and storms that are new."""

    written: WrittenEvents
    alarms: tuple[StoredEvent, ...] = ()
    storms: tuple[int, ...] = ()


async def record_events(
    store: EventStore,
    events: Sequence[MeterEvent],
    states: Mapping[int, Mapping[str, Any]],
    now: datetime,
    rules: Sequence[StormRule] = RULES,
) -> Recorded:
    """Write `events` with the `states` of their meters (`EventState.to_json`), then group what belongs together.

    Given again after a lost connection, nothing is stored twice; alarms may be told twice then.
    """
    written = await store.write(events, states, now)
    if not written.new:
        return Recorded(written)
    found = await _storms_around(store, events, rules)
    new_ids = set(written.new)
    grown: list[int] = []
    for storm in found:
        if not new_ids.intersection(storm.events):
            continue
        kept, *absorbed = storm.known or (None,)
        number = await store.keep_storm(_row(kept, storm), storm.events, [a for a in absorbed if a is not None], now)
        if kept is None:
            grown.append(number)
    stormy = {number for storm in found for number in storm.events}
    quiet = [number for number in written.new if number not in stormy]
    alarms = await store.events(EventFilter(ids=quiet, severity=Severity.WARNING)) if quiet else []
    return Recorded(written, tuple(alarms), tuple(grown))


async def _storms_around(store: EventStore, events: Sequence[MeterEvent], rules: Sequence[StormRule]) -> list[Storm]:
    """Storms among `events` and what is stored around them. Two windows back: so far a storm reaches that goes on."""
    if not rules:
        return []
    reach = 2 * max(rule.window for rule in rules)
    first, last = min(event.start for event in events) - reach, max(event.start for event in events) + reach
    stored = await store.occurrences({event.kind.code for event in events}, first, last)
    return storms([Occurrence(o.event_id, o.kind, o.start, o.meter, o.line, o.area, o.storm_id) for o in stored], rules)


def _row(number: int | None, storm: Storm) -> StormRow:
    return StormRow(
        number, storm.kind, storm.scope, storm.place, storm.first, storm.last, len(storm.events), storm.meters
    )
