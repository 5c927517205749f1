"""A zone's summer time as ESPI spells it: a rule of 32 bits for its begin and one for its end (DstRuleType)."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

NONE: Final = "FFFFFFFF"
"""There is no summer time."""
_YEARS: Final = 4
"""A rule is taken to be one that holds this long."""
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class SummerTime:
    """Offsets in seconds: `offset` that of standard time from UTC, `ahead` what summer time adds."""

    begin: str
    end: str
    ahead: int
    offset: int


def of(zone: ZoneInfo, year: int) -> SummerTime:
    """The rules that hold in `year`."""
    changes = list(_changes(zone, year))
    begins = [at for at, before, after in changes if after > before]
    ends = [at for at, before, after in changes if after < before]
    offsets = {_offset(zone, datetime(year, month, 1, tzinfo=UTC)) for month in range(1, 13)}
    standard = min(offsets)
    if len(begins) != 1 or len(ends) != 1 or len(offsets) != 2:
        return SummerTime(NONE, NONE, 0, _offset(zone, datetime(year, 1, 1, tzinfo=UTC)))
    return SummerTime(_rule(zone, begins[0], True), _rule(zone, ends[0], False), max(offsets) - standard, standard)


def _changes(zone: ZoneInfo, year: int) -> Iterator[tuple[datetime, int, int]]:
    """Local wall time (of before) at which the offset changes, and both offsets."""
    day = datetime(year, 1, 1, tzinfo=UTC)
    while day.year == year:
        before, after = _offset(zone, day), _offset(zone, day + timedelta(days=1))
        if before != after:
            low, high = 0, 86_400
            while high - low > 1:
                middle = (low + high) // 2
                if _offset(zone, day + timedelta(seconds=middle)) == before:
                    low = middle
                else:
                    high = middle
            yield (day + timedelta(seconds=high + before)).replace(tzinfo=None), before, after
        day += timedelta(days=1)


def _rule(zone: ZoneInfo, at: datetime, begins: bool) -> str:
    """The first way to say it that gives the zone's own changes of the years after, too; else the day of this year."""
    ways = [*_ways(at), (0, 0, at.day)]
    for operator, named, day in ways:
        if all(_same(zone, year, at, operator, begins) for year in range(at.year + 1, at.year + _YEARS)):
            return _spelt(at, operator, named, day)
    return _spelt(at, 0, 0, at.day)


def _ways(at: datetime) -> list[tuple[int, int, int]]:
    """Operator, day of the week, day of the month."""
    nth = (at.day - 1) // 7
    last = at.day + 7 > monthrange(at.year, at.month)[1]
    ways = [(7, at.isoweekday(), 0)] if last else []
    return [*ways, (2 + nth, at.isoweekday(), 0)]


def _same(zone: ZoneInfo, year: int, at: datetime, operator: int, begins: bool) -> bool:
    for moment, before, after in _changes(zone, year):
        if (after > before) == begins:
            alike = (moment.month, moment.time()) == (at.month, at.time())
            return alike and any(operator == way for way, _, _ in [*_ways(moment), *_day(moment, at)])
    return False


def _day(moment: datetime, at: datetime) -> list[tuple[int, int, int]]:
    return [(0, 0, at.day)] if moment.day == at.day else []


def _spelt(at: datetime, operator: int, weekday: int, day: int) -> str:
    bits = at.month << 28 | operator << 25 | day << 20 | weekday << 17 | at.hour << 12 | at.minute * 60 + at.second
    return f"{bits:08X}"


def _offset(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    if offset is None:
        raise ValueError(f"{zone} has no offset")
    return offset // _SECOND
