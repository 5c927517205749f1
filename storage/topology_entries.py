"""What the registry holds of the network and of a meter's life. Spans are half-open; `end` None: it still holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from protocols.model import Quantity


class MeterState(StrEnum):
    """A meter's life. Only an active one is read and expected; an active or suspended one holds its address."""

    PLANNED = "planned"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REMOVED = "removed"
    SCRAPPED = "scrapped"


TRANSITIONS: Final[frozenset[tuple[MeterState, MeterState]]] = frozenset({
    (MeterState.PLANNED, MeterState.ACTIVE),
    (MeterState.PLANNED, MeterState.SCRAPPED),
    (MeterState.ACTIVE, MeterState.SUSPENDED),
    (MeterState.ACTIVE, MeterState.REMOVED),
    (MeterState.SUSPENDED, MeterState.ACTIVE),
    (MeterState.SUSPENDED, MeterState.REMOVED),
    (MeterState.REMOVED, MeterState.ACTIVE),
    (MeterState.REMOVED, MeterState.SCRAPPED),
})  # fmt: skip
"""Which state may follow which; the database's `meter_transition` says the same."""

HOLDING: Final = frozenset({MeterState.ACTIVE, MeterState.SUSPENDED})
"""States in which a meter holds its address on its line."""


class Phase(StrEnum):
    """On which conductors a point hangs."""

    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    THREE = "three-phase"


class Edge(StrEnum):
    """`FINAL` ends what was before the moment, `INITIAL` begins what is after."""

    INITIAL = "initial"
    FINAL = "final"


class RegisterSource(StrEnum):
    """How a register at an edge is known."""

    READ = "read"
    MANUAL = "manual"
    ESTIMATED = "estimated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feeder:
    name: str
    address: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A transformer district."""

    name: str
    timezone: str | None = None
    """An IANA name; None: the configuration's."""
    address: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaFeeder:
    """An area is fed by one feeder at a time."""

    area: str
    feeder: str
    start: datetime
    end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaPoint:
    """A usage point belongs to one area at a time."""

    point: str
    area: str
    start: datetime
    end: datetime | None = None
    phase: Phase | None = None
    branch: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalMeter:
    """A meter measures what an area or a feeder is supplied with: exactly one of the two."""

    meter: str
    area: str | None = None
    feeder: str | None = None
    start: datetime
    end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    meter: str
    state: MeterState
    start: datetime
    actor: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiplierChange:
    """`multiplier` holds from `start` on."""

    meter: str
    start: datetime
    multiplier: Decimal
    actor: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterMark:
    """A register at an edge, as the meter shows it: before the multiplier."""

    meter: str
    time: datetime
    quantity: Quantity
    edge: Edge
    value: Decimal
    source: RegisterSource
    actor: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """The record of an exchange. What goes with it (stays, registers, states) stands in its own rows."""

    old: str
    new: str
    at: datetime
    actor: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vacancy:
    """Nobody has a contract at the usage point."""

    point: str
    start: datetime
    end: datetime | None = None
    actor: str
    reason: str = ""
