"""Days and hours as a tariff writes them: seasons by month and day, bands by minutes of the local day."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Final

MINUTES: Final = 1440
_LEAP: Final = 2024
"""A season is a rule for every year, so the 29th of February is in it as well."""
DAYS: Final = tuple(
    ((date(_LEAP, 1, 1) + timedelta(days=n)).month, (date(_LEAP, 1, 1) + timedelta(days=n)).day) for n in range(366)
)
_SPAN: Final = re.compile(r"(\d\d)-(\d\d)\.\.(\d\d)-(\d\d)")
_HOURS: Final = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")

Day = tuple[int, int]


def month_day(text: str) -> Day:
    """``"05-01"``. Raises `ValueError`."""
    try:
        found = date.fromisoformat(f"{_LEAP}-{text}")
    except ValueError:
        raise ValueError(f"{text!r}, expected month and day such as 05-01") from None
    return found.month, found.day


def season_days(text: str) -> list[Day]:
    """The days of ``"05-01..10-31"``, both ends in; a span may go over the year's end. Raises `ValueError`."""
    if not _SPAN.fullmatch(text):
        raise ValueError(f"{text!r}, expected days such as 05-01..10-31")
    first, last = (DAYS.index(month_day(part)) for part in text.split(".."))
    return [DAYS[n % 366] for n in range(first, last + 1 if last >= first else last + 367)]


def minutes(text: str) -> range:
    """``"22:00-24:00"``: minutes of the day, the end not in. Raises `ValueError`."""
    match = _HOURS.fullmatch(text)
    if match:
        first, first_minute, last, last_minute = map(int, match.groups())
        found = range(first * 60 + first_minute, last * 60 + last_minute)
        if first_minute < 60 and last_minute < 60 and 0 <= found.start < found.stop <= MINUTES:
            return found
    raise ValueError(f"{text!r}, expected hours of one day such as 08:00-12:00, at most to 24:00")


def day_flaws(seasons: Mapping[str, Iterable[Day]]) -> list[str]:
    """Days that no season or more than one holds."""
    held: dict[Day, list[str]] = {day: [] for day in DAYS}
    for name, days in seasons.items():
        for day in days:
            held[day].append(name)
    return _runs([(f"{month:02}-{day:02}", tuple(held[month, day])) for month, day in DAYS], "season", "day")


def minute_flaws(bands: Mapping[str, Iterable[range]]) -> list[str]:
    """Minutes that no band or more than one holds."""
    held: list[list[str]] = [[] for _ in range(MINUTES)]
    for name, spans in bands.items():
        for span in spans:
            for minute in span:
                held[minute].append(name)
    return _runs([(f"{n // 60:02}:{n % 60:02}", tuple(names)) for n, names in enumerate(held)], "band", "time")


def _runs(held: list[tuple[str, tuple[str, ...]]], what: str, where: str) -> list[str]:
    found = []
    first = 0
    for n in range(1, len(held) + 1):
        if n < len(held) and held[n][1] == held[first][1]:
            continue
        names = held[first][1]
        span = f"{held[first][0]} to {held[n - 1][0]}"
        if not names:
            found.append(f"a hole: no {what} holds {span}, expected each {where} of it in one")
        elif len(names) > 1:
            found.append(f"an overlap: {' and '.join(names)} hold {span}, expected each {where} of it in one")
        first = n
    return found
