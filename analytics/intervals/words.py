"""What is given to make intervals of, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from analytics.intervals.grid import Grid


@dataclass(frozen=True, slots=True)
class Reading:
    """A cumulative register as the meter shows it, not multiplied. `time` carries a zone."""

    meter: str
    time: datetime
    value: Decimal


@dataclass(frozen=True, slots=True)
class Mounting:
    """One register of one meter at a point in [start, end) under one multiplier: an `analytics.registers` segment.

    An exchange, a recorded reset and a change of the CT or PT each end one mounting and begin another. `initial` and
    `final`: the register at the ends; None: not known. `digits`: places before the point at which it rolls over;
    None: a register that goes backwards has not rolled over.
    """

    meter: str
    start: datetime
    end: datetime
    multiplier: Decimal = Decimal(1)
    initial: Decimal | None = None
    final: Decimal | None = None
    digits: int | None = None


class Why(StrEnum):
    """What keeps energy from being told by interval."""

    MISSING = "missing"
    """No reading at a boundary."""
    BACKWARDS = "backwards"
    """The register went down: a reset that was not recorded, or a wrong reading."""
    NO_METER = "no meter"
    """For a part of it no meter stood there: the energy is what was counted, not what was used."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Energy of [start, start + step), multiplied, in the register's unit."""

    start: datetime
    energy: Decimal


@dataclass(frozen=True, slots=True)
class GapEnergy:
    """[start, end): `count` intervals that cannot be told apart. `energy`: what they come to; None: not known."""

    start: datetime
    end: datetime
    count: int
    energy: Decimal | None
    why: Why

    @property
    def whole(self) -> bool:
        """Whether the intervals have to add up to `energy`."""
        return self.energy is not None and self.why is not Why.NO_METER


class Doubt(StrEnum):
    """Why a reading was not used."""

    CONFLICT = "conflict"
    """Another reading of the same meter and time has another value."""
    OFF_GRID = "off the grid"
    """No boundary is as near as the tolerance asks."""
    OUTLIER = "outlier"
    """Its neighbours agree with each other and not with it."""
    NOT_MOUNTED = "not mounted"
    """The meter did not stand at this point then, or the time is outside the days asked for."""


@dataclass(frozen=True, slots=True)
class Unused:
    """A reading that no interval rests on."""

    reading: Reading
    doubt: Doubt


@dataclass(frozen=True, slots=True)
class Series:
    """Intervals and gaps together cover the grid once. In order of time."""

    grid: Grid
    intervals: tuple[Interval, ...]
    gaps: tuple[GapEnergy, ...]
    unused: tuple[Unused, ...]
    rollovers: tuple[datetime, ...] = ()
    """Ends of the spans in which a register rolled over."""

    @property
    def energy(self) -> Decimal:
        """All that is known of the grid's energy."""
        known = [gap.energy for gap in self.gaps if gap.energy is not None]
        return sum((interval.energy for interval in self.intervals), Decimal(0)) + sum(known, Decimal(0))
