"""Events that meters and gateways push, as small JSON objects.

    {"meter": "east-003", "event": "last_gasp", "time": "2026-11-22T12:10:03+08:00"}

In place of `meter`, the name in the registry, there may be `address`, the communication address. `event` is a code of
the catalogue; more keys are kept as the event's values. A list of such objects is several events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, Final

import msgspec

from protocols.errors import ModelError, ProtocolError
from protocols.events.kind import EventKind
from protocols.events.kinds import kind

_KEYS: Final = frozenset({"meter", "address", "event", "time"})
_MOST_VALUES: Final = 64


@dataclass(frozen=True, slots=True)
class PushedEvent:
    """`time` is None where the message has none: it came when it came."""

    kind: EventKind
    meter: str | None
    address: str | None
    time: datetime | None
    values: Mapping[str, str | None] = field(default_factory=dict)


def parse_pushed(payload: bytes, zone: tzinfo) -> list[PushedEvent]:
    """The events of one message; a time without an offset is of `zone`. Raises `ProtocolError` for anything else."""
    try:
        document = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"not JSON: {error}", payload[:200]) from error
    rows = document if isinstance(document, list) else [document]
    return [_event(row, zone, payload) for row in rows]


def _event(row: Any, zone: tzinfo, payload: bytes) -> PushedEvent:
    if not isinstance(row, dict):
        raise ProtocolError("not an object with meter or address, and event", payload[:200])
    given = {key: _text(row.get(key)) for key in _KEYS}
    if (given["meter"] is None) == (given["address"] is None):
        raise ProtocolError("expected either meter or address", payload[:200])
    try:
        of = kind(given["event"] or "")
        time = None if given["time"] is None else datetime.fromisoformat(given["time"])
    except (ModelError, ValueError) as error:
        raise ProtocolError(str(error), payload[:200]) from error
    if time is not None and time.tzinfo is None:
        time = time.replace(tzinfo=zone)
    values = {key: _text(value) for key, value in list(row.items())[:_MOST_VALUES] if key not in _KEYS}
    return PushedEvent(of, given["meter"], given["address"], time, values)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
