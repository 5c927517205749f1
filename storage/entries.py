"""What the registry holds. `New...` is what is added, by names; the stored one has its id too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from protocols.model import Quantity
from storage.topology_entries import (
    Area,
    AreaFeeder,
    AreaPoint,
    Exchanged,
    Feeder,
    MultiplierChange,
    RegisterMark,
    StateChange,
    TotalMeter,
    Vacancy,
)
from storage.topology_entries import (
    MeterState as MeterState,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLine:
    """A link shared by meters: where it is, and what is spoken on it."""

    name: str
    url: str
    protocol: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """Anything that JSON holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line(NewLine):
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMeter:
    """A meter on a line. No two that are active or suspended share an address on one line."""

    name: str
    address: str
    model: str
    line: str
    multiplier: Decimal = Decimal(1)
    """CT ratio times PT ratio at the start; stored readings are before it."""
    quantities: tuple[Quantity, ...] | None = None
    """What this kind of meter can give; None: whatever a plan asks for is expected of it."""
    state: MeterState = MeterState.ACTIVE
    created: datetime | None = None
    """From when on captures are expected; None: now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter(NewMeter):
    id: int
    line_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUsagePoint:
    """Where energy is delivered."""

    name: str
    address: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    tariff: str | None = None
    category: str | None = None
    """Such as residential, commercial, pv."""
    capacity_kw: Decimal | None = None
    rated_current_a: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsagePoint(NewUsagePoint):
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInstallation:
    """A meter stands at a point from `start` until just before `end`; None: it still stands there."""

    point: str
    meter: str
    start: datetime
    end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation(NewInstallation):
    point_id: int
    meter_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPlan:
    """These quantities of the active meters that can give them and that are selected (None: all), at every slot.

    Slots are the multiples of `period_s` seconds since 1970-01-01 UTC; or, where it is None, at `minute` past midnight
    in `zone` on every day, or on `days` of the month.
    """

    name: str
    period_s: int | None
    quantities: tuple[Quantity, ...]
    valid_from: datetime
    kind: str = "registers"
    minute: int | None = None
    days: tuple[int, ...] | None = None
    zone: str | None = None
    models: tuple[str, ...] | None = None
    areas: tuple[str, ...] | None = None
    tariffs: tuple[str, ...] | None = None
    lines: tuple[str, ...] | None = None
    meters: tuple[str, ...] | None = None
    horizon: timedelta | None = None
    """How far back gaps are worth filling; None: for ever."""

    @property
    def row(self) -> tuple[object, ...]:
        """As it is stored, without name and time: what tells whether a plan is the same."""
        calendar = "seconds" if self.period_s is not None else "days" if self.days is None else "months"
        lists = (self.days, self.models, self.areas, self.tariffs, self.lines, self.meters)
        days, *selection = (None if one is None else sorted(one) for one in lists)
        wanted = sorted(quantity.id for quantity in self.quantities)
        horizon_s = None if self.horizon is None else self.horizon.total_seconds()
        return (self.kind, calendar, self.period_s, wanted, self.minute, days, self.zone, *selection, horizon_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(NewPlan):
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """What is added together: all of it or nothing. Later kinds may name what earlier kinds add."""

    lines: tuple[NewLine, ...] = ()
    meters: tuple[NewMeter, ...] = ()
    points: tuple[NewUsagePoint, ...] = ()
    installations: tuple[NewInstallation, ...] = ()
    feeders: tuple[Feeder, ...] = ()
    areas: tuple[Area, ...] = ()
    area_feeders: tuple[AreaFeeder, ...] = ()
    area_points: tuple[AreaPoint, ...] = ()
    totals: tuple[TotalMeter, ...] = ()
    states: tuple[StateChange, ...] = ()
    """Of meters that are added with them, all after their first state."""
    multipliers: tuple[MultiplierChange, ...] = ()
    registers: tuple[RegisterMark, ...] = ()
    exchanges: tuple[Exchanged, ...] = ()
    vacancies: tuple[Vacancy, ...] = ()
    plans: tuple[NewPlan, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """A daemon's sign of life. `seen` tells whether it still lives."""

    name: str
    pid: int
    host: str
    started: datetime
    seen: datetime
    counters: Mapping[str, Any]
