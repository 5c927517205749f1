"""What is known when a decision is taken. What is None is not known, and refuses where a rule asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from zoneinfo import ZoneInfo

from headend.safety.command import Command, CommandKey
from headend.safety.function import Function
from headend.safety.ledger import Ledger
from headend.safety.order import Target, aware
from headend.safety.policy import Policy

EVERYWHERE = "*"


class Step(StrEnum):
    DRAFT = "draft"
    APPROVE = "approve"
    RELEASE = "release"
    SEND = "send"
    """The last look, just before the frame."""


class Oversight(StrEnum):
    """What changes the rules themselves."""

    STOP = "stop"
    RELEASE_STOP = "release_stop"
    CAPS = "caps"
    UNLIST = "unlist"
    """To take somebody off the protection list, or to make his entry end sooner."""


@dataclass(frozen=True, slots=True)
class Grant:
    """`areas` with `EVERYWHERE` in it are all."""

    steps: frozenset[Step]
    functions: frozenset[Function]
    areas: frozenset[str]

    def covers(self, step: Step, function: Function, area: str) -> bool:
        return step in self.steps and function in self.functions and not self.areas.isdisjoint((area, EVERYWHERE))


@dataclass(frozen=True, slots=True)
class User:
    """`is_person`: not a program's account."""

    grants: tuple[Grant, ...] = ()
    oversight: frozenset[Oversight] = frozenset()
    is_person: bool = True

    def may(self, step: Step, function: Function, area: str) -> bool:
        return any(grant.covers(step, function, area) for grant in self.grants)


@dataclass(frozen=True, slots=True)
class Entry:
    """Who must not be cut. By meter, by usage point or both; `until` None has no end."""

    category: str
    """Life support, medical, hospital, traffic, telecom, fire pumps ...; any protects."""
    meter: str = ""
    point: str = ""
    evidence: str = ""
    until: datetime | None = None

    def __post_init__(self) -> None:
        aware(self.until)
        if not self.meter and not self.point:
            raise ValueError("an entry of the protection list names a meter or a usage point")


@dataclass(frozen=True)
class ProtectionList:
    """`as_of`: when it was read, whole."""

    entries: tuple[Entry, ...]
    as_of: datetime

    def __post_init__(self) -> None:
        aware(self.as_of)

    def against(self, target: Target, now: datetime) -> list[Entry]:
        found = [*self._by_meter.get(target.meter, ()), *self._by_point.get(target.point, ())]
        return [entry for entry in found if entry.until is None or now < entry.until]

    @cached_property
    def _by_meter(self) -> Mapping[str, tuple[Entry, ...]]:
        return _grouped([(entry.meter, entry) for entry in self.entries if entry.meter])

    @cached_property
    def _by_point(self) -> Mapping[str, tuple[Entry, ...]]:
        return _grouped([(entry.point, entry) for entry in self.entries if entry.point])


def _grouped(pairs: list[tuple[str, Entry]]) -> Mapping[str, tuple[Entry, ...]]:
    groups: dict[str, tuple[Entry, ...]] = {}
    for name, entry in pairs:
        groups[name] = (*groups.get(name, ()), entry)
    return groups


@dataclass(frozen=True, slots=True)
class Stops:
    everywhere: bool = False
    areas: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Clock:
    """This machine's. `why`: what the trust rests on, for people."""

    trusted: bool
    why: str


class MeterClock(StrEnum):
    RIGHT = "right"
    DOUBTFUL = "doubtful"
    NONE = "none"
    """It has none, and its frames carry no time."""


@dataclass(frozen=True, slots=True)
class Holidays:
    """Known from `first` to `last`, both included."""

    days: frozenset[date]
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Weather:
    """`harsh`: the forecast forbids to cut."""

    harsh: bool
    at: datetime

    def __post_init__(self) -> None:
        aware(self.at)


@dataclass(frozen=True, slots=True)
class Recalls:
    """Paid or cancelled: orders by key, and usage points whose non-payment is over."""

    orders: frozenset[str] = frozenset()
    points: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Holds:
    """What the anomaly watch holds, each with its reason."""

    users: Mapping[str, str]
    areas: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class World:
    """Mappings by name: users by user, the registry and meter clocks by meter, zones and weather by area, customers
    by area or feeder ("" all together). `load_limits`: by meter, kW, as it has just shown it. `time_rules`: by meter,
    what the rules of clocks have against telling it the time."""

    now: datetime | None = None
    clock: Clock | None = None
    policy: Policy | None = None
    users: Mapping[str, User] | None = None
    registry: Mapping[str, Target] | None = None
    protection: ProtectionList | None = None
    stops: Stops | None = None
    recalls: Recalls | None = None
    holds: Holds | None = None
    commands: Mapping[CommandKey, Command] | None = None
    ledger: Ledger | None = None
    customers: Mapping[str, int] | None = None
    zones: Mapping[str, ZoneInfo] | None = None
    holidays: Holidays | None = None
    weather: Mapping[str, Weather] | None = None
    meter_clocks: Mapping[str, MeterClock] | None = None
    load_limits: Mapping[str, Decimal] | None = None
    time_rules: Mapping[str, tuple[str, ...]] | None = None

    def __post_init__(self) -> None:
        aware(self.now)
