"""Validated days cut into the bundles that the writers take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from analytics.billing.exports.bundle import Bundle
from analytics.billing.exports.nem import OFFSET_S
from analytics.billing.exports.provenance import flag
from analytics.billing.exports.series import Ints
from analytics.vee.validated import Source
from headend.batches.book import Place, Point, places
from storage.validated_days import Days

_DAY_S = 86_400
_ACTUAL = np.int64(Source.ACTUAL)
_NOBODY = -1
_USUAL = 4
Mask = npt.NDArray[np.bool_]
_Numbers = TypeVar("_Numbers", int, Ints)


@dataclass(slots=True)
class LeftOut:
    """Values that no file of the format can hold: of days at UTC+10 that are not whole, or of no meter. By (point,
    quantity)."""

    reads: dict[tuple[int, int], int] = field(default_factory=dict)

    def add(self, point: int, quantity: int, reads: int) -> None:
        if reads:
            self.reads[point, quantity] = self.reads.get((point, quantity), 0) + reads


@dataclass(frozen=True)
class Cut:
    """`points` by id. `span`: the period in seconds since 1970. `whole_days`: nothing but whole days of the market
    (NEM12)."""

    points: Sequence[Point]
    step_s: int
    span: tuple[int, int]
    whole_days: bool
    left_out: LeftOut

    @cached_property
    def places(self) -> list[Place]:
        return places(self.points, self.step_s)

    def bundles(self, batches: Iterable[Days]) -> Iterator[Bundle]:
        """A channel for each place that has values, in the days' order. Days come by point, quantity and day."""
        for days in _whole_groups(batches):
            start = days.start[:, None] + days.step_s * np.arange(days.steps.shape[1])
            there = days.present & (start >= self.span[0]) & (start < self.span[1])
            there &= self._is_wanted(days)[:, None]
            place = self._place(days, start)
            kept = there & (place != _NOBODY)
            if self.whole_days:
                kept[kept] = _whole(place[kept], start[kept], days.step_s)
            self._leave_out(days, there, kept)
            if kept.any():
                yield self._bundle(place, kept, start, days.steps, _codes(days))

    @cached_property
    def _wanted(self) -> Ints:
        """What is exported of points, a meter stood there or not."""
        keys = [_key(point.id, quantity) for point in self.points for quantity in point.quantities]
        return np.array(keys, dtype=np.int64)

    def _is_wanted(self, days: Days) -> Mask:
        key = _key(days.point, days.quantity)
        found: Mask = self._wanted.searchsorted(key) < self._wanted.searchsorted(key, side="right")
        return found

    @cached_property
    def _columns(self) -> tuple[Ints, Ints, Ints]:
        """Of the places: point and quantity in one, start and end."""
        told = [(_key(place.point, place.quantity), place.start, place.end) for place in self.places]
        key, start, end = np.array(told, dtype=np.int64).reshape(-1, 3).T
        return np.ascontiguousarray(key), np.ascontiguousarray(start), np.ascontiguousarray(end)

    def _place(self, days: Days, start: Ints) -> Ints:
        """Of each interval the place that it counts for, or `_NOBODY`."""
        keys, begin, end = self._columns
        own = _key(days.point, days.quantity)
        first, until = keys.searchsorted(own), keys.searchsorted(own, side="right")
        place = np.where(first < until, first, _NOBODY).repeat(start.shape[1]).reshape(start.shape)
        if not len(keys):
            return place
        # Most days lie within the one place that there is.
        only = np.minimum(first, len(keys) - 1)
        low, high = np.maximum(start[:, 0], self.span[0]), np.minimum(start[:, -1], self.span[1] - 1)
        fits = (until - first == 1) & (low >= begin[only]) & (high < end[only])
        for day in np.flatnonzero(~fits & (first < until)).tolist():
            some = slice(int(first[day]), int(until[day]))
            at = begin[some].searchsorted(start[day], side="right") + some.start - 1
            place[day] = np.where((at >= some.start) & (start[day] < end[at]), at, _NOBODY)
        return place

    def _leave_out(self, days: Days, there: Mask, kept: Mask) -> None:
        left = there.sum(axis=1) - kept.sum(axis=1)
        for day in np.flatnonzero(left).tolist():
            self.left_out.add(int(days.point[day]), int(days.quantity[day]), int(left[day]))

    def _bundle(self, place: Ints, kept: Mask, start: Ints, steps: Ints, code: Ints) -> Bundle:
        if kept.all():
            place, start, steps, code = place.ravel(), start.ravel(), steps.ravel(), code.ravel()
        else:
            place, start, steps, code = place[kept], start[kept], steps[kept], code[kept]
        edges = np.concatenate([[0], np.flatnonzero(np.diff(place)) + 1, [len(place)]])
        codes, index = _flags(code)
        return Bundle(
            [self.places[at].channel for at in place[edges[:-1]].tolist()], edges, start, steps, index,
            [flag(one & 0xFF, one >> 8 & 0xFF, one >> 16 & 0xFF, one >> 24) for one in codes],
        )  # fmt: skip


def _key(point: _Numbers, quantity: _Numbers) -> _Numbers:
    return point * 65_536 + quantity


def _whole_groups(batches: Iterable[Days]) -> Iterator[Days]:
    """Days of one point and quantity are never parted, though a batch may end within them."""
    held: Days | None = None
    for batch in batches:
        if not len(batch):
            continue
        days = batch if held is None else Days.joined(batch.step_s, [held, batch])
        keys = _key(days.point, days.quantity)
        last = int(np.searchsorted(keys, keys[-1]))
        if last:
            yield days.take(slice(0, last))
        held = days.take(slice(last, None))
    if held is not None:
        yield held


def _codes(days: Days) -> Ints:
    """How each interval came about as one number: version, source, method, reason."""
    code = days.source.astype(np.int64)
    code |= days.method.astype(np.int64) << 8
    code |= days.reason.astype(np.int64) << 16
    code[days.source == _ACTUAL] = _ACTUAL
    code += (days.version << 24)[:, None]
    return code


def _flags(code: Ints) -> tuple[list[int], Ints]:
    """Those that there are, ascending, and of each row which it has."""
    usual: list[np.int64] = []
    rest = code
    while len(rest) and len(usual) < _USUAL:  # sooner than sorting all
        usual.append(rest[0])
        rest = rest[rest != rest[0]]
    codes = np.unique(np.append(rest, usual))
    return codes.tolist(), np.zeros(len(code), dtype=np.int64) if len(codes) == 1 else codes.searchsorted(code)


def _whole(place: Ints, start: Ints, step_s: int) -> Mask:
    """Which intervals are of days at UTC+10 that lack none."""
    days = (start + OFFSET_S) // _DAY_S
    edges = np.flatnonzero((np.diff(days) != 0) | (np.diff(place) != 0)) + 1
    counts = np.diff(np.concatenate([[0], edges, [len(start)]]))
    kept: Mask = np.repeat(counts == _DAY_S // step_s, counts)
    return kept
