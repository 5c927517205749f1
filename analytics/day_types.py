"""What kind of day it is: workday, weekend or holiday. Holidays and make-up workdays are lists by year, as data.

A year that is not listed has no known holidays, and asking for one of its days is an error.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final

import msgspec

from analytics.errors import AnalyticsError


class DayType(StrEnum):
    WORKDAY = "workday"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"


WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class YearUnknown(AnalyticsError):
    """The holidays of a year are not listed."""

    def __init__(self, calendar: str, year: int) -> None:
        super().__init__(f"calendar {calendar!r} lists no holidays of {year}: add [years.{year}]")
        self.calendar = calendar
        self.year = year


class YearTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Dates as ``2026-01-01``, spans as ``2026-01-01..2026-01-03``, both ends in. `workdays`: worked though weekend."""

    holidays: list[str] = []
    workdays: list[str] = []


class CalendarTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    weekend: tuple[str, ...] = ("saturday", "sunday")
    years: dict[str, YearTable] = {}


@dataclass(frozen=True, slots=True)
class Calendar:
    """`years` None: no holidays are kept anywhere, each day is a workday or a weekend."""

    name: str
    weekend: frozenset[int]
    years: frozenset[int] | None
    special: Mapping[date, DayType]

    def day_type(self, day: date) -> DayType:
        """Raises `YearUnknown`."""
        if self.years is not None and day.year not in self.years:
            raise YearUnknown(self.name, day.year)
        found = self.special.get(day)
        if found is not None:
            return found
        return DayType.WEEKEND if day.weekday() in self.weekend else DayType.WORKDAY


def calendar(name: str, table: CalendarTable) -> Calendar:
    """Raises `ValueError` naming the key and what was expected."""
    for word in table.weekend:
        if word not in WEEKDAYS:
            raise ValueError(f"weekend: {word!r}, expected days such as saturday")
    special: dict[date, DayType] = {}
    for year, lists in table.years.items():
        if not (year.isascii() and year.isdigit() and len(year) == 4):
            raise ValueError(f"years.{year}: expected a year such as 2026")
        for key, kind in (("holidays", DayType.HOLIDAY), ("workdays", DayType.WORKDAY)):
            for text in getattr(lists, key):
                for day in _days(text, f"years.{year}.{key}"):
                    if day.year != int(year):
                        raise ValueError(f"years.{year}.{key}: {day} is not in {year}")
                    if day in special:
                        raise ValueError(f"years.{year}.{key}: {day} stands twice")
                    special[day] = kind
    years = frozenset(map(int, table.years)) if table.years else None
    return Calendar(name, frozenset(WEEKDAYS.index(word) for word in table.weekend), years, special)


@cache
def shipped(name: str) -> Calendar:
    """The calendar of that name in `analytics/calendars`. Raises `ValueError`."""
    folder = resources.files("analytics") / "calendars"
    names = sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))
    if name not in names:
        raise ValueError(f"no calendar named {name!r}, expected one of {', '.join(names)}")
    tables = tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
    return calendar(name, msgspec.convert(tables, CalendarTable))


def _days(text: str, key: str) -> Iterator[date]:
    first, dots, last = text.partition("..")
    try:
        start, end = date.fromisoformat(first), date.fromisoformat(last if dots else first)
    except ValueError:
        raise ValueError(
            f"{key}: {text!r}, expected a date such as 2026-01-01 or a span 2026-01-01..2026-01-03"
        ) from None
    if end < start:
        raise ValueError(f"{key}: {text!r} ends before it begins")
    return (start + timedelta(days=count) for count in range((end - start).days + 1))
