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
        for group in _groups(batches):
            key = (int(group.point[0]), int(group.quantity[0]))
            if key in self.places:
                yield from self._cut(key, group)

    def _cut(self, key: tuple[int, int], days: Days) -> Iterator[Series]:
        start = (days.start[:, None] + days.step_s * np.arange(days.steps.shape[1])).ravel()
        there = days.present.ravel()
        if int(start[0]) < self.span[0] or int(start[-1]) >= self.span[1]:
            there = there & (start >= self.span[0]) & (start < self.span[1])
        whole = bool(there.all())
        columns = _columns(days, there, whole)
        start = start if whole else start[there]
        taken = 0
        for place in self.places[key]:
            low, high = np.searchsorted(start, (place.start, place.end)).tolist()
            own, *rest = start[low:high], *(column[low:high] for column in columns)
            if self.whole_days and len(own):
                kept = _whole(own, place.channel.step_s)
                if not kept.all():
                    own, *rest = own[kept], *(column[kept] for column in rest)
            taken += len(own)
            if len(own):
                value, code = rest
                codes, index = _flags(code)
                yield Series(place.channel, own, value, index, tuple(_flag(one) for one in codes))
        self.left_out.add(key, len(start) - taken)


def _groups(batches: Iterable[Days]) -> Iterator[Days]:
    """All days of one point and quantity together, though a batch may end within them."""
    held: Days | None = None
    for batch in batches:
        if not len(batch):
            continue
        keys = batch.point * 65_536 + batch.quantity
        edges = [0, *(np.flatnonzero(np.diff(keys)) + 1).tolist(), len(batch)]
        for low, high in pairwise(edges):
            part = batch if (low, high) == (0, len(batch)) else batch.take(slice(low, high))
            if held is not None and (held.point[0], held.quantity[0]) == (part.point[0], part.quantity[0]):
                held = Days.joined(part.step_s, [held, part])
                continue
            if held is not None:
                yield held
            held = part
    if held is not None:
        yield held


def _columns(days: Days, there: Mask, whole: bool) -> tuple[Ints, Ints]:
    """Steps, and how they came about as one number: version, source, method, reason."""
    code = days.source.astype(np.int64)
    code |= days.method.astype(np.int64) << 8
    code |= days.reason.astype(np.int64) << 16
    code[days.source == _ACTUAL] = _ACTUAL
    code += (days.version << 24)[:, None]
    steps, codes = days.steps.ravel(), code.ravel()
    return (steps, codes) if whole else (steps[there], codes[there])


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
