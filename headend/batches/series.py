"""Validated days cut into the series that the writers take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from analytics.billing.exports.nem import OFFSET_S
from analytics.billing.exports.provenance import flag
from analytics.billing.exports.series import Flag, Ints, Series
from analytics.vee.validated import Source
from headend.batches.book import Place
from storage.validated_days import Days

_DAY_S = 86_400
_ACTUAL = np.int64(Source.ACTUAL)
Mask = npt.NDArray[np.bool_]


@dataclass(slots=True)
class LeftOut:
    """Values that no file of the format can hold: of days at UTC+10 that are not whole, or of no meter. By (point,
    quantity)."""

    reads: dict[tuple[int, int], int] = field(default_factory=dict)

    def add(self, key: tuple[int, int], reads: int) -> None:
        if reads:
            self.reads[key] = self.reads.get(key, 0) + reads


@dataclass(frozen=True, slots=True)
class Cut:
    """`places`: of each (point, quantity), by time. `span`: the period in seconds since 1970. `whole_days`: nothing
    but whole days of the market (NEM12)."""

    places: Mapping[tuple[int, int], Sequence[Place]]
    span: tuple[int, int]
    whole_days: bool
    left_out: LeftOut

    def series(self, batches: Iterable[Days]) -> Iterator[Series]:
        """One series a channel, in the days' order. Days come by point, quantity and day."""
        for days in _whole_groups(batches):
            rows = _Rows.of(days, self.span)
            edges = [*_edges(days), len(days)]
            firsts = edges[:-1]
            keys = zip(days.point[firsts].tolist(), days.quantity[firsts].tolist(), strict=True)
            for key, (low, high) in zip(keys, pairwise(edges), strict=True):
                if key in self.places:
                    yield from self._cut(key, *rows.columns(low, high))

    def _cut(self, key: tuple[int, int], start: Ints, value: Ints, code: Ints) -> Iterator[Series]:
        taken = 0
        for place in self.places[key] if len(start) else ():
            part = slice(None)
            if start[0] < place.start or start[-1] >= place.end:
                part = slice(*np.searchsorted(start, (place.start, place.end)).tolist())
            own, *rest = start[part], value[part], code[part]
            if self.whole_days and len(own):
                kept = _whole(own, place.channel.step_s)
                if not kept.all():
                    own, *rest = own[kept], *(column[kept] for column in rest)
            taken += len(own)
            if len(own):
                codes, index = _flags(rest[1])
                yield Series(place.channel, own, rest[0], index, tuple(_flag(one) for one in codes))
        self.left_out.add(key, len(start) - taken)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Days as rows: `start` of each interval, steps, how they came about, and whether there is one."""

    start: Ints
    value: Ints
    code: Ints
    there: Mask
    is_whole: Mask

    @classmethod
    def of(cls, days: Days, span: tuple[int, int]) -> _Rows:
        start = days.start[:, None] + days.step_s * np.arange(days.steps.shape[1])
        there = days.present & (start >= span[0]) & (start < span[1])
        is_whole: Mask = np.all(there, axis=1)
        return cls(start, days.steps, _codes(days), there, is_whole)

    def columns(self, low: int, high: int) -> tuple[Ints, Ints, Ints]:
        """Starts, steps and codes of some rows' intervals that there are."""
        some = slice(low, high)
        if self.is_whole[some].all():
            return self.start[some].ravel(), self.value[some].ravel(), self.code[some].ravel()
        there = self.there[some]
        return self.start[some][there], self.value[some][there], self.code[some][there]


def _whole_groups(batches: Iterable[Days]) -> Iterator[Days]:
    """Days of one point and quantity are never parted, though a batch may end within them."""
    held: Days | None = None
    for batch in batches:
        if not len(batch):
            continue
        days = batch if held is None else Days.joined(batch.step_s, [held, batch])
        last = _edges(days)[-1]
        if last:
            yield days.take(slice(0, last))
        held = days.take(slice(last, None))
    if held is not None:
        yield held


def _edges(days: Days) -> list[int]:
    """Where another point or quantity begins."""
    keys = days.point * 65_536 + days.quantity
    return [0, *(np.flatnonzero(np.diff(keys)) + 1).tolist()]


def _codes(days: Days) -> Ints:
    """How each interval came about as one number: version, source, method, reason."""
    code = days.source.astype(np.int64)
    code |= days.method.astype(np.int64) << 8
    code |= days.reason.astype(np.int64) << 16
    code[days.source == _ACTUAL] = _ACTUAL
    code += (days.version << 24)[:, None]
    return code


def _flags(code: Ints) -> tuple[list[int], Ints]:
    first = int(code[0])
    if (code == first).all():
        return [first], np.zeros(len(code), dtype=np.int64)
    codes = sorted(set(code.tolist()))  # of a day or a month, sooner than numpy's way
    return codes, np.array(codes).searchsorted(code)


def _flag(code: int) -> Flag:
    return flag(code & 0xFF, code >> 8 & 0xFF, code >> 16 & 0xFF, code >> 24)


def _whole(start: Ints, step_s: int) -> Mask:
    """Which intervals are of days at UTC+10 that lack none."""
    days = (start + OFFSET_S) // _DAY_S
    _, index, counts = np.unique(days, return_inverse=True, return_counts=True)
    kept: Mask = (counts == _DAY_S // step_s)[index]
    return kept
