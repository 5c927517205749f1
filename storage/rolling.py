"""The arithmetic of rollups: captures to buckets, small buckets to larger ones. Columns in, columns out; no I/O.

Everything is exact: 64-bit integers in steps, `NONE` where there is nothing. Times are microseconds since 1970 UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final, Self, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from protocols.model import POSITIONS
from storage.columns import Flags, Ints, pack, unpack
from storage.copy_rows import NONE

AT_START: Final = 1
"""The first register stands exactly at the bucket's start."""
AT_END: Final = 2
"""The last register stands exactly at the bucket's end."""
BACK: Final = 4
"""Somewhere the register was lower than before: rollover, exchange, reset, or a wrong reading."""
FIRST_LATER: Final = 8
"""The first register is of a later capture than `first_time`."""
LAST_EARLIER: Final = 16
"""The last register is of an earlier capture than `last_time`."""

_SURELY: Final = float(2**62)
"""A sum of magnitudes below this, reckoned in floating point, fits into 63 bits."""
_FAR: Final = np.iinfo(np.int64).max
_COLUMNS: Final = np.arange(POSITIONS)
Index: TypeAlias = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Table:
    """Rows of some kind, all columns of one length."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def take(self, rows: Index | Flags) -> Self:
        """Some rows."""
        return type(self)(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


T = TypeVar("T", bound=Table)


@dataclass(frozen=True)
class Captures(Table):
    """Captures in any order; `values` [n, POSITIONS] holds `NONE` where nothing is known."""

    meter_id: Ints
    layout: Ints
    time: Ints
    values: Ints


@dataclass(frozen=True)
class Registers(Table):
    """Cumulative registers over buckets, both ends included."""

    start: Ints
    meter_id: Ints
    layout: Ints
    captures: Ints
    first_time: Ints
    last_time: Ints
    flags: Ints
    """A byte a position."""
    first: Ints
    """[n, POSITIONS]"""
    last: Ints
    """[n, POSITIONS]"""


@dataclass(frozen=True)
class Values(Table):
    """Instantaneous values and demands over buckets, the end not included; all but the first six [n, POSITIONS]."""

    start: Ints
    meter_id: Ints
    layout: Ints
    captures: Ints
    first_time: Ints
    last_time: Ints
    count: Ints
    low: Ints
    high: Ints
    high_at: Ints
    total: Ints


def registers_of(given: Captures, starts: Ints, ends: Ints) -> Registers:
    """Roll captures up over the buckets [starts, ends], which are in order and do not overlap."""
    inside, bucket = _placed(given.time, starts, ends)
    closing, closed = _closing(given.time, ends)
    taken = np.concatenate((inside, closing))
    rows, bucket, closes = given.take(taken), np.concatenate((bucket, closed)), np.arange(len(taken)) >= len(inside)
    order = np.lexsort((rows.time, bucket, rows.layout, rows.meter_id))
    rows, bucket, closes = rows.take(order), bucket[order], closes[order]
    heads = _heads(rows.meter_id, rows.layout, bucket)
    if not len(heads):
        return _none(Registers)
    times = np.repeat(rows.time[:, None], POSITIONS, axis=1)
    return _registers(
        heads,
        start=starts[bucket],
        meter_id=rows.meter_id,
        layout=rows.layout,
        captures=(~closes).astype(np.int64),
        first_time=rows.time,
        last_time=rows.time,
        first=rows.values,
        last=rows.values,
        back=np.zeros(rows.values.shape, dtype=np.bool_),
        first_at=times,
        last_at=times,
        at_start=times == starts[bucket][:, None],
        at_end=times == ends[bucket][:, None],
    )


def registers_from(parts: Registers, part_ends: Ints, starts: Ints, ends: Ints) -> Registers:
    """Put smaller buckets together to the larger ones [starts, ends] that they fill."""
    inside, bucket = _placed(parts.start, starts, ends)
    rows, until = parts.take(inside), part_ends[inside]
    order = np.lexsort((rows.start, bucket, rows.layout, rows.meter_id))
    rows, bucket, until = rows.take(order), bucket[order], until[order]
    heads = _heads(rows.meter_id, rows.layout, bucket)
    if not len(heads):
        return _none(Registers)
    flags = unpack(rows.flags)
    return _registers(
        heads,
        start=starts[bucket],
        meter_id=rows.meter_id,
        layout=rows.layout,
        captures=rows.captures,
        first_time=rows.first_time,
        last_time=rows.last_time,
        first=rows.first,
        last=rows.last,
        back=flags & BACK != 0,
        first_at=np.where(flags & FIRST_LATER, _FAR, rows.first_time[:, None]),
        last_at=np.where(flags & LAST_EARLIER, NONE, rows.last_time[:, None]),
        at_start=(flags & AT_START != 0) & (rows.start == starts[bucket])[:, None],
        at_end=(flags & AT_END != 0) & (until == ends[bucket])[:, None],
    )


def _registers(heads: Index, **row: Any) -> Registers:
    """Groups of sorted rows, each a stretch of a register; `first_at` and `last_at` are times, or far where inexact."""
    n = len(row["meter_id"])
    known = row["first"] != NONE
    index = np.where(known, np.arange(n)[:, None], n)
    first = np.minimum.reduceat(index, heads, axis=0)
    index = np.where(known, np.arange(n)[:, None], -1)
    last = np.maximum.reduceat(index, heads, axis=0)
    some = last >= 0
    first, last = np.where(some, first, 0), np.where(some, last, 0)
    before = np.vstack((np.full((1, POSITIONS), -1), np.maximum.accumulate(index, axis=0)[:-1]))
    group_head = np.repeat(heads, np.diff(np.append(heads, n)))[:, None]
    fell = known & (before >= group_head) & (row["first"] < row["last"][before, _COLUMNS])
    back = np.logical_or.reduceat(row["back"] | fell, heads, axis=0)
    first_time = np.minimum.reduceat(row["first_time"], heads)
    last_time = np.maximum.reduceat(row["last_time"], heads)
    flags = (
        np.where(row["at_start"][first, _COLUMNS], AT_START, 0)
        | np.where(row["at_end"][last, _COLUMNS], AT_END, 0)
        | np.where(back, BACK, 0)
        | np.where(row["first_at"][first, _COLUMNS] != first_time[:, None], FIRST_LATER, 0)
        | np.where(row["last_at"][last, _COLUMNS] != last_time[:, None], LAST_EARLIER, 0)
    )
    return Registers(
        start=row["start"][heads],
        meter_id=row["meter_id"][heads],
        layout=row["layout"][heads],
        captures=np.add.reduceat(row["captures"], heads),
        first_time=first_time,
        last_time=last_time,
        flags=pack(np.where(some, flags, 0).astype(np.uint8)),
        first=np.where(some, row["first"][first, _COLUMNS], NONE),
        last=np.where(some, row["last"][last, _COLUMNS], NONE),
    )


def values_of(given: Captures, starts: Ints, ends: Ints) -> Values:
    """Roll captures up over the buckets [starts, ends), which are in order and do not overlap."""
    inside, bucket = _placed(given.time, starts, ends)
    rows = given.take(inside)
    known = rows.values != NONE
    one = Values(
        start=rows.time,
        meter_id=rows.meter_id,
        layout=rows.layout,
        captures=np.ones(len(rows), dtype=np.int64),
        first_time=rows.time,
        last_time=rows.time,
        count=known.astype(np.int64),
        low=rows.values,
        high=rows.values,
        high_at=np.where(known, rows.time[:, None], NONE),
        total=rows.values,
    )
    return _values(one, bucket, starts)


def values_from(parts: Values, starts: Ints, ends: Ints) -> Values:
    """Put smaller buckets together to the larger ones that they fill."""
    inside, bucket = _placed(parts.start, starts, ends)
    return _values(parts.take(inside), bucket, starts)


def _values(rows: Values, bucket: Index, starts: Ints) -> Values:
    order = np.lexsort((rows.start, bucket, rows.layout, rows.meter_id))
    rows, bucket = rows.take(order), bucket[order]
    heads = _heads(rows.meter_id, rows.layout, bucket)
    if not len(heads):
        return _none(Values)
    n = len(rows)
    known = rows.count > 0
    count = np.add.reduceat(rows.count, heads, axis=0)
    some = count > 0
    high = np.maximum.reduceat(rows.high, heads, axis=0)  # NONE is the least of all
    group = np.repeat(np.arange(len(heads)), np.diff(np.append(heads, n)))
    top = np.where(known & (rows.high == high[group]), np.arange(n)[:, None], n)
    at = np.where(some, np.minimum.reduceat(top, heads, axis=0), 0)
    summed = known & (rows.total != NONE)
    sure = np.add.reduceat(np.where(summed, np.abs(rows.total.astype(np.float64)), 0.0), heads, axis=0) < _SURELY
    sure &= ~np.logical_or.reduceat(known & (rows.total == NONE), heads, axis=0)
    with np.errstate(over="ignore"):
        total = np.add.reduceat(np.where(summed, rows.total, 0), heads, axis=0)
    return Values(
        start=starts[bucket][heads],
        meter_id=rows.meter_id[heads],
        layout=rows.layout[heads],
        captures=np.add.reduceat(rows.captures, heads),
        first_time=np.minimum.reduceat(rows.first_time, heads),
        last_time=np.maximum.reduceat(rows.last_time, heads),
        count=count,
        low=np.where(some, np.minimum.reduceat(np.where(known, rows.low, _FAR), heads, axis=0), NONE),
        high=high,
        high_at=np.where(some, rows.high_at[at, _COLUMNS], NONE),
        total=np.where(some & sure, total, NONE),
    )


def _placed(times: Ints, starts: Ints, ends: Ints) -> tuple[Index, Index]:
    """Which rows stand in a bucket, and in which."""
    bucket = np.searchsorted(starts, times, side="right") - 1
    inside = np.flatnonzero((bucket >= 0) & (times < ends[bucket]))
    return inside, bucket[inside]


def _closing(times: Ints, ends: Ints) -> tuple[Index, Index]:
    """Which rows stand at the end of a bucket, and of which."""
    bucket = np.minimum(np.searchsorted(ends, times), len(ends) - 1)
    at = np.flatnonzero(ends[bucket] == times)
    return at, bucket[at]


def _heads(*keys: npt.NDArray[Any]) -> Index:
    """Where a new group begins, in rows that are sorted by `keys`."""
    n = len(keys[0])
    if not n:
        return np.zeros(0, dtype=np.intp)
    new = np.zeros(n, dtype=np.bool_)
    new[0] = True
    for key in keys:
        new[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(new)


def _none(kind: type[T]) -> T:
    wide = {"first", "last", "count", "low", "high", "high_at", "total"}
    nothing = {f.name: np.zeros((0, POSITIONS) if f.name in wide else 0, dtype=np.int64) for f in fields(kind)}
    return kind(**nothing)
