"""Raw intervals of points out of registers: in columns where one meter stood there and its register rose, else with
care.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
from numpy.typing import NDArray

from analytics.intervals.columns import differences
from analytics.intervals.cumulative import series
from analytics.intervals.grid import Grid
from analytics.intervals.words import Mounting, Reading, Why
from headend.series.board import Board
from protocols.model import Quantity
from storage.registers import Stay

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
_STRETCH = 1_000_000
"""The finest part of a multiplier that counts: ratios of transformers have no more places."""


@dataclass(frozen=True, slots=True)
class Mounted:
    """Who stood at one point, in order of time, with the places of each meter's register.

    `limit_kw`: what the point can draw at most, primary; None: not known.
    """

    stays: tuple[Stay, ...]
    digits: Mapping[int, int | None]
    limit_kw: Decimal | None


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """Intervals (point, interval) in steps, multiplied, where `present`, else 0. `totals` (gap, 4): point, first, last,
    steps of what intervals add up to. `expected`: a meter stood there, or before and after."""

    steps: Ints
    present: Mask
    totals: Ints
    expected: Mask


def raw(cells: Grid, quantity: Quantity, points: Sequence[Mounted], held: Board) -> Raw:
    """Raises `OverflowError` where an energy does not fit 64 bits."""
    shape = (len(points), len(cells))
    made = Raw(
        np.zeros(shape, np.int64), np.zeros(shape, np.bool_), np.zeros((0, 4), np.int64), np.zeros(shape, np.bool_)
    )
    plain = [at for at, point in enumerate(points) if len(point.stays) == 1]
    totals: list[Ints] = []
    careful = [at for at, point in enumerate(points) if len(point.stays) > 1]
    if plain:
        left, gaps = _columns(cells, quantity, points, plain, held, made)
        careful += left
        totals.append(gaps)
    totals += [_judged(cells, quantity, at, points[at], held, made) for at in careful]
    for at, point in enumerate(points):
        if point.stays:
            first, last = _place(cells, point.stays[0].start, up=True), _place(cells, point.stays[-1].end, up=False)
            made.expected[at, first:last] = True
    made.expected[:] |= made.present
    found = np.concatenate(totals) if totals else made.totals
    return Raw(made.steps, made.present, found[np.argsort(found[:, 0], kind="stable")], made.expected)


def _columns(
    cells: Grid, quantity: Quantity, points: Sequence[Mounted], rows: Sequence[int], held: Board, made: Raw
) -> tuple[list[int], Ints]:
    """Points with one stay; returns those in which a register went down, and the totals of the others."""
    stays = [points[at].stays[0] for at in rows]
    own = np.array([held.row[stay.meter_id] for stay in stays])
    registers, present = held.steps[own], held.present[own]
    multipliers = np.ones(len(rows), np.int64)
    for n, stay in enumerate(stays):
        first, last = _place(cells, stay.start, up=True), _place(cells, stay.end, up=False)
        present[n, :first] = False
        present[n, last + 1 :] = False
        for time, value, at in ((stay.start, stay.initial, first), (stay.end, stay.final, last)):
            if value is not None and cells.place(time) == at:  # what was written down holds
                registers[n, at], present[n, at] = quantity.steps(value), True
        whole = int(stay.multiplier)
        if whole == stay.multiplier:
            multipliers[n] = whole
        else:
            registers[n] = _stretched(registers[n], stay.multiplier)
    found = differences(registers, present, multipliers)
    made.steps[rows], made.present[rows] = found.steps, found.present
    for n, stay in enumerate(stays):
        if not found.left[n]:
            _edges(cells, quantity, stay, registers[n], present[n], rows[n], made)
    gaps = found.totals.copy()
    gaps[:, 0] = np.array(rows)[gaps[:, 0]]
    return [rows[n] for n in np.flatnonzero(found.left).tolist()], gaps


def _edges(cells: Grid, quantity: Quantity, stay: Stay, registers: Ints, present: Mask, row: int, made: Raw) -> None:
    """The interval in which a meter came or went, where the register was written down: nothing was used without it."""
    for time, value, is_start in ((stay.start, stay.initial, True), (stay.end, stay.final, False)):
        at = _place(cells, time, up=is_start)
        cell = at - 1 if is_start else at
        if value is None or cells.place(time) is not None or not 0 <= cell < len(cells) or not present[at]:
            continue
        stated = value * stay.multiplier if stay.multiplier != int(stay.multiplier) else value
        counted = (int(registers[at]) - quantity.steps(stated)) * (1 if is_start else -1)
        if counted >= 0:
            made.steps[row, cell] = counted * (int(stay.multiplier) if stay.multiplier == int(stay.multiplier) else 1)
            made.present[row, cell] = True


def _stretched(registers: Ints, multiplier: Decimal) -> Ints:
    """Times a multiplier that is no whole number, rounded half-even; differences add up to that of the ends."""
    scaled = int((multiplier * _STRETCH).to_integral_value(ROUND_HALF_EVEN))
    wide = registers.astype(object) * scaled
    return np.array([_nearest(int(each)) for each in wide], np.int64)


def _nearest(scaled: int) -> int:
    part, rest = divmod(scaled, _STRETCH)
    return part + (rest * 2 > _STRETCH or (rest * 2 == _STRETCH and part % 2 == 1))


def _judged(cells: Grid, quantity: Quantity, at: int, point: Mounted, held: Board, made: Raw) -> Ints:
    """Exchanges, resets, changes of the multiplier and registers that went down."""
    readings = [
        Reading(str(meter), cells.start(int(place)), quantity.value(int(held.steps[row, place])))
        for meter in sorted({stay.meter_id for stay in point.stays})
        for row in (held.row[meter],)
        for place in np.flatnonzero(held.present[row])
    ]
    mountings = [
        Mounting(
            str(s.meter_id), s.start, s.end, s.multiplier, initial=s.initial, final=s.final,
            digits=point.digits.get(s.meter_id),
        )
        for s in point.stays
    ]  # fmt: skip
    found = series(readings, mountings, cells, limit_kw=point.limit_kw)
    made.steps[at], made.present[at] = 0, False
    first = cells.start(0)
    step = timedelta(seconds=cells.step_s)
    edges = {(point.stays[0].start - first) // step, (point.stays[-1].end - first) // step}
    totals = []
    for interval in found.intervals:
        cell = (interval.start - first) // step
        made.steps[at, cell], made.present[at, cell] = quantity.steps(interval.energy), True
    for gap in found.gaps:
        cell = (gap.start - first) // step
        if gap.energy is None:
            continue
        if gap.count == 1 and gap.why is Why.NO_METER and cell in edges:
            made.steps[at, cell], made.present[at, cell] = quantity.steps(gap.energy), True
        elif gap.whole:
            totals.append((at, cell, cell + gap.count, quantity.steps(gap.energy)))
    return np.array(totals, np.int64).reshape(-1, 4)


def _place(cells: Grid, time: datetime, *, up: bool) -> int:
    """The boundary at a time, or the next one after it or before it, within the grid."""
    seconds = (time - cells.start(0)) / timedelta(seconds=1)
    place = -(-seconds // cells.step_s) if up else seconds // cells.step_s
    return int(min(max(place, 0), len(cells)))
