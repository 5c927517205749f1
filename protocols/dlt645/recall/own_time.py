"""A meter's own clock and the zone that it stands in: records carry local time and no zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def shown(moment: datetime, zone: ZoneInfo) -> datetime:
    """What a right clock in `zone` shows at `moment`, without the zone."""
    return moment.astimezone(zone).replace(tzinfo=None)


def meant(own: datetime, zone: ZoneInfo, wanted: frozenset[datetime] = frozenset()) -> datetime | None:
    """The moment, in UTC, at which a clock in `zone` shows `own`.

    In the hour that summer time repeats it may be two moments: the one that is `wanted`, or None where both are or
    neither is, for nothing tells them apart. None for an hour that does not exist.
    """
    first, second = (own.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return first
    found = [moment for moment in (first, second) if shown(moment, zone) == own]
    if len(found) == 2:
        found = [moment for moment in found if moment in wanted]
    return found[0] if len(found) == 1 else None
