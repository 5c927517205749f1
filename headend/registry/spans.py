"""What single rows cannot tell: who stands at two places at once, whose life takes a step that is none, whose address
is taken."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from headend.registry.cells import WrongCell
from headend.registry.network_rows import Sheet
from storage.entries import NewMeter
from storage.topology_entries import HOLDING, TRANSITIONS, StateChange

_LAST: Final = datetime.max.replace(tzinfo=UTC)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Once:
    """What the rows of one sheet said so far, and what is stored."""

    sheet: Sheet
    stored: frozenset[tuple[object, ...]] = frozenset()
    """Keys; what is stored may be told again, once."""
    _told: set[tuple[object, ...]] = field(default_factory=set)
    _spans: dict[str, list[tuple[datetime, datetime]]] = field(default_factory=dict)

    @classmethod
    def of(cls, sheet: Sheet, stored: Iterable[Any]) -> Once:
        entries = list(stored)
        once = cls(sheet, frozenset(_key(sheet, entry) for entry in entries))
        for entry in entries:
            if sheet.subject is not None:
                insort(once._spans.setdefault(sheet.subject(entry)[1], []), _span(entry))
        return once

    def take(self, entry: Any) -> Any:
        """The same entry. Raises `WrongCell` for what is told twice or overlaps what was told."""
        key = _key(self.sheet, entry)
        if key in self._told:
            raise WrongCell("row", "says what another row says already")
        self._told.add(key)
        if self.sheet.subject is None or key in self.stored:
            return entry
        column, name = self.sheet.subject(entry)
        spans = self._spans.setdefault(name, [])
        start, end = _span(entry)
        place = bisect_left(spans, (start, end))
        for other in spans[max(0, place - 1) : place + 1]:
            if other[0] < end and start < other[1]:
                until = "on" if other[1] == _LAST else f"to {other[1].isoformat()}"
                raise WrongCell(
                    column, f"{name!r} overlaps another row or what is stored: from {other[0].isoformat()} {until}"
                )
        spans.insert(place, (start, end))
        return entry


def _key(sheet: Sheet, entry: Any) -> tuple[object, ...]:
    if sheet.key is not None:
        return sheet.key(entry)
    assert sheet.subject is not None
    return (sheet.subject(entry)[1], entry.start)


def _span(entry: Any) -> tuple[datetime, datetime]:
    return entry.start, entry.end or _LAST


class Lives:
    """Every meter's states in order, from what is stored and what is told."""

    def __init__(self, meters: Iterable[NewMeter], states: Iterable[StateChange]) -> None:
        self._lives = {
            meter.name: [StateChange(meter=meter.name, state=meter.state, start=meter.created or _FIRST)]
            for meter in meters
        }
        for change in states:
            self._lives[change.meter].append(change)

    def begin(self, meter: NewMeter) -> None:
        """A new meter, unless it is there."""
        start = meter.created or _FIRST
        self._lives.setdefault(meter.name, [StateChange(meter=meter.name, state=meter.state, start=start)])

    def step(self, change: StateChange) -> None:
        """Raises `WrongCell` for a step that no life takes, or one before the last."""
        last = self._lives[change.meter][-1]
        if change.start < last.start:
            raise WrongCell("from", f"{change.meter!r} is {last.state} since {last.start.isoformat()}, later than that")
        if (last.state, change.state) not in TRANSITIONS:
            raise WrongCell("state", f"{change.meter!r} is {last.state} then, and does not become {change.state}")
        self._lives[change.meter].append(change)

    def holding(self, name: str) -> list[tuple[datetime, datetime]]:
        """When the meter held its address."""
        life = self._lives[name]
        ends: Sequence[datetime] = [change.start for change in life[1:]] + [_LAST]
        return [
            (change.start, end)
            for change, end in zip(life, ends, strict=True)
            if change.state in HOLDING and change.start < end
        ]


def address_clashes(meters: Mapping[str, NewMeter], lives: Lives) -> dict[str, str]:
    """Name of a meter to the name of an earlier one in `meters` that has its address in the same time."""
    held: dict[tuple[str, str], list[tuple[datetime, datetime, str]]] = {}
    clashes: dict[str, str] = {}
    for meter in meters.values():
        there = held.setdefault((meter.line, meter.address), [])
        for start, end in lives.holding(meter.name):
            for since, until, name in there:
                if since < end and start < until and name != meter.name:
                    clashes.setdefault(meter.name, name)
            there.append((start, end, meter.name))
    return clashes
