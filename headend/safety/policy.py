"""What the utility has laid down: reasons, caps, ramps, windows. A version names it; approvals are bound to that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta

from headend.safety.function import Effect, Function, ReasonCode, Source


@dataclass(frozen=True, slots=True)
class ReasonRule:
    """What may be done for a reason. `windows`: only in the hours and weather in which cutting is allowed."""

    functions: frozenset[Function]
    windows: bool = True
    notice: bool = True
    """A reference to a notice or a law must be given."""


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so much within `window`: of `effect`, in each `per` ("" all together, "area", "feeder").

    `source`: counts and binds that source alone; None is both. What is None is not limited.
    """

    name: str
    effect: Effect
    window: timedelta
    per: str = ""
    commands: int | None = None
    watts: int | None = None
    permille: int | None = None
    """Of the customers there."""
    source: Source | None = None

    def __post_init__(self) -> None:
        if self.per not in ("", "area", "feeder") or self.window <= timedelta(0):
            raise ValueError(f"cap {self.name!r}: per area, feeder or all, in a window that lasts")
        if self.commands is None and self.watts is None and self.permille is None:
            raise ValueError(f"cap {self.name!r} limits nothing")


@dataclass(frozen=True, slots=True)
class Ramp:
    """`in_flight`: commands sent and not settled. `watts_per_minute`: sent within the last minute."""

    in_flight: int
    watts_per_minute: int


@dataclass(frozen=True, slots=True)
class Window:
    """Local time of the area, `start` inclusive, `end` not, within one day. Weekdays from 0, Monday."""

    weekdays: frozenset[int]
    start: time
    end: time


@dataclass(frozen=True, slots=True)
class Policy:
    version: str
    reasons: Mapping[ReasonCode, ReasonRule]
    caps: tuple[Cap, ...]
    ramps: Mapping[Effect, Ramp]
    windows: tuple[Window, ...]
    """In which cutting is allowed; none: never."""
    longest: timedelta
    """From not-before to expiry of an order, and for how long an approval can be good."""
    bulk: int
    """An order for more meters than this wants an approval whatever it does."""
    protection_fresh: timedelta
    """How old the list may be."""
    weather_fresh: timedelta
    automatic_live: bool = False
    """Whether orders of automatic sources may be sent at all, once people approved them; else they are shown only."""
