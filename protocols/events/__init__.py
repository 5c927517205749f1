"""What may happen to a meter, whatever protocol tells it.

    kind     the words: EventKind, Severity, Category, EventSource, MeterEvent
    kinds    the catalogue, one row a kind
    push     events that meters and gateways push

Where a DL/T 645 meter keeps them, and how they are read, is in `protocols.dlt645.events`.
"""

from __future__ import annotations

from protocols.events.kind import Category as Category
from protocols.events.kind import EventKind as EventKind
from protocols.events.kind import EventSource as EventSource
from protocols.events.kind import MeterEvent as MeterEvent
from protocols.events.kind import Severity as Severity
from protocols.events.kinds import KINDS as KINDS
from protocols.events.kinds import PHASES as PHASES
from protocols.events.kinds import kind as kind
