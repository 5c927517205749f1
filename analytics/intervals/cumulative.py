"""Intervals from cumulative registers: what lies between two boundary readings, and only there.

Energy is told for an interval where both its boundaries were read. Where boundaries are missing, the energy between the
readings around them is known as a total (`GapEnergy`) and put into no interval. The order of readings means nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from analytics.intervals.grid import Grid
from analytics.intervals.words import Doubt, GapEnergy, Interval, Mounting, Reading, Series, Unused, Why
from analytics.registers import rolled


class _Point(NamedTuple):
    time: datetime
    value: Decimal
    reading: Reading | None


@dataclass(frozen=True, slots=True)
class _Piece:
    """Between two neighbouring points. `energy` None: not known, `why` tells."""

    start: datetime
    end: datetime
    energy: Decimal | None
    why: Why = Why.MISSING
    rolled: bool = False


def series(
    readings: Iterable[Reading],
    mountings: Iterable[Mounting],
    grid: Grid,
    *,
    tolerance: timedelta = timedelta(0),
    limit_kw: Decimal | None = None,
) -> Series:
    """Intervals of the point at which `mountings` stood one after the other.

    `tolerance`: how far from a boundary a reading may have been taken and still count as the boundary's. `limit_kw`:
    what the point can draw at most (primary); a roll-over is recognised only within it. Raises `ValueError` for
    mountings that overlap and times without zone.
    """
    ordered = _ordered(mountings)
    points, unused = _points(readings, ordered, grid, tolerance)
    first, last = grid.start(0), grid.start(len(grid))
    pieces: list[_Piece] = []
    covered = first
    for mounting, own in zip(ordered, points, strict=True):
        begins, ends = max(_utc(mounting.start), first), min(_utc(mounting.end), last)
        if begins >= ends:
            continue
        if covered < begins:
            pieces.append(_Piece(covered, begins, Decimal(0), Why.NO_METER))
        kept, outliers = _without_outliers(own, mounting, limit_kw)
        unused += outliers
        pieces += _within(_pieces(kept, mounting, limit_kw), begins, ends)
        covered = ends
    if covered < last:
        pieces.append(_Piece(covered, last, Decimal(0), Why.NO_METER))
    intervals, gaps = _gathered(pieces, grid)
    rolled = tuple(piece.end for piece in pieces if piece.rolled)
    unused.sort(key=lambda each: (_utc(each.reading.time), each.reading.meter, each.reading.value, each.doubt))
    return Series(grid, tuple(intervals), tuple(gaps), tuple(unused), rolled)


def _ordered(mountings: Iterable[Mounting]) -> list[Mounting]:
    ordered = sorted(mountings, key=lambda each: _utc(each.start))
    for mounting in ordered:
        if _utc(mounting.start) >= _utc(mounting.end):
            raise ValueError(f"{mounting} is no span")
    for before, after in pairwise(ordered):
        if _utc(after.start) < _utc(before.end):
            raise ValueError(f"meter {after.meter} is mounted at {after.start.isoformat()} beside {before.meter}")
    return ordered


def _points(
    readings: Iterable[Reading], mountings: Sequence[Mounting], grid: Grid, tolerance: timedelta
) -> tuple[list[list[_Point]], list[Unused]]:
    """By mounting what is known at boundaries and at the mounting's ends, in order of time."""
    unused: list[Unused] = []
    nearest: list[dict[datetime, tuple[timedelta, datetime, Reading]]] = [{} for _ in mountings]
    for reading in _agreed(readings, unused):
        time = _utc(reading.time)
        boundary = _boundary(time, grid, tolerance)
        if boundary is None:
            unused.append(Unused(reading, Doubt.OFF_GRID))
            continue
        homes = [
            at for at, mounting in enumerate(mountings)
            if mounting.meter == reading.meter and _utc(mounting.start) <= time <= _utc(mounting.end)
            and _utc(mounting.start) <= boundary <= _utc(mounting.end)
        ]  # fmt: skip
        if not homes or not grid.start(0) <= boundary <= grid.start(len(grid)):
            unused.append(Unused(reading, Doubt.NOT_MOUNTED))
        for at in homes:
            found = (abs(time - boundary), time, reading)
            nearest[at][boundary] = min(nearest[at].get(boundary, found), found, key=lambda each: each[:2])
    points = []
    for mounting, chosen in zip(mountings, nearest, strict=True):
        own = {boundary: _Point(boundary, reading.value, reading) for boundary, (_, _, reading) in chosen.items()}
        for stated, value in ((mounting.start, mounting.initial), (mounting.end, mounting.final)):
            if value is not None:  # what was written down at the exchange holds
                own[_utc(stated)] = _Point(_utc(stated), value, None)
        points.append([own[time] for time in sorted(own)])
    return points, unused


