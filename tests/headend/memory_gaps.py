"""A ledger of a test's own: gaps by meter and moment, with tries, and what a poller made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from headend.collection.recovery import Gap
from protocols.model import Capture, Quantity
from protocols.quantities import BY_NAME
from storage.errors import DatabaseUnreachable
from storage.ledger import PAUSE
from storage.writer import Miss

IMPORT = BY_NAME["active_energy_import"]


class MemoryGaps:
    """`headend.collection.recovery.Gaps`; `take` tells it what was queued. `looks` counts questions."""

    pause = PAUSE

    def __init__(self, meters: Iterable[int], moments: Iterable[datetime], *quantities: Quantity) -> None:
        moments = list(moments)
        self.wanted = quantities or (IMPORT,)
        self.open: dict[tuple[int, datetime], set[Quantity]] = {
            (meter, moment): set(self.wanted) for meter in meters for moment in moments
        }
        self.tries: dict[tuple[int, datetime], int] = {}
        self.given_up: dict[tuple[int, datetime], str] = {}
        self.looks: list[datetime] = []
        self.asked_of: list[list[int]] = []
        self.away = False

    async def recoverable(self, meters: Sequence[int], now: datetime, since: datetime) -> list[Gap]:
        self.looks.append(now)
        self.asked_of.append(list(meters))
        if self.away:
            raise DatabaseUnreachable("away")
        found = [key for key in self.open if key[0] in meters and self._is_due(key, now, since)]
        found.sort(key=lambda key: (-key[1].timestamp(), key[0]))
        return [Gap(*key, tuple(self.open[key]), not self.tries.get(key)) for key in found[:500]]

    def _is_due(self, key: tuple[int, datetime], now: datetime, since: datetime) -> bool:
        return key[1] < since if key not in self.tries else key not in self.given_up

    def take(self, records: Iterable[Capture | Miss]) -> None:
        """What the database would have learnt."""
        for record in records:
            key = (record.meter_id, record.time)
            if key not in self.open:
                continue
            if isinstance(record, Miss):
                self.tries[key] = self.tries.get(key, 0) + 1
                if record.final:
                    self.given_up[key] = record.reason
            else:
                del self.open[key]


def quarters(end: datetime, count: int) -> list[datetime]:
    """The `count` quarter-hours before `end`."""
    return [end - number * timedelta(minutes=15) for number in range(count, 0, -1)]
