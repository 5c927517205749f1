"""What outages are concluded from, and what is concluded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["meter", "branch", "district"]


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch of a district's low-voltage network, and the meters on it."""

    name: str
    meters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class District:
    """A transformer district (台区): `meters` hang on no known branch, `totals` measure what it is supplied with."""

    name: str
    branches: tuple[Branch, ...] = ()
    meters: tuple[str, ...] = ()
    totals: tuple[str, ...] = ()

    @property
    def members(self) -> tuple[str, ...]:
        """All meters, the totals first."""
        return (*self.totals, *(meter for branch in self.branches for meter in branch.meters), *self.meters)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one meter said and did not say. All None: it was never asked.

    `answered`: when it last answered; `voltage` is what it said then, in V. `silent_since`: the first time after that
    it was asked over a line that works, and did not answer. `last_gasp`, `restored`: its own words about its supply.
    `unreachable`: when its line last could not be opened.
    """

    line: str
    answered: datetime | None = None
    silent_since: datetime | None = None
    last_gasp: datetime | None = None
    restored: datetime | None = None
    voltage: Decimal | None = None
    unreachable: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outage:
    """`start`: when it began as far as is known; `not_before`: the last sign of life. `dark` proved or suggested it,
    `unknown` are in it and said nothing. `nested`: what was out already when it began."""

    level: Level
    district: str
    place: str
    start: datetime
    not_before: datetime | None
    confidence: Decimal
    dark: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    proven: int = 0
    nested: tuple[Outage, ...] = ()

    @property
    def affected(self) -> tuple[str, ...]:
        return self.dark + self.unknown


@dataclass(frozen=True, slots=True)
class LineFault:
    """A line whose meters cannot be asked, or do not answer for a reason that is the line's. No outage."""

    line: str
    since: datetime
    meters: tuple[str, ...]
    reason: Literal["unreachable", "silent"]


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What is out, the widest first, and which lines only cannot be asked."""

    outages: tuple[Outage, ...] = ()
    faults: tuple[LineFault, ...] = ()


@dataclass(frozen=True, slots=True)
class Restoration:
    """How far an outage is over. `share`: of its meters that gave any sign since, those that have supply again."""

    restored: tuple[str, ...]
    dark: tuple[str, ...]
    unknown: tuple[str, ...]
    share: Decimal
    is_over: bool
    since: datetime | None
    """When the first meter was back."""
    remaining: tuple[Outage, ...] = ()
    """What is still out within it."""
