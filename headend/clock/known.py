"""What is known of meters' clocks, out of the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from headend.clock.boundaries import boundaries
from headend.clock.offset import Offset
from headend.clock.policy import ClockPolicy
from headend.clock.rules import Known
from headend.clock.survey import has_clock
from headend.collection.survey import MeterPath
from storage.clocks import ClockStore, LatestClock

_MS = timedelta(milliseconds=1)
TOLD_DAYS = timedelta(days=2)
"""So far back it matters on which days a meter was told the time."""


async def known_of(store: ClockStore, policy: ClockPolicy, meters: Sequence[MeterPath], now: datetime) -> list[Known]:
    """In their order. Raises `StorageError`."""
    ids = [meter.id for meter in meters]
    latest = {one.meter_id: one for one in await store.latest(now, meters=ids)}
    told = await store.told(ids, (now - TOLD_DAYS).date())
    return [
        Known(
            meter.name,
            meter.zone,
            offset_from(latest.get(meter.id)),
            told.get(meter.id, frozenset()),
            boundaries(meter.model, policy.switches),
            has_clock(meter),
            frozenset(latest[meter.id].areas) if meter.id in latest else frozenset(),
        )
        for meter in meters
    ]


def offset_from(latest: LatestClock | None) -> Offset | None:
    """What is stored of a meter's clock, as it was found."""
    return None if latest is None else offset_at(latest.at, latest.offset_ms, latest.uncertainty_ms)


def offset_at(at: datetime | None, offset_ms: int | None, uncertainty_ms: int | None) -> Offset | None:
    if at is None or offset_ms is None:
        return None
    return Offset(at.astimezone(UTC), offset_ms * _MS, (uncertainty_ms or 0) * _MS)


def in_ms(offset: Offset | None) -> int | None:
    return None if offset is None else round(offset.offset / _MS)
