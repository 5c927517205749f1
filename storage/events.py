"""Meter events in the database: written once, ended later, acknowledged, grouped into storms.

An event is known by meter, kind, start and source. Writing is idempotent: what is there stays, and only an end that was
not known yet is added. A meter's state is written with its events, together or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from protocols.events import EventKind, EventSource, MeterEvent, Severity, kind
from storage.connection import Row, Session
from storage.errors import NotFound
from storage.statements import load

SQL = load("events")


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it stands. `severity` is what it had when it came; `acknowledged` by `actor`, with a `note`."""

    id: int
    event: MeterEvent
    meter: str
    severity: Severity
    changed: datetime
    storm_id: int | None
    acknowledged: datetime | None
    actor: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class WrittenEvents:
    """Ids of the events that were new, and of those whose end came; `repeated` said nothing new."""

    new: tuple[int, ...]
    ended: tuple[int, ...]
    repeated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events: all of what is set must hold. `severity`: that or worse. A span is half-open."""

    ids: Collection[int] | None = None
    meters: Collection[int] | None = None
    kinds: Collection[str] | None = None
    severity: Severity | None = None
    since: datetime | None = None
    until: datetime | None = None
    open: bool | None = None
    acknowledged: bool | None = None
    storm: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class StoredOccurrence:
    """What storms are made of: names of meter, line and area (None: it stands in none)."""

    event_id: int
    kind: str
    start: datetime
    meter: str
    line: str
    area: str | None
    storm_id: int | None


@dataclass(frozen=True, slots=True)
class StormRow:
    """A storm as it is kept. `id` is None for one that is new."""

    id: int | None
    kind: str
    scope: str
    place: str
    first: datetime
    last: datetime
    events: int
    meters: int
    told: datetime | None = None


class EventStore(Session):
    """One connection. Raises `DatabaseUnreachable`, and `NotFound` for a meter that is not there."""

    async def write(
        self, events: Sequence[MeterEvent], states: Mapping[int, Mapping[str, Any]], now: datetime
    ) -> WrittenEvents:
        """Store `events` and remember `states` (by meter); all of it is committed when this returns."""
        merged: dict[tuple[int, str, datetime, int], MeterEvent] = {}
        for event in events:
            key = (event.meter_id, event.kind.code, event.start, int(event.source))
            if key not in merged or (merged[key].is_open and not event.is_open):
                merged[key] = event
        rows = list(merged.values())
        async with self.transaction() as connection:
            written: list[Row] = []
            if rows:
                written = await (await connection.execute(SQL["write"], _columns(rows))).fetchall()
            if states:
                given = {
                    "meters": list(states),
                    "states": [json.dumps(state) for state in states.values()],
                    "now": now,
                }
                await connection.execute(SQL["keep_states"], given)
        new = tuple(sorted(number for number, is_new in written if is_new))
        ended = tuple(sorted(number for number, is_new in written if not is_new))
        return WrittenEvents(new, ended, len(events) - len(written))

    async def states(self, meters: Collection[int] | None = None) -> dict[int, Mapping[str, Any]]:
        """Meter id to what is remembered of it; a meter that was never surveyed is missing."""
        return dict(await self._rows("states", meters=None if meters is None else list(meters)))

    async def events(self, which: EventFilter) -> list[StoredEvent]:
        """The latest first."""
        given = {
            name: list(value) if name in ("ids", "meters", "kinds") and value is not None else value
            for name in EventFilter.__slots__
            for value in [getattr(which, name)]
        }
        return [_event(row) for row in await self._rows("events", **given)]

    async def acknowledge(
        self, at: datetime, actor: str, note: str = "", *, ids: Collection[int] | None = None, storm: int | None = None
    ) -> int:
        """Somebody has seen these, or all of a storm's; the first who did stays. Returns how many were not yet seen.

        Raises `NotFound` where one of `ids` is not there.
        """
        async with self.transaction() as connection:
            given = {"ids": None if ids is None else list(ids), "storm": storm, "at": at, "actor": actor, "note": note}
            changed = (await connection.execute(SQL["acknowledge"], given)).rowcount
            if ids is not None:
                missing = await (await connection.execute(SQL["missing"], {"ids": list(ids)})).fetchall()
                if missing:
                    raise NotFound(f"no event {missing[0][0]}")
            return changed

    async def occurrences(self, kinds: Collection[str], first: datetime, last: datetime) -> list[StoredOccurrence]:
        """Events of `kinds` that began in [first, last], with where their meters stood then."""
        rows = await self._rows("occurrences", kinds=list(kinds), first=first, last=last)
        return [StoredOccurrence(*row) for row in rows]

    async def keep_storm(
        self, storm: StormRow, events: Collection[int], absorbed: Collection[int], now: datetime
    ) -> int:
        """Write a new storm, or what has become of one; `absorbed` go up in it. Returns its id."""
        given = {name: getattr(storm, name) for name in StormRow.__slots__} | {"now": now}
        async with self.transaction() as connection:
            if storm.id is None:
                row = await (await connection.execute(SQL["add_storm"], given)).fetchone()
                assert row is not None
                number = int(row[0])
            else:
                number = storm.id
                await connection.execute(SQL["grow_storm"], given)
            await connection.execute(SQL["join_storm"], {"storm": number, "ids": list(events)})
            if absorbed:
                await connection.execute(SQL["drop_storms"], {"ids": list(absorbed)})
            return number

    async def storms(self, since: datetime | None = None) -> list[StormRow]:
        """The latest first."""
        return [StormRow(*row) for row in await self._rows("storms", since=since)]

    async def _rows(self, statement: str, **given: object) -> list[Row]:
        async with self.use() as connection:
            return await (await connection.execute(SQL[statement], given)).fetchall()


def _columns(events: Sequence[MeterEvent]) -> dict[str, list[Any]]:
    return {
        "meter_id": [event.meter_id for event in events],
        "kind": [event.kind.code for event in events],
        "source": [int(event.source) for event in events],
        "severity": [int(event.kind.severity) for event in events],
        "start": [event.start for event in events],
        "end": [event.end for event in events],
        "is_open": [event.is_open for event in events],
        "received": [event.received for event in events],
        "contents": [json.dumps(dict(event.values), ensure_ascii=False) for event in events],
    }


def _event(row: Row) -> StoredEvent:
    number, meter_id, meter, code, source, severity, start, end, is_open, received, changed, contents, *rest = row
    of: EventKind = kind(code)
    event = MeterEvent(meter_id, of, start, received, EventSource(source), end, is_open, contents)
    return StoredEvent(number, event, meter, Severity(severity), changed, *rest)
