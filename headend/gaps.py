"""The ledger as a line's recovery sees it: the newest days first, older ones when those are whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from headend.recovery import Gap, lacking
from headend.work.plan import Plan
from storage.ledger import Ledger, OpenSlot

_WINDOWS: Final = (timedelta(days=1), timedelta(days=7))
"""From now back; the last window ends with the longest horizon. What is long past is looked through seldom."""
_WHOLE_FOR: Final = timedelta(hours=6)
_MARGIN: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Reach:
    """How long a slot may stay untried before it is a gap, and how far back gaps are worth filling."""

    untried: timedelta
    horizon: timedelta

    @classmethod
    def of(cls, plans: Sequence[Plan]) -> Reach:
        expected = [plan for plan in plans if plan.kind.is_expected]
        batches = [plan.collect.period if plan.collect else timedelta(0) for plan in expected]
        waits = [plan.open_for + plan.delay + batch for plan, batch in zip(expected, batches, strict=True)]
        horizons = [plan.horizon for plan in expected]
        return cls(max(waits, default=timedelta(0)) + _MARGIN, max(horizons, default=timedelta(0)))


class LedgerGaps:
    """`headend.recovery.Gaps` over the database; one for all lines, so questions wait their turn."""

    def __init__(self, ledger: Ledger, reach: Reach) -> None:
        self._ledger = ledger
        self._reach = reach
        self._whole: dict[tuple[int, timedelta], datetime] = {}
        """First meter of a line and window, to when it was found without gaps."""

    async def recoverable(self, meters: Sequence[int], now: datetime) -> list[Gap]:
        ends = [*(window for window in _WINDOWS if window < self._reach.horizon), self._reach.horizon]
        newer = timedelta(0)
        for older in ends:
            key = (min(meters, default=0), older)
            if newer and now - self._whole.get(key, now - _WHOLE_FOR) < _WHOLE_FOR:
                newer = older
                continue
            found = await self._ledger.recoverable(
                meters, now - older, now - newer, now, untried=now - self._reach.untried
            )
            if found:
                return _gaps(found)
            self._whole[key] = now
            newer = older
        return []


def _gaps(found: Sequence[OpenSlot]) -> list[Gap]:
    """One gap a meter and moment, its layouts together."""
    wanted: dict[tuple[int, datetime], list[OpenSlot]] = {}
    for slot in found:
        wanted.setdefault((slot.meter_id, slot.time), []).append(slot)
    return [
        Gap(meter_id, time, tuple(quantity for slot in slots for quantity in lacking(slot.layout, slot.lacking)))
        for (meter_id, time), slots in wanted.items()
    ]
