"""What is known of intervals besides their energy: no supply, an open relay, no contract."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.intervals.grid import Grid
from analytics.vee.frame import Fact
from analytics.vee.relay import Shown, disconnected
from storage.circumstances import Circumstances
from storage.registers import Stay

Stays = Sequence[Sequence[Stay]]


class Stretch(NamedTuple):
    """A fact of one row."""

    row: int
    start: datetime
    end: datetime
    fact: Fact


async def outages(known: Circumstances, stays: Stays, cells: Grid) -> list[Stretch]:
    """While a meter stood there; `stays`: of each row."""
    own = by_meter(stays)
    return [
        Stretch(row, max(start, stay.start), min(end, stay.end), Fact.OUTAGE)
        for meter, start, end in await known.outages(own, (cells.start(0), cells.start(len(cells))))
        for row, stay in own[meter]
    ]


async def idle(known: Circumstances, points: Sequence[int], stays: Stays, cells: Grid) -> list[Stretch]:
    """Vacant, or disconnected as the relay of the meter showed since it stands there. `points`, `stays`: by row."""
    span = cells.start(0), cells.start(len(cells))
    found = []
    row_of: dict[int, list[int]] = {}
    for row, point in enumerate(points):
        row_of.setdefault(point, []).append(row)
    for point, start, end in await known.vacant(row_of, span):
        found += [Stretch(row, start, span[1] if end is None else end, Fact.VACANT) for row in row_of[point]]
    own = by_meter(stays)
    seen: dict[int, list[tuple[datetime, Shown]]] = {}
    for meter, at, shown in await known.relays(own, span[1]):
        seen.setdefault(meter, []).append((at, Shown(shown)))
    for meter, sights in seen.items():
        for row, stay in own[meter]:
            found += list(_open(row, stay, sights, span[1]))
    return found


def _open(row: int, stay: Stay, sights: Collection[tuple[datetime, Shown]], until: datetime) -> Iterator[Stretch]:
    there = [(at, shown) for at, shown in sights if stay.start <= at < stay.end]
    for start, end in disconnected(there, min(stay.end, until)):
        yield Stretch(row, start, end, Fact.DISCONNECTED)


def by_meter(stays: Stays) -> dict[int, list[tuple[int, Stay]]]:
    """In which rows each meter stood, and when."""
    own: dict[int, list[tuple[int, Stay]]] = {}
    for row, of_row in enumerate(stays):
        for stay in of_row:
            own.setdefault(stay.meter_id, []).append((row, stay))
    return own


def mark(facts: NDArray[np.uint8], cells: Grid, stretches: Collection[Stretch]) -> None:
    """Intervals that lie wholly within a stretch, in place."""
    begins = cells.start(0)
    for row, start, end, fact in stretches:
        first = -(-int((start - begins).total_seconds()) // cells.step_s)
        last = int((end - begins).total_seconds()) // cells.step_s
        facts[row, max(first, 0) : max(last, 0)] |= np.uint8(fact)
