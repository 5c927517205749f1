"""The words of events: `EventKind`, `Severity`, `Category`, `EventSource`, `MeterEvent`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum


class Severity(IntEnum):
    """How soon somebody should look. Stored: never renumbered."""

    INFO = 0
    NOTICE = 1
    WARNING = 2
    CRITICAL = 3


class Category(StrEnum):
    """Whose business it is."""

    TAMPER = "tamper"
    POWER_QUALITY = "power_quality"
    OUTAGE = "outage"
    CLOCK = "clock"
    SETTING = "setting"
    COMMUNICATION = "communication"
    LOAD = "load"


class EventSource(IntEnum):
    """How we came to know of an event. Stored: never renumbered."""

    RECORD = 1
    """The meter's own event record: `start` and `end` are its clock's."""
    STATUS_WORD = 2
    """A bit that rose: `start` is when we first saw it."""
    LAST_GASP = 3
    """Pushed by the meter when it lost or regained its supply."""
    DERIVED = 4
    """Our own conclusion."""


@dataclass(frozen=True, slots=True)
class EventKind:
    """A row of the catalogue. `code` is for ever: it stands in the database.

    `cosem` is the number of the nearest event in the standard event log of the DLMS/COSEM companion standards (DSMR,
    IDIS); None where none is known to fit. None has a dotted CIM EndDeviceEventType: no list was at hand to check it.
    """

    code: str
    name: str
    name_zh: str
    severity: Severity
    category: Category
    cosem: int | None = None


@dataclass(frozen=True, slots=True)
class MeterEvent:
    """Something that happened to a meter. Meter, kind, start and source tell it from every other.

    `is_open`: it lasts still, as far as we know. `values` holds what the meter wrote down with it, exact and in the
    meter's own spelling, by part name.
    """

    meter_id: int
    kind: EventKind
    start: datetime
    received: datetime
    source: EventSource
    end: datetime | None = None
    is_open: bool = False
    values: Mapping[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any(time is not None and time.tzinfo is None for time in (self.start, self.end, self.received)):
            raise ValueError("an event's times carry a zone")
