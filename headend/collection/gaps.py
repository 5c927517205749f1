"""The ledger as a line's recovery sees it: the newest days first, older ones when those are whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from headend.collection.recovery import Gap, lacking
from headend.work.plan import Plan
from storage.ledger import PAUSE, Ledger, OpenSlot

_WINDOWS: Final = (timedelta(days=1), timedelta(days=7))
"""From now back; the last window ends with the longest horizon. What is long past is looked through seldom."""
_WHOLE_FOR: Final = timedelta(hours=6)
_MARGIN: Final = timedelta(minutes=15)
"""What another daemon has read may still be on its way to the database."""
_WANTED_FOR: Final = timedelta(days=7)

_Span: TypeAlias = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Reach:
    """How long a slot may stay untried before it is a gap; how long before that meters do not have it yet; how far back
    gaps are worth filling. `pause`: how long a gap that was tried in vain is left; a slot, where slots are short."""

    untried: timedelta
    settled: timedelta
    horizon: timedelta
    pause: timedelta = PAUSE

    @classmethod
    def of(cls, plans: Sequence[Plan]) -> Reach:
        nothing = timedelta(0)
        expected = [plan for plan in plans if plan.kind.is_expected]
        return cls(
            max((plan.over_after for plan in expected), default=nothing) + _MARGIN,
            max((plan.delay for plan in expected), default=nothing) + _MARGIN,
            max((plan.horizon for plan in expected), default=nothing),
            min((PAUSE, *(plan.schedule.period for plan in expected))),
        )


class LedgerGaps:
    """`headend.collection.recovery.Gaps` over the database; one for all lines, so questions wait their turn."""

    def __init__(self, ledger: Ledger, reach: Reach) -> None:
        self._ledger = ledger
        self._reach = reach
        self._whole: dict[tuple[tuple[int, ...], object], datetime] = {}
        """Meters of a line and window, to when it was found without gaps."""
        self._wanted: dict[_Span, datetime] = {}
        """Spans that somebody wants again, and since when."""

    @property
    def pause(self) -> timedelta:
        return self._reach.pause

    def want(self, start: datetime, end: datetime, now: datetime) -> None:
        """Look through [start, end) once more, however long ago it is."""
        self._wanted[start, end] = now
        self._whole.clear()

    async def recoverable(self, meters: Sequence[int], now: datetime, since: datetime) -> list[Gap]:
        if not meters:
            return []
        self._forget(now)
        reach = self._reach
        untried = max(now - reach.untried, min(since, now - reach.settled))
        for name, (start, end) in self._windows(now):
            key = (tuple(meters), name)
            if key in self._whole:
                continue
            found = await self._ledger.recoverable(
                meters, start, end, now, untried=untried, pause=reach.pause, beyond=name in self._wanted
            )
            if found:
                return _gaps(found)
            if name != _WINDOWS[0]:
                self._whole[key] = now
        return []

    def _windows(self, now: datetime) -> list[tuple[object, _Span]]:
        """What each is known by, and its span."""
        newer = timedelta(0)
        windows: list[tuple[object, _Span]] = []
        for older in (*(one for one in _WINDOWS if one < self._reach.horizon), self._reach.horizon):
            windows.append((older, (now - older, now - newer)))
            newer = older
        windows += [(span, (span[0], min(span[1], now))) for span in sorted(self._wanted, reverse=True)]
        return windows

    def _forget(self, now: datetime) -> None:
        self._whole = {key: at for key, at in self._whole.items() if timedelta(0) <= now - at < _WHOLE_FOR}
        self._wanted = {span: at for span, at in self._wanted.items() if now - at < _WANTED_FOR}


def _gaps(found: Sequence[OpenSlot]) -> list[Gap]:
    """One gap a meter and moment, its layouts together."""
    wanted: dict[tuple[int, datetime], list[OpenSlot]] = {}
    for slot in found:
        wanted.setdefault((slot.meter_id, slot.time), []).append(slot)
    return [
        Gap(
            meter_id,
            time,
            tuple(quantity for slot in slots for quantity in lacking(slot.layout, slot.lacking)),
            any(slot.untried for slot in slots),
        )
        for (meter_id, time), slots in wanted.items()
    ]
