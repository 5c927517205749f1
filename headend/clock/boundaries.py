"""The times of day at which a meter stores something or changes its rate: no clock is moved across them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from protocols.dlt645.model import Dlt645Model
from protocols.dlt645.recall.freezes import HOURLY, FreezeMemory
from protocols.dlt645.recall.load_records import LoadRecordMemory
from protocols.dlt645.recall.settlements import SettlementMemory
from protocols.meter_model import MeterModel

_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Boundaries:
    """`daily` in minutes past midnight, `hourly` past the hour, each with its name; `records_min`: load records come
    every so many minutes, None where there are none."""

    daily: tuple[tuple[int, str], ...] = ((0, "midnight"),)
    hourly: tuple[tuple[int, str], ...] = ()
    records_min: int | None = None

    def nearest(self, own: datetime) -> tuple[timedelta, str]:
        """How far `own` (a clock's face) is from the nearest one, before or behind it."""
        midnight = own.replace(hour=0, minute=0, second=0, microsecond=0)
        hour = own.replace(minute=0, second=0, microsecond=0)
        found = [(_around(own - midnight, minute, _DAY), name) for minute, name in self.daily]
        found += [(_around(own - hour, minute, _HOUR), name) for minute, name in self.hourly]
        return min(found)

    def record_between(self, one: datetime, other: datetime) -> bool:
        """Whether a load record is due behind the earlier of both faces, up to the later."""
        if self.records_min is None:
            return False
        first, last = min(one, other), max(one, other)
        start = first.replace(hour=0, minute=0, second=0, microsecond=0)
        period = timedelta(minutes=self.records_min)
        return (last - start) // period != (first - start) // period


def boundaries(model: MeterModel, switches: Iterable[int] = ()) -> Boundaries:
    """Of a kind of meter; `switches`: minutes of the day at which rates change."""
    daily = {0: "midnight"} | dict.fromkeys(switches, "a tariff switch")
    hourly: dict[int, str] = {}
    records = None
    for memory in model.memories if isinstance(model, Dlt645Model) else ():
        if isinstance(memory, FreezeMemory):
            if memory.freeze == HOURLY:
                hourly[memory.at] = "an hourly freeze"
            else:
                daily.setdefault(memory.at, "a daily freeze")
        elif isinstance(memory, SettlementMemory):
            daily.setdefault(60 * memory.hour, "a settlement")
        elif isinstance(memory, LoadRecordMemory):
            records = memory.minutes
    return Boundaries(tuple(sorted(daily.items())), tuple(sorted(hourly.items())), records)


def _around(since: timedelta, minute: int, period: timedelta) -> timedelta:
    distance = abs(since - timedelta(minutes=minute))
    return min(distance, period - distance)
