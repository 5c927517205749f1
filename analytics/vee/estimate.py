"""Estimation of one row: outages, what the registers leave, linear, like days, the class - in this order.

Each rule fills what those before it left. What none can fill stays without a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.vee.checks import tolerance
from analytics.vee.frame import NO_SUPPLY, Frame, Mask, Profiles, Steps
from analytics.vee.parameters import Parameters
from analytics.vee.shapes import Days, Shape, class_day, like_day
from analytics.vee.share import nearest, shared
from analytics.vee.validated import Method

UNFILLED: Final = 255


@dataclass(slots=True)
class Row:
    """One row at work. `method` is `UNFILLED` where there is no value yet. `contradicted`: totals below their parts."""

    frame: Frame
    at: int
    steps: Steps
    method: NDArray[np.uint8]
    totals: Sequence[tuple[int, int, int]]
    """(first, last, steps)"""
    days: Days
    liked: dict[int, Shape | None]
    """By day: what was found for it."""
    profiles: Profiles
    classed: Mask
    """Of which intervals the class told."""
    parameters: Parameters
    contradicted: list[tuple[int, int]]


def estimated(row: Row) -> None:
    """Fill `steps` and `method` of the row."""
    for first, last, total in sorted(row.totals, key=lambda each: (each[1] - each[0], each[0])):
        _from_register(row, first, last, total)
    out = (row.method == UNFILLED) & _out(row)
    row.steps[out], row.method[out] = 0, Method.OUTAGE
    for first, last in _gaps(row.method):
        _linear(row, first, last)
    for at in np.nonzero(row.method == UNFILLED)[0].tolist():
        _by_day(row, at)


def _from_register(row: Row, first: int, last: int, total: int) -> None:
    open_ = first + np.nonzero(row.method[first:last] == UNFILLED)[0]
    if not len(open_):
        return
    left = total - int(row.steps[first:last][row.method[first:last] != UNFILLED].sum())
    if left < 0 and not row.frame.signed[row.at]:
        if -left * 100 > tolerance(row.frame, row.at, total, row.parameters.checks):
            row.contradicted.append((first, last))
            return
        left = 0  # the register's last digit is coarser than the intervals
    out = _out(row)[open_]
    if not out.all():  # an outage that the register contradicts was none
        dead, open_ = open_[out], open_[~out]
        row.steps[dead], row.method[dead] = 0, Method.OUTAGE
    parts = shared(abs(left), _weights(row, open_.tolist()))
    row.steps[open_] = parts if left >= 0 else [-part for part in parts]
    row.method[open_] = Method.REGISTER


def _weights(row: Row, places: Sequence[int]) -> list[int]:
    """Of like days or of the class, if one of them knows every place; else all weigh the same."""
    for of in (_like, _class):
        shapes = {day: of(row, day) for day in dict.fromkeys(row.frame.grid.day[list(places)].tolist())}
        counts = [shape.days for shape in shapes.values() if shape is not None]
        if len(counts) == len(shapes):
            common = int(np.lcm.reduce(counts))
            row.classed[places] |= of is _class
            return [_weight(row, at, shapes, common) for at in places]
    return [1] * len(places)


def _weight(row: Row, at: int, shapes: dict[int, Shape | None], common: int) -> int:
    shape = shapes[int(row.frame.grid.day[at])]
    assert shape is not None
    return max(int(shape.sums[row.frame.grid.slot[at]]), 0) * (common // shape.days)


def _linear(row: Row, first: int, last: int) -> None:
    """Between two actual ends with supply, over a short gap [first, last)."""
    n = last - first
    if (
        n * row.frame.grid.step_s > row.parameters.estimations.linear.minutes * 60
        or first == 0
        or last == len(row.method)
    ):
        return
    ends = [first - 1, last]
    if (row.method[ends] != Method.RAW).any() or _out(row)[ends].any():
        return
    before, after = int(row.steps[first - 1]), int(row.steps[last])
    row.steps[first:last] = [nearest(before * (n - k) + after * (k + 1), n + 1) for k in range(n)]
    row.method[first:last] = Method.LINEAR


def _by_day(row: Row, at: int) -> None:
    day, slot = int(row.frame.grid.day[at]), int(row.frame.grid.slot[at])
    for of, method in ((_like, Method.LIKE_DAY), (_class, Method.CLASS)):
        shape = of(row, day)
        if shape is not None:
            row.steps[at] = nearest(int(shape.sums[slot]), shape.days)
            row.method[at] = method
            row.classed[at] = method is Method.CLASS
            return


def _like(row: Row, day: int) -> Shape | None:
    if day not in row.liked:
        row.liked[day] = like_day(row.days, row.at, day, row.parameters.estimations.like_day)
    return row.liked[day]


def _class(row: Row, day: int) -> Shape | None:
    """A class lives there: it tells nothing of a vacant day."""
    if not row.frame.klass or row.days.vacant[row.at, row.days.first + day]:
        return None
    return class_day(row.profiles, row.frame.klass[row.at], row.days.types[row.days.first + day])


def _out(row: Row) -> Mask:
    found: Mask = (row.frame.facts[row.at] & NO_SUPPLY) > 0
    return found


def _gaps(method: NDArray[np.uint8]) -> Iterator[tuple[int, int]]:
    edges = np.diff(np.pad(method == UNFILLED, 1).astype(np.int8))
    yield from zip(np.nonzero(edges == 1)[0].tolist(), np.nonzero(edges == -1)[0].tolist(), strict=True)
