"""A cycle cut where a tariff changes: at versions, seasons, and the beginnings of step years and months."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo

from analytics.billing.bill import Share
from analytics.billing.tariff.rules import Rules
from analytics.billing.tariff.tariff import Tariff


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Within it one version and one season hold. [since, until) are local days, [start, end) the moments in UTC.

    `days`: how many local days, a fraction where the cycle begins or ends within one.
    """

    rules: Rules
    season: str
    since: date
    until: date
    start: datetime
    end: datetime
    days: Fraction


@dataclass(frozen=True, slots=True, eq=False)
class Cycle:
    """`months`: how many whole months it is; None: it is no whole number of them."""

    stretches: tuple[Stretch, ...]
    since: date
    until: date
    days: Fraction
    months: int | None

    def share(self, rules: Rules, days: Fraction) -> Share:
        """What part of charges per month `days` of this cycle are."""
        if self.months is not None and days == self.days:
            return Share(self.months)
        if rules.version.days_per_month is not None:
            return part(days, Fraction(rules.version.days_per_month))
        if self.months is not None:
            return part(days, self.days, self.months)
        return part(days, Fraction(monthrange(self.since.year, self.since.month)[1]))

    def spans(self) -> Iterator[tuple[Rules, tuple[Stretch, ...]]]:
        """Versions with their stretches."""
        found: list[Stretch] = []
        for stretch in self.stretches:
            if found and found[-1].rules is not stretch.rules:
                yield found[0].rules, tuple(found)
                found = []
            found.append(stretch)
        yield found[0].rules, tuple(found)


def part(days: Fraction, of: Fraction, months: int = 1) -> Share:
    """`days` of `of` days; a fraction of a day is told in whole parts of one."""
    scale = days.denominator * of.denominator
    return Share(months, Decimal(int(days * scale)), Decimal(int(of * scale)))


def cuts(tariff: Tariff, start: datetime, end: datetime) -> list[datetime]:
    """Moments within (start, end), UTC, at which registers should be read. Raises `TariffFault`."""
    return [stretch.start for stretch in cycle(tariff, start, end).stretches[1:]]


@lru_cache(maxsize=4096)
def cycle(tariff: Tariff, start: datetime, end: datetime) -> Cycle:
    """Raises `TariffFault` where no version holds."""
    zone = tariff.zone
    first, last = start.astimezone(zone), end.astimezone(zone)
    since = first.date()
    until = last.date() if _is_midnight(end, last.date(), zone) else last.date() + timedelta(days=1)
    stretches: list[Stretch] = []
    for day in _days(since, until):
        rules = tariff.rules_on(day)
        season = rules.season(day)
        begins, ends = max(midnight(day, zone), start), min(midnight(day + timedelta(days=1), zone), end)
        length = _part_of_day(day, begins, ends, zone)
        if stretches and not _is_cut(tariff, stretches[-1], rules, season, day):
            before = stretches[-1]
            stretches[-1] = replace(before, until=day + timedelta(days=1), end=ends, days=before.days + length)
        else:
            stretches.append(Stretch(rules, season, day, day + timedelta(days=1), begins, ends, length))
    days = sum((stretch.days for stretch in stretches), Fraction(0))
    is_whole = _is_midnight(start, since, zone) and _is_midnight(end, until, zone)
    months = (until.year - since.year) * 12 + until.month - since.month
    return Cycle(
        tuple(stretches), since, until, days, months if is_whole and since.day == until.day and months else None
    )


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a local day begins, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _is_midnight(time: datetime, day: date, zone: ZoneInfo) -> bool:
    return midnight(day, zone) == time.astimezone(UTC)


def _days(since: date, until: date) -> Iterator[date]:
    return (since + timedelta(days=count) for count in range((until - since).days))


def _part_of_day(day: date, start: datetime, end: datetime, zone: ZoneInfo) -> Fraction:
    """A day has 23 to 25 hours; half an hour of it is a part of those."""
    whole = midnight(day + timedelta(days=1), zone) - midnight(day, zone)
    length = end.astimezone(UTC) - start.astimezone(UTC)
    return Fraction(length // timedelta(microseconds=1), whole // timedelta(microseconds=1))


def _is_cut(tariff: Tariff, before: Stretch, rules: Rules, season: str, day: date) -> bool:
    if rules is not before.rules or season != before.season:
        return True
    counted = {entry.accumulates for entry in rules.version.energy} | {t.accumulates for t in rules.version.tiers}
    return ("year" in counted and tariff.year_of(day) == day) or ("month" in counted and day.day == 1)
