"""A meter's own times as moments: it states no zone, and that of 1997 no year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

_AHEAD: Final = timedelta(days=2)
"""A clock may be wrong by that into the future before a moment without a year is taken for last year's."""


def moment(text: str, zone: tzinfo, now: datetime) -> datetime:
    """``2026-11-22T15:30:45``, or ``11-22T15:30`` of the last year in which it is not ahead of `now`, in UTC.

    Where the clock goes back an hour the earlier one of two is meant. Raises `ValueError` for anything else.
    """
    date, _, time = text.partition("T")
    if date.count("-") == 2:
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    latest = (now + _AHEAD).astimezone(zone)
    for year in range(latest.year, latest.year - 8, -1):
        try:
            found = datetime.fromisoformat(f"{year:04d}-{date}T{time}").replace(tzinfo=zone)
        except ValueError:
            continue  # 29 February: not in this year
        if found <= latest:
            return found.astimezone(UTC)
    raise ValueError(f"no year in which {text!r} would be")


def is_before(one: str, other: str) -> bool:
    """Whether `one` is before `other`, of two moments without a year that are less than half a year apart."""
    leap = "2000-"
    apart = datetime.fromisoformat(leap + other) - datetime.fromisoformat(leap + one)
    return timedelta(0) < apart % _YEAR < _YEAR / 2


_YEAR: Final = timedelta(days=366)
