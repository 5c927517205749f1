"""A tariff: its versions in order, and what it asks of a day or a cycle."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from analytics.billing.errors import Problem, TariffFault
from analytics.billing.exact import Rounding
from analytics.billing.tariff.check import problems
from analytics.billing.tariff.clock import MINUTES, minutes, month_day, season_days
from analytics.billing.tariff.document import Document, Version
from analytics.billing.tariff.rules import Rules, ladder
from analytics.day_types import Calendar, CalendarTable, DayType, calendar, shipped


@dataclass(frozen=True, slots=True, eq=False)
class Tariff:
    """Checked: what it says has neither hole nor overlap."""

    file: str
    document: Document
    zone: ZoneInfo
    rules: tuple[Rules, ...]

    @property
    def name(self) -> str:
        return self.document.name

    @property
    def currency(self) -> str:
        return self.document.currency

    @property
    def price_unit(self) -> str:
        return f"{self.document.currency}/kWh"

    def rules_on(self, day: date) -> Rules:
        """The version of a local day. Raises `TariffFault` before the first and after the last."""
        for rules in reversed(self.rules):
            version = rules.version
            if version.valid_from <= day and (version.valid_to is None or day < version.valid_to):
                return rules
        first, last = self.rules[0].version.valid_from, self.rules[-1].version.valid_to
        message = f"no version holds {day}: they hold {first} to {last or 'further notice'}"
        raise TariffFault(self.file, [Problem("version", message)])

    def year_of(self, day: date) -> date:
        """The day on which the tariff's year began, in which yearly steps are counted."""
        month, first = month_day(self.document.year_start)
        start = date(day.year, month, first)
        return start if start <= day else date(day.year - 1, month, first)

    def band_at(self, time: datetime) -> str:
        """The band of a moment; ``""`` where the tariff has none by the clock. Raises `YearUnknown`, `TariffFault`."""
        local = time.astimezone(self.zone)
        table = self.rules_on(local.date()).bands_on(local.date())
        return table[local.hour * 60 + local.minute] if table else ""


def load(path: Path | str) -> Tariff:
    """Read and check a file. Raises `TariffFault`, `OSError`."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise TariffFault(str(path), [Problem("", f"not UTF-8: {error.reason} at byte {error.start}")]) from error
    return parse(text, str(path))


def parse(text: str, file: str) -> Tariff:
    """Check a tariff's text; `file` is what messages name. Raises `TariffFault` with all problems."""
    try:
        tables = tomllib.loads(text, parse_float=Decimal)
        document = msgspec.convert(tables, Document)
    except tomllib.TOMLDecodeError as error:
        raise TariffFault(file, [Problem("", f"not TOML: {error}")]) from error
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        raise TariffFault(file, [Problem(where.strip("`").removeprefix("$").removeprefix("."), what)]) from error
    found = list(problems(document))
    if found:
        raise TariffFault(file, found)
    days = _calendar(document)
    rules = tuple(_rules(n, version, days) for n, version in enumerate(document.version))
    return Tariff(file, document, ZoneInfo(document.zone), rules)


def names(folder: Path) -> Iterator[tuple[str, Path]]:
    """Names of a folder's tariffs with their files, by file. Raises `TariffFault`."""
    for path in sorted(folder.glob("*.toml")):
        yield load(path).name, path


def _calendar(document: Document) -> Calendar:
    if document.calendar:
        return shipped(document.calendar)
    return calendar(f"[holidays] of {document.name}", document.holidays or CalendarTable())


def _rules(number: int, version: Version, days: Calendar) -> Rules:
    seasons = {day: s.name for s in version.season for text in s.dates for day in season_days(text)}
    names_ = [season.name for season in version.season] or [""]
    return Rules(
        number=number,
        version=version,
        calendar=days,
        seasons=seasons,
        tables={key: table for name in names_ for key, table in _tables(version, name)},
        ladders={(n, band): ladder(e.prices, band) for n, e in enumerate(version.energy) for band in e.prices},
        quantity=Rounding.parse(version.rounding.quantity),
        line=Rounding.parse(version.rounding.line),
        total=Rounding.parse(version.rounding.total),
    )


def _tables(version: Version, season: str) -> Iterator[tuple[tuple[str, DayType], tuple[str, ...]]]:
    for schedule in version.schedule:
        if schedule.seasons and season not in schedule.seasons:
            continue
        held = [""] * MINUTES
        for band, texts in schedule.bands.items():
            for text in texts:
                for minute in minutes(text):
                    held[minute] = band
        for day in schedule.days or DayType:
            yield (season, day), tuple(held)
