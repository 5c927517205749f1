"""What is known of meters around a cycle, fetched before, and how a register at a moment is told from it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from analytics.billing.determinants import Read
from analytics.billing.from_intervals import Interval
from analytics.registers import ReadType
from protocols.model import Quantity
from protocols.quantities import HOME
from storage.cycle_reads import HOLE, Agreed, Captures, HandRead, Highest, Mark, Stay

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_US: Final = timedelta(microseconds=1)
_STATED: Final = {"read": ReadType.STATED, "manual": ReadType.STATED, "estimated": ReadType.ESTIMATED}
_BY_HAND: Final = {
    "manual": ReadType.MANUAL,
    "hand-held": ReadType.MANUAL,
    "customer": ReadType.CUSTOMER,
    "estimated": ReadType.ESTIMATED,
}


@dataclass(frozen=True, slots=True)
class Stop:
    """The register with which a final bill ended, at `until`."""

    until: datetime
    read: Read


MarkKey = tuple[int, int, datetime, str]
RegisterKey = tuple[int, int]


def microseconds(moment: datetime) -> int:
    """Since 1970."""
    return (moment - _EPOCH) // _US


@dataclass(slots=True)
class Known:
    """Of many meters and points. Registers are the meters' own.

    A boundary is told by what was stated there at an exchange or the like, else by what the last final bill ended with,
    else by the capture of that very moment (a freeze or what was read then), else by the nearest that a person read
    within `tolerance`.
    """

    tolerance: timedelta
    stays: dict[int, list[Stay]] = field(default_factory=dict)
    """By point, in order of time."""
    multipliers: dict[int, list[tuple[datetime, Decimal]]] = field(default_factory=dict)
    """Changes by meter, in order of time."""
    contracts: dict[int, list[Agreed]] = field(default_factory=dict)
    marks: dict[MarkKey, Mark] = field(default_factory=dict)
    anew: dict[RegisterKey, list[datetime]] = field(default_factory=dict)
    """When a meter's register began anew, by meter and quantity."""
    captures: Captures = field(default_factory=dict)
    by_hand: dict[RegisterKey, list[HandRead]] = field(default_factory=dict)
    intervals: dict[int, tuple[timedelta, list[Interval]]] = field(default_factory=dict)
    """Validated intervals of the whole cycle with their length, by point."""
    stops: dict[tuple[int, str, str], Stop] = field(default_factory=dict)
    """Where a point's last final bill ended, by point, meter and quantity: the next one goes on from there."""
    highest: dict[tuple[int, datetime, datetime], Highest] = field(default_factory=dict)
    """The most that a meter's maximum register showed in (start, end]."""

    def add_marks(self, marks: Iterable[Mark]) -> None:
        for mark in marks:
            self.marks[mark.meter_id, mark.quantity, mark.time, mark.edge] = mark
            if mark.edge == "initial":
                self.anew.setdefault((mark.meter_id, mark.quantity), []).append(mark.time)

    def add_captures(self, captures: Captures) -> None:
        for key, rows in captures.items():
            self.captures.setdefault(key, {}).update(rows)

    def multiplier(self, stay: Stay, moment: datetime) -> Decimal:
        """What the meter's registers are multiplied with from that moment on."""
        found = stay.multiplier
        for start, multiplier in self.multipliers.get(stay.meter_id, ()):
            if start > moment:
                break
            found = multiplier
        return found

    def read(self, stay: Stay, quantity: Quantity, moment: datetime, edge: str) -> Read | None:
        """The register at a moment; `edge` ``initial`` begins what is after it, ``final`` ends what was before."""
        stated = self._stated(stay.meter_id, quantity, moment, edge) if self.marks else None
        if stated is not None:
            return stated
        if self.stops and edge == "initial":
            stop = self.stops.get((stay.point_id, stay.meter, quantity.name))
            if stop is not None and stop.until == moment:
                return stop.read
        steps = self.captured(stay.meter_id, quantity, moment)
        if steps is not None:
            return Read(moment, quantity.value(steps))
        found = self._by_hand(stay, quantity, moment, edge) if self.by_hand else None
        if found is not None or not self.marks:
            return found
        return self._stated(stay.meter_id, quantity, moment, "final" if edge == "initial" else "initial")

    def captured(self, meter_id: int, quantity: Quantity, moment: datetime) -> int | None:
        """In steps; None: none, or not a good one."""
        layout, position = HOME[quantity.id]
        row = self.captures.get((microseconds(moment), layout.id), _NOBODY).get(meter_id)
        if row is None or row[position] == HOLE or (row[8] and (row[8] >> (8 * position)) & 255):
            return None
        return row[position]

    def _stated(self, meter_id: int, quantity: Quantity, moment: datetime, edge: str) -> Read | None:
        mark = self.marks.get((meter_id, quantity.id, moment, edge))
        return None if mark is None else Read(moment, quantity.value(mark.steps), _STATED[mark.source])

    def _by_hand(self, stay: Stay, quantity: Quantity, moment: datetime, edge: str) -> Read | None:
        """The nearest, of equally near ones the earlier; of the same stay, and not from across where it began anew."""
        cuts = self.anew.get((stay.meter_id, quantity.id), ())

        def is_across(read: HandRead) -> bool:
            first, last = min(read.time, moment), max(read.time, moment)
            return any(first < cut <= last if edge == "initial" else first <= cut < last for cut in cuts)

        near = [
            read
            for read in self.by_hand.get((stay.meter_id, quantity.id), ())
            if abs(read.time - moment) <= self.tolerance
            and stay.start <= read.time
            and (stay.end is None or read.time <= stay.end)
            and not is_across(read)
        ]
        if not near:
            return None
        best = min(near, key=lambda read: (abs(read.time - moment), read.time))
        return Read(best.time, quantity.value(best.steps), _BY_HAND[best.kind])

    def agreed(self, point_id: int, start: datetime, end: datetime) -> list[Agreed]:
        """Contracts that hold in [start, end), the first possibly from before; none: what the options say."""
        found = self.contracts.get(point_id, [])
        first = bisect_left([each.start for each in found], start)
        if first == len(found) or found[first].start > start:
            first = max(first - 1, 0)
        return [each for each in found[first:] if each.start < end]


_NOBODY: Final[Mapping[int, tuple[int, ...]]] = {}
