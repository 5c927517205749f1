"""What is stored of a value that a meter gave: a whole number of its quantity's steps, or nothing with its quality.

A moment is given as the meter's own clock showed it, without a zone, in DL/T 645-1997 without a year. It becomes UTC by
the clock's zone; what may be two moments or none is not guessed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from protocols.model import EPOCH, Kind, Quality, Quantity, Value

_LIMIT: Final = 2**63 - 1
_SECOND: Final = timedelta(seconds=1)
_DAY: Final = timedelta(days=1)
_LEAP: Final = 8
"""Years that may lie between two 29ths of February."""


def stored(value: Value, quantity: Quantity, zone: ZoneInfo, told: datetime) -> tuple[int | None, Quality]:
    """As `quantity`. `zone` is that of the meter's clock, `told` when the meter gave the value."""
    if quantity.kind is Kind.TIME:
        return _moment(value, zone, told)
    steps = value._replace(part=value.part._replace(quantity=quantity)).steps
    if steps is None:
        return None, value.quality if value.quality is not Quality.GOOD else Quality.NOT_AVAILABLE
    if abs(steps) > _LIMIT:
        return None, Quality.OUT_OF_RANGE
    return steps, value.quality


def occurred(text: str, zone: ZoneInfo, told: datetime) -> datetime | None:
    """The moment that a clock in `zone` showed as `text`: ISO 8601, ``2026-11-22T15:30``, or ``11-22T15:30``.

    Of the two moments of an hour that autumn repeats it is the first. Without a year it is the last one before `told`;
    what would be up to a day after `told` this year is of a clock that is ahead, or a year old: None. None, too, for an
    hour that spring leaves out.
    """
    if text[4:5] == "-":
        found, is_shown = _in_utc(text, zone)
        return found if is_shown else None
    year = told.astimezone(zone).year
    for each in range(year + 1, year - _LEAP - 1, -1):
        try:
            found, is_shown = _in_utc(f"{each:04d}-{text}", zone)
        except ValueError:  # the 29th of February of another year
            continue
        if found <= told + _DAY:
            return found if is_shown and found <= told else None
    return None


@lru_cache(maxsize=4096)
def _in_utc(text: str, zone: ZoneInfo) -> tuple[datetime, bool]:
    """The first moment at which a clock in `zone` shows it, and whether it ever does. Raises `ValueError`."""
    own = datetime.fromisoformat(text)
    found = own.replace(tzinfo=zone).astimezone(UTC)
    return found, found.astimezone(zone).replace(tzinfo=None) == own


def _moment(value: Value, zone: ZoneInfo, told: datetime) -> tuple[int | None, Quality]:
    if value.text is None:
        return None, value.quality if value.quality is not Quality.GOOD else Quality.NOT_AVAILABLE
    found = occurred(value.text, zone, told)
    return (None, Quality.OUT_OF_RANGE) if found is None else ((found - EPOCH) // _SECOND, value.quality)