def _agreed(readings: Iterable[Reading], unused: list[Unused]) -> list[Reading]:
    """Each time once; a time with two values is not known."""
    by_time: dict[tuple[str, datetime], dict[Decimal, Reading]] = defaultdict(dict)
    for reading in readings:
        by_time[reading.meter, _utc(reading.time)].setdefault(reading.value, reading)
    for values in by_time.values():
        if len(values) > 1:
            unused += [Unused(reading, Doubt.CONFLICT) for reading in values.values()]
    return [reading for values in by_time.values() if len(values) == 1 for reading in values.values()]


def _boundary(time: datetime, grid: Grid, tolerance: timedelta) -> datetime | None:
    step = timedelta(seconds=grid.step_s)
    begins = grid.start(0)
    near = begins + ((time - begins + step / 2) // step) * step
    return near if abs(time - near) <= tolerance else None


def _without_outliers(
    points: list[_Point], mounting: Mounting, limit_kw: Decimal | None
) -> tuple[list[_Point], list[Unused]]:
    """Readings that a descent exposes: one value too low or too high between neighbours that agree.

    Where it cannot be told which of two is wrong, both go. What was stated at an exchange stays.
    """
    wrong: set[int] = set()
    for at in range(len(points) - 1):
        here, after = points[at], points[at + 1]
        if after.value >= here.value or _rolled(here, after, mounting, limit_kw) is not None:
            continue
        if at + 2 < len(points) and points[at + 2].value >= here.value:
            wrong.add(at + 1)
        if at > 0 and at - 1 not in wrong and after.value >= points[at - 1].value:
            wrong.add(at)
    wrong = {at for at in wrong if points[at].reading is not None}
    unused = [Unused(found, Doubt.OUTLIER) for at in sorted(wrong) if (found := points[at].reading) is not None]
    return [point for at, point in enumerate(points) if at not in wrong], unused


def _rolled(here: _Point, after: _Point, mounting: Mounting, limit_kw: Decimal | None) -> Decimal | None:
    """What was counted if the register rolled over between the two; None: it did not, or too much for that."""
    span = after.time - here.time
    return rolled(here.value, after.value, mounting.digits, mounting.multiplier, span, limit_kw)


def _pieces(points: Sequence[_Point], mounting: Mounting, limit_kw: Decimal | None) -> list[_Piece]:
    start, end = _utc(mounting.start), _utc(mounting.end)
    if not points:
        return [_Piece(start, end, None)]
    pieces = [_Piece(start, points[0].time, None)] if start < points[0].time else []
    for here, after in pairwise(points):
        rolled = _rolled(here, after, mounting, limit_kw)
        if rolled is not None:
            pieces.append(_Piece(here.time, after.time, rolled * mounting.multiplier, rolled=True))
        elif after.value < here.value:
            pieces.append(_Piece(here.time, after.time, None, Why.BACKWARDS))
        else:
            pieces.append(_Piece(here.time, after.time, (after.value - here.value) * mounting.multiplier))
    if points[-1].time < end:
        pieces.append(_Piece(points[-1].time, end, None))
    return pieces


def _within(pieces: Iterable[_Piece], begins: datetime, ends: datetime) -> list[_Piece]:
    """Of a piece that reaches beyond the days asked for, the part within them has no known energy."""
    found = []
    for piece in pieces:
        start, end = max(piece.start, begins), min(piece.end, ends)
        if start < end:
            whole = (start, end) == (piece.start, piece.end)
            found.append(piece if whole else _Piece(start, end, None, piece.why))
    return found


def _gathered(pieces: Sequence[_Piece], grid: Grid) -> tuple[list[Interval], list[GapEnergy]]:
    """Pieces put together from one boundary that is known to the next."""
    intervals: list[Interval] = []
    gaps: list[GapEnergy] = []
    gathered: list[_Piece] = []
    since = 0
    for piece in pieces:
        gathered.append(piece)
        until = grid.place(piece.end)
        if until is None:
            continue
        energies = [part.energy for part in gathered if part.energy is not None]
        energy = sum(energies, Decimal(0)) if len(energies) == len(gathered) else None
        flaws = [part.why for part in gathered if part.why is not Why.MISSING]
        if until - since == 1 and energy is not None and not flaws:
            intervals.append(Interval(grid.start(since), energy))
        else:
            why = Why.NO_METER if Why.NO_METER in flaws else flaws[0] if flaws else Why.MISSING
            gaps.append(GapEnergy(grid.start(since), grid.start(until), until - since, energy, why))
        gathered, since = [], until
    return intervals, gaps


def _utc(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise ValueError(f"{time.isoformat()} carries no zone")
    return time.astimezone(UTC)
