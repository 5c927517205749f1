"""What follows from a clock's offset: its class, and how it may be put right. Pure; as `[clock]` states it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from headend.clock.offset import Offset

REACH: Final = timedelta(minutes=5)
"""A meter takes no broadcast time that would move it further (DL/T 645-2007, 7.1.1)."""


class Standing(StrEnum):
    """A clock's class. `UNKNOWN`: never asked, or nobody answered."""

    OK = "ok"
    SYNC = "sync"
    """It is to be set; its data are accepted."""
    QUARANTINE = "quarantine"
    """What it dates itself is marked as doubtful."""
    UNKNOWN = "unknown"


class SyncMode(StrEnum):
    """What is done by itself about a clock that is off."""

    OFF = "off"
    PROPOSE = "propose"
    BROADCAST = "broadcast"


class Correction(StrEnum):
    """How a clock can be put right."""

    NONE = "none"
    BROADCAST = "broadcast"
    """With all of its line, by 08H."""
    STEPS = "steps"
    """Alone, by 08H to its own address, one step a day."""
    SET = "set"
    """By writing its clock with a password: an order, which is only ever proposed."""


@dataclass(frozen=True, slots=True)
class ClockPolicy:
    """`step`: by how much a clock is moved at once at most, None for as much as is needed. `keep_clear`: how far from
    midnight, freezes, settlements and `switches` (minutes of the day) nothing is set. `fresh`: how old a survey may be
    that a clock is set by."""

    ok: timedelta = timedelta(seconds=5)
    quarantine: timedelta = REACH
    step: timedelta | None = timedelta(seconds=60)
    keep_clear: timedelta = timedelta(minutes=5)
    switches: tuple[int, ...] = ()
    fresh: timedelta = timedelta(hours=1)
    sync: SyncMode = SyncMode.OFF
    trust_host: bool = False

    def standing(self, offset: timedelta | None) -> Standing:
        """The class of a clock that is off so much; None is one that shows no time."""
        if offset is None or abs(offset) > self.quarantine:
            return Standing.QUARANTINE
        return Standing.OK if abs(offset) <= self.ok else Standing.SYNC

    def correction(self, found: Offset) -> Correction:
        if abs(found.offset) <= self.ok:
            return Correction.NONE
        if found.most >= REACH:
            return Correction.SET
        return Correction.BROADCAST if self.step is None or abs(found.offset) <= self.step else Correction.STEPS

    def moved(self, offset: timedelta) -> timedelta:
        """What is left of an offset after one step."""
        if self.step is None or abs(offset) <= self.step:
            return timedelta(0)
        return offset - self.step if offset > timedelta(0) else offset + self.step


USUAL: Final = ClockPolicy()
"""What holds where nothing is configured."""
