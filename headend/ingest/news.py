"""Events among what is pushed: a message that says one, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Self
from zoneinfo import ZoneInfo

import msgspec

from headend.errands.events import tell
from headend.events.push import pushed_event
from headend.events.record import record_events
from headend.ingest.held import Held
from headend.ingest.meters import LookUp
from protocols.errors import ProtocolError
from protocols.events import MeterEvent
from protocols.events.push import PushedEvent, parse_pushed
from protocols.push.arrivals import MeterKey
from storage.columns import from_us
from storage.events import EventStore

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD: Final = timedelta(days=1)
"""Clocks are wrong, but not by so much: as for readings."""
_READINGS: Final = frozenset({"values", "columns", "data", "frames"})
_OPENINGS: Final = (b"{", b"[")


def says_event(payload: bytes) -> bool:
    """Whether it is an object, or a list of objects, with a key `event` and no readings in it."""
    if b'"event"' not in payload or payload.lstrip()[:1] not in _OPENINGS:
        return False
    try:
        document = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    rows = document if isinstance(document, list) else [document]
    return all(isinstance(row, dict) and "event" in row and _READINGS.isdisjoint(row) for row in rows)


async def events_in(
    held: Held, fields: Mapping[str, str], zone: ZoneInfo, look_up: LookUp
) -> tuple[list[MeterEvent], list[tuple[MeterKey, str]]]:
    """The events of a message, and whose meter is not known, with the reason. What the message says of the meter counts
    more than `fields`, which the topic tells.

    Raises `ProtocolError`, and `StorageError` where the registry cannot be asked.
    """
    said = parse_pushed(held.payload, zone)
    received = from_us(held.received_us)
    for one in said:
        if one.time is not None and not EARLIEST <= one.time <= received + AHEAD:
            raise ProtocolError(f"time {one.time.isoformat()} is before 2000 or ahead of our clock", held.payload[:200])
        if any("\0" in text for pair in one.values.items() for text in pair if text):
            raise ProtocolError("a NUL in a text", held.payload[:200])
    keys = [_key(one, fields) for one in said]
    found: list[MeterEvent] = []
    lacking: list[tuple[MeterKey, str]] = []
    for one, key, meter in zip(said, keys, await look_up(keys), strict=True):
        if isinstance(meter, int):
            found.append(pushed_event(one, meter, received))
        else:
            lacking.append((key, meter))
    return found, lacking


def _key(one: PushedEvent, fields: Mapping[str, str]) -> MeterKey:
    if one.meter is not None:
        return MeterKey(name=one.meter)
    return MeterKey(address=one.address or "", line=fields.get("line", ""))


class Noter:
    """Stores what was said, and tells an operator."""

    def __init__(self, conninfo: str) -> None:
        self._store = EventStore(conninfo)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def note(self, events: Sequence[MeterEvent]) -> None:
        """Raises `StorageError`. The same events may be given again: they are stored once."""
        tell(await record_events(self._store, events, {}, datetime.now(UTC)))

    async def close(self) -> None:
        await self._store.close()
