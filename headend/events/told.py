"""Events as JSON says them."""

from __future__ import annotations

from typing import Any

from protocols.events import MeterEvent
from storage.events import StoredEvent


def told_event(event: MeterEvent) -> dict[str, Any]:
    """An event as JSON says it."""
    return {
        "kind": event.kind.code,
        "name": event.kind.name,
        "name_zh": event.kind.name_zh,
        "severity": event.kind.severity.name.lower(),
        "category": str(event.kind.category),
        "start": event.start,
        "end": event.end,
        "open": event.is_open,
        "received": event.received,
        "source": event.source.name.lower(),
        "values": dict(event.values),
    }


def told(held: StoredEvent) -> dict[str, Any]:
    """The same of a stored one."""
    return {
        "id": held.id,
        "meter": held.meter,
        **told_event(held.event),
        "severity": held.severity.name.lower(),
        "storm": held.storm_id,
        "acknowledged": held.acknowledged,
        "by": held.actor,
        "note": held.note,
    }
