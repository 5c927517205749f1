"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from headend.errors import UsageFault


def instant(text: str | None, zone: ZoneInfo, default: datetime) -> datetime:
    """ISO 8601; without offset it is in `zone`, where it must be one moment: an hour that the clock skips or shows
    twice needs the offset. Raises `UsageFault`.
    """
    if text is None:
        return default
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageFault(f"{text!r} is no time, expected ISO 8601 such as 2026-11-22T00:00:00+08:00") from None
    if not 1970 <= found.year < 9999:
        raise UsageFault(f"{text!r}, expected a year from 1970 on")
    if found.tzinfo is not None:
        return found
    first, second = found.replace(tzinfo=zone, fold=0), found.replace(tzinfo=zone, fold=1)
    if first.utcoffset() != second.utcoffset():
        skipped = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != found
        why = "does not come" if skipped else "comes twice"
        raise UsageFault(f"{text!r} {why} in {zone.key}: write its offset, such as {first.isoformat()}")
    return first


def local_day(text: str, option: str) -> date:
    """``2026-01-31``. Raises `UsageFault`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageFault(f"{option} {text!r}, expected a day such as 2026-01-31") from None
