"""What a line does when nothing else is due: the gaps of its meters, as the ledger knows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from headend.work.job import Job
from headend.work.plan import Kind, Priority
from protocols.model import Quantity
from protocols.quantities import LAYOUTS
from storage.errors import StorageError

_log = structlog.get_logger("recovery")

_AGAIN: Final = timedelta(seconds=5)
"""Between two looks at the ledger while there is something to recover: what came is committed meanwhile."""
_SOON: Final = 0.1
_IDLE: Final = 1.5
"""Of the ledger's pause between two tries of one gap: between two looks when something was missed, and when nothing is
to be done."""
_SHORTEST: Final = timedelta(seconds=1)
_HELD: Final = timedelta(seconds=10)
"""So long at least a gap that was asked for is not asked for again: its answer may be on its way to the ledger."""


@dataclass(frozen=True, slots=True)
class Gap:
    """An expected capture that is missing; `quantities` is what it lacks. `untried`: the ledger has no row of it."""

    meter_id: int
    time: datetime
    quantities: tuple[Quantity, ...]
    untried: bool = False


class Gaps(Protocol):
    """The ledger, as far as a line needs it."""

    @property
    def pause(self) -> timedelta:
        """How long a gap that was tried in vain is left, the first time."""

    async def recoverable(self, meters: Sequence[int], now: datetime, since: datetime) -> list[Gap]:
        """Some of the newest open gaps that are worth a try now. What was never tried and is of before `since` is under
        way with nobody. Raises `storage.errors.StorageError`."""


class Recovery:
    """When the ledger is looked at, and which of its gaps become jobs. The line's slots are worked by us from when this
    is made."""

    def __init__(self, gaps: Gaps, now: Callable[[], datetime]) -> None:
        self._gaps = gaps
        self._now = now
        self._since = now()
        self._next: datetime | None = None
        self._asked: dict[tuple[int, datetime], datetime] = {}
        self._away = max(gaps.pause * _SOON, _SHORTEST)
        self._idle = max(gaps.pause * _IDLE, _SHORTEST)
        self._held = max(gaps.pause, _HELD)

    @property
    def looks(self) -> datetime | None:
        """When the ledger is looked at next; None: at once."""
        return self._next

    @property
    def is_due(self) -> bool:
        return self._next is None or self._next <= self._now()

    def at_once(self) -> None:
        """The line has other meters: look now."""
        self._next = None

    def soon(self) -> None:
        """Something was missed, or is wanted again: look within a minute, sooner where slots are short."""
        soon = self._now() + self._away
        if self._next is None or self._next > soon:
            self._next = soon

    def left_out(self) -> None:
        """Slots have gone by that nobody worked: this process stood still, or the clock was set forward."""
        self._since = self._now()
        self.soon()

    def clock_set_back(self) -> None:
        self._since = min(self._since, self._now())
        self._asked.clear()
        self._next = None

    async def jobs(self, meter_ids: Sequence[int]) -> list[Job]:
        """The next gaps of those meters to fill."""
        try:
            found = await self._gaps.recoverable(meter_ids, self._now(), self._since)
        except StorageError as error:
            _log.info("the ledger cannot be read", reason=str(error))
            self._next = self._now() + self._away
            return []
        now = self._now()
        self._asked = {key: since for key, since in self._asked.items() if now - since < self._held}
        fresh = [gap for gap in found if (gap.meter_id, gap.time) not in self._asked]
        self._asked.update(dict.fromkeys(((gap.meter_id, gap.time) for gap in fresh), now))
        self._next = now + (min(_AGAIN, self._away * 5) if fresh else self._away if found else self._idle)
        return list(_jobs(fresh, now, now + self._held))


def _jobs(gaps: Iterable[Gap], now: datetime, until: datetime) -> Iterable[Job]:
    for gap in gaps:
        yield Job(
            gap.meter_id, gap.time, now, until, Priority.RECOVERY, 1, Kind.RECORDS,
            wanted=gap.quantities, untried=gap.untried,
        )  # fmt: skip


def lacking(layout: int, positions: int) -> tuple[Quantity, ...]:
    """The quantities at the positions (as bits, the first is 1) of a layout."""
    (found,) = [one for one in LAYOUTS if one.id == layout]
    return tuple(quantity for place, quantity in enumerate(found.quantities) if positions >> place & 1)
