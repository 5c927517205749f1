"""Load records: six classes, each with its interval; a mode word says which are kept (DL/T 645-2007, Annex B)."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

from protocols.dlt645.load_record import CLASSES
from simulators.dlt645.dial import Dial
from simulators.dlt645.schedule import Every, Rule, Schedule, Stamp
from simulators.dlt645.setup import PROFILE_MINUTES
from simulators.load import EPOCH
from simulators.meter import VirtualMeter

if TYPE_CHECKING:
    from simulators.dlt645.memory import Memory

EARLIEST: Final = 0
FROM_TIME: Final = 1
LATEST: Final = 2
_ALL: Final = (1 << CLASSES) - 1
_YEAR_MINUTES: Final = 366 * 1440


class Profile:
    """The records of all classes. A class keeps as many as there is room for; the oldest go first."""

    def __init__(
        self, meter: VirtualMeter, dial: Dial, most: int, now: datetime, minutes: int = PROFILE_MINUTES
    ) -> None:
        reach = timedelta(minutes=most * minutes)
        rule = Rule(Every(minutes), _ALL)
        since = max(EPOCH, now - reach)
        self._classes = [Schedule(meter, dial, rule, most, since) for _ in range(CLASSES)]

    def stamps(self, number: int, which: int, count: int, since: datetime | None, now: datetime) -> list[Stamp]:
        """When `count` records of a class (0: the class with the shortest interval, which shows the others too) were
        stored: the earliest, those from the own time `since` on, or the latest one."""
        schedule = self._classes[number - 1] if number else min(self._classes, key=_interval)
        if which == LATEST:
            latest = schedule.back(1, now)
            return [latest] if latest is not None else []
        return list(islice(schedule.earliest(now, since), count))

    def holds(self, number: int, stamp: Stamp) -> bool:
        """Whether the class stored something at that moment."""
        rhythm = self._classes[number - 1].rule.rhythm
        if not stamp.word >> (number - 1) & 1 or rhythm is None:
            return False
        minute = (stamp.own - EPOCH.replace(tzinfo=None)) // timedelta(minutes=1)
        return bool(rhythm.between(minute, minute + 1))

    def obey(self, memory: Memory, now: datetime) -> None:
        """Go by the parameters as they are now."""
        word = memory.number("load_record_mode", "04000901")
        for number, schedule in enumerate(self._classes, 1):
            minutes = memory.number(f"load_interval_{number}", _item(number))
            kept = word >> (number - 1) & 1 and minutes
            schedule.change(now, Rule(Every(minutes) if kept else None, word))

    def erase(self, now: datetime) -> None:
        for schedule in self._classes:
            schedule.erase(now)


def intervals(minutes: int) -> dict[tuple[str, str], int | str | None]:
    """The parameters of meters that were set to `minutes` before they came: none where that is what all come with."""
    if minutes == PROFILE_MINUTES:
        return {}
    return {(_item(number), f"load_interval_{number}"): minutes for number in range(1, CLASSES + 1)}


def _item(number: int) -> str:
    return f"04000A{number + 1:02X}"


def _interval(schedule: Schedule) -> int:
    rhythm = schedule.rule.rhythm
    return rhythm.minutes if isinstance(rhythm, Every) else _YEAR_MINUTES
