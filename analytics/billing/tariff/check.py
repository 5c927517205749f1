"""What a tariff's types cannot say: holes, overlaps, names that lead nowhere. Every function yields `Problem`s."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from analytics.billing.errors import Problem
from analytics.billing.exact import Rounding
from analytics.billing.tariff import power_factor
from analytics.billing.tariff.check_prices import energy_problems, piece_problems, step_problems
from analytics.billing.tariff.clock import day_flaws, minute_flaws, minutes, month_day, season_days
from analytics.billing.tariff.document import Document, Version
from analytics.day_types import CalendarTable, DayType, calendar, shipped


def problems(document: Document) -> Iterator[Problem]:
    """All of a tariff."""
    yield from _numbers("", document)
    if not document.name:
        yield Problem("name", "is empty")
    if len(document.currency) != 3 or not document.currency.isalpha() or not document.currency.isupper():
        yield Problem("currency", f"{document.currency!r}, expected an ISO 4217 code such as CNY")
    try:
        ZoneInfo(document.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield Problem("zone", f"{document.zone!r} is no time zone, expected a name such as Asia/Shanghai")
    yield from _calendar_problems(document)
    try:
        month_day(document.year_start)
    except ValueError as error:
        yield Problem("year_start", str(error))
    if document.year_start == "02-29":
        yield Problem("year_start", "02-29 does not come every year")
    yield from _version_problems(document.version)
    for number, version in enumerate(document.version):
        for problem in _rules_problems(version, bool(document.calendar or document.holidays)):
            yield Problem(f"version[{number}].{problem.key}", problem.message)


def _calendar_problems(document: Document) -> Iterator[Problem]:
    if document.calendar and document.holidays is not None:
        yield Problem("calendar", "expected either the name of a calendar or [holidays], not both")
    try:
        if document.calendar:
            shipped(document.calendar)
    except ValueError as error:
        yield Problem("calendar", str(error))
    try:
        calendar("holidays", document.holidays or CalendarTable())
    except ValueError as error:
        yield Problem("holidays", str(error))


def _version_problems(versions: Sequence[Version]) -> Iterator[Problem]:
    if not versions:
        yield Problem("version", "expected at least one [[version]]")
    for number, version in enumerate(versions):
        if version.valid_to is not None and version.valid_to <= version.valid_from:
            yield Problem(f"version[{number}].valid_to", f"{version.valid_to} is not after valid_from")
        if number + 1 == len(versions):
            continue
        following = versions[number + 1].valid_from
        if following <= version.valid_from:
            yield Problem(
                f"version[{number + 1}].valid_from", f"{following}, expected a day after {version.valid_from}"
            )
        elif version.valid_to is None or version.valid_to > following:
            until = version.valid_to or "for ever"
            yield Problem(
                f"version[{number}].valid_to", f"an overlap: {until}, expected {following}, where the next begins"
            )
        elif version.valid_to < following:
            yield Problem(
                f"version[{number}].valid_to",
                f"a hole: no version holds {version.valid_to} to {following}, expected {following}",
            )


def _rules_problems(version: Version, has_calendar: bool) -> Iterator[Problem]:
    yield from _season_problems(version)
    yield from _schedule_problems(version, has_calendar)
    yield from energy_problems(version)
    for number, tiers in enumerate(version.tiers):
        yield from step_problems(f"tiers[{number}].steps", tiers.steps)
    for number, basic in enumerate(version.basic):
        if isinstance(basic.price, list):
            yield from step_problems(f"basic[{number}].price", basic.price)
        yield from piece_problems(f"basic[{number}].rule", basic.rule)
        if basic.per == "day":
            yield Problem(f"basic[{number}].per", "expected month or cycle")
        if basic.by == "capacity" and (basic.rule or basic.band != "total"):
            yield Problem(f"basic[{number}]", "rule and band are of demand charges, this one is by capacity")
    seasons = {season.name for season in version.season}
    for table in ("schedule", "energy", "tiers", "basic"):
        for number, entry in enumerate(getattr(version, table)):
            for name in entry.seasons:
                if name not in seasons:
                    known = ", ".join(sorted(seasons)) or "none: there is no [[version.season]]"
                    yield Problem(f"{table}[{number}].seasons", f"{name!r} is no season, expected of {known}")
    yield from _twice(version)
    if version.power_factor is not None:
        for message in power_factor.flaws(version.power_factor.table, version.power_factor.standard):
            yield Problem("power_factor", message)
    for key in ("quantity", "line", "total"):
        try:
            Rounding.parse(getattr(version.rounding, key))
        except ValueError as error:
            yield Problem(f"rounding.{key}", str(error))
    if version.days_per_month is not None and not 28 <= version.days_per_month <= 31:
        yield Problem("days_per_month", f"{version.days_per_month}, expected 28 to 31")


def _season_problems(version: Version) -> Iterator[Problem]:
    held = {}
    for number, season in enumerate(version.season):
        try:
            days = [day for text in season.dates for day in season_days(text)]
        except ValueError as error:
            yield Problem(f"season[{number}].dates", str(error))
            return
        if season.name in held:
            yield Problem(f"season[{number}].name", f"{season.name!r} stands twice, expected all its dates in one")
            return
        held[season.name] = days
    if held:
        for message in day_flaws(held):
            yield Problem("season", message)


def _schedule_problems(version: Version, has_calendar: bool) -> Iterator[Problem]:
    for number, schedule in enumerate(version.schedule):
        try:
            spans = {band: [minutes(text) for text in texts] for band, texts in schedule.bands.items()}
        except ValueError as error:
            yield Problem(f"schedule[{number}].bands", str(error))
            continue
        if "total" in spans:
            yield Problem(f"schedule[{number}].bands", "total is all bands together, expected another name")
        for message in minute_flaws(spans):
            yield Problem(f"schedule[{number}].bands", message)
    if not version.schedule:
        return
    if not has_calendar and any(set(schedule.days) == {DayType.HOLIDAY} for schedule in version.schedule):
        yield Problem("schedule", "a schedule for holidays, and no calendar: expected calendar or [holidays]")
    for season in [season.name for season in version.season] or [""]:
        for day in DayType:
            found = [
                n
                for n, s in enumerate(version.schedule)
                if (not s.seasons or season in s.seasons) and (not s.days or day in s.days)
            ]
            where = f"{day}s" + (f" in {season}" if season else "")
            if not found:
                yield Problem("schedule", f"a hole: no schedule holds {where}")
            elif len(found) > 1:
                which = " and ".join(f"[{n}]" for n in found)
                yield Problem("schedule", f"an overlap: {which} hold {where}, expected one")


def _twice(version: Version) -> Iterator[Problem]:
    """Charges that could not be told apart, and one charge twice in a season."""
    owners: dict[str, str] = {}
    counted: dict[str, str] = {}
    for table in ("energy", "tiers", "basic", "fixed", "surcharge", "feed_in", "minimum", "tax"):
        seen: dict[str, list[tuple[int, frozenset[str], str]]] = {}
        for number, entry in enumerate(getattr(version, table)):
            key = f"{table}[{number}].id"
            if owners.setdefault(entry.id, table) != table:
                yield Problem(key, f"{entry.id!r} is of {owners[entry.id]} as well, expected a name of its own")
            seasons, choice = frozenset(getattr(entry, "seasons", [])), getattr(entry, "choice", "")
            accumulates = getattr(entry, "accumulates", "cycle")
            if table == "tiers" and seasons and accumulates != "cycle":
                message = f"steps counted over the {accumulates} hold in all seasons: expected none stated"
                yield Problem(f"{table}[{number}].seasons", message)
            if counted.setdefault(entry.id, accumulates) != accumulates:
                message = f"{accumulates!r}, expected {counted[entry.id]!r} as in the other {entry.id!r}"
                yield Problem(f"{table}[{number}].accumulates", message)
            for other, others, others_choice in seen.get(entry.id, []):
                if (not seasons or not others or seasons & others) and choice == others_choice:
                    yield Problem(key, f"an overlap: {entry.id!r} stands in {table}[{other}] for the same days")
            seen.setdefault(entry.id, []).append((number, seasons, choice))


def _numbers(key: str, value: object) -> Iterator[Problem]:
    """No number is infinite or NaN: they would make every comparison false."""
    if isinstance(value, Decimal):
        if not value.is_finite():
            yield Problem(key, f"{value}, expected a number")
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _numbers(f"{key}.{name}" if key else name, getattr(value, name))
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _numbers(f"{key}.{name}", inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _numbers(f"{key}[{number}]", inner)
