"""Freezes: scheduled, instant, hourly, daily, monthly (DL/T 645-2007, 16H and Table A.6)."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from protocols.dlt645.catalogue.freezes import KINDS
from protocols.dlt645.services.freeze import Freeze
from simulators.dlt645.dial import Dial
from simulators.dlt645.schedule import DAY, Every, Monthly, Rhythm, Rule, Schedule, Stamp
from simulators.meter import VirtualMeter

if TYPE_CHECKING:
    from simulators.dlt645.memory import Memory

SCHEDULED: Final = 0x00
INSTANT: Final = 0x01
HOURLY: Final = 0x04
DAILY: Final = 0x06
MONTHLY: Final = 0xF0
SETTLEMENT: Final = 0x100
"""No freeze of the standard's, but kept like one: the registers on the settlement day."""
SETTLEMENTS: Final = 12
_ALL: Final = 0xFF
_MODE: Final = ("04000902", "freeze_mode")
_FIRST: Final[dict[int, Rhythm]] = {SCHEDULED: Monthly(), HOURLY: Every(60), DAILY: Every(DAY), MONTHLY: Monthly()}
_REACH: Final = {SCHEDULED: 400, HOURLY: 12, DAILY: 63, MONTHLY: 1120}
"""Days that hold as many as are kept."""

# What is frozen (DI1) to the bit of the mode word that leaves it out
_MODE_BITS: Final = {1: 0, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 4, 8: 4, 9: 5, 10: 6, 0x10: 7}


class Freezes:
    """By kind (DI2). The meter freezes before anybody asks it to: its freezes go back as far as it keeps them."""

    def __init__(self, meter: VirtualMeter, dial: Dial, now: datetime) -> None:
        self._dial = dial
        self._word = _ALL
        self._instant: deque[Stamp] = deque(maxlen=KINDS[INSTANT][2])
        began = min(now, dial.stretches[0].at)
        self._schedules = {
            kind: Schedule(meter, dial, Rule(rhythm, _ALL), KINDS[kind][2], began - timedelta(_REACH[kind]))
            for kind, rhythm in _FIRST.items()
        }
        reach = timedelta(31 * (SETTLEMENTS + 1))
        self._schedules[SETTLEMENT] = Schedule(meter, dial, Rule(Monthly(), _ALL), SETTLEMENTS, began - reach)

    def stamp(self, kind: int, number: int, now: datetime) -> Stamp | None:
        """When the latest (1) freeze of a kind was, the one before it (2) ..."""
        if kind == INSTANT:
            return self._instant[number - 1] if number <= len(self._instant) else None
        schedule = self._schedules.get(kind)
        return schedule.back(number, now) if schedule is not None else None

    def order(self, when: Freeze, now: datetime) -> None:
        """16H: at once, or from now on at those times."""
        if when.minute is None:
            own = self._dial.shown(now)
            self._instant.appendleft(Stamp(own, now, self._word))
            return
        rhythm: Rhythm
        if when.hour is None:
            rhythm = Every(60, when.minute)
        elif when.day is None:
            rhythm = Every(DAY, 60 * when.hour + when.minute)
        else:
            rhythm = Monthly(when.day, when.hour, when.minute)
        self._schedules[SCHEDULED].change(now, Rule(rhythm, self._word))

    def obey(self, memory: Memory, now: datetime) -> None:
        """Go by the parameters as they are now."""
        self._word = memory.number(_MODE[1], _MODE[0])
        hourly = memory.number("hourly_freeze_interval", "04001202")
        daily = str(memory.parameter("04001203", "daily_freeze_time")).replace(":", "")
        rhythms = {
            SCHEDULED: self._schedules[SCHEDULED].rule.rhythm,
            HOURLY: Every(hourly) if hourly else None,
            DAILY: Every(DAY, 60 * int(daily[:2]) + int(daily[2:])),
            MONTHLY: self._schedules[MONTHLY].rule.rhythm,
            SETTLEMENT: _monthly(str(memory.parameter("04000B01", "settlement_day_1")).replace("T", "")),
        }
        for kind, rhythm in rhythms.items():
            self._schedules[kind].change(now, Rule(rhythm, self._word))

    def erase(self, now: datetime) -> None:
        self._instant.clear()
        for schedule in self._schedules.values():
            schedule.erase(now)


def _monthly(spelled: str) -> Monthly | None:
    """The first settlement day as the meter is set to it, day and hour; 9999 is none."""
    day, hour = int(spelled[:2]), int(spelled[2:])
    return Monthly(day, hour) if day <= 28 and hour <= 23 else None


def froze(stamp: Stamp, what: int) -> bool:
    """Whether the mode word of the time let `what` (DI1) be frozen."""
    return what not in _MODE_BITS or bool(stamp.word >> _MODE_BITS[what] & 1)
