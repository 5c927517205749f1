"""Validated days to and from binary COPY, many rows at once.

Days alike, which have the same lengths and nothing null inside their arrays, are one structured array of numpy; a day
with holes is taken on its own.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from storage.copy_rows import HEADER, POSTGRES_EPOCH_US, TRAILER
from storage.validated_days import ACTUAL, Days, Ints, Mask

_EPOCH_DAYS: Final = 10957
"""From 1970-01-01 to 2000-01-01, from which PostgreSQL counts days."""
_FIXED: Final = (
    ("point", "i4"), ("quantity", "i2"), ("step_s", "i4"), ("day", "i4"), ("version", "i4"), ("run", "i8"),
    ("start", "i8"), ("profiles", "i4"),
)  # fmt: skip
_BYTES: Final = ("source", "method", "reason")
_ARRAYS: Final = (("failed", "i4", 23), ("raw", "i8", 20), ("steps", "i8", 20))
"""Name, kind and PostgreSQL's number of the elements' type."""
_ARRAY_HEAD: Final = 20
_FIELDS: Final = len(_FIXED) + len(_BYTES) + len(_ARRAYS)
_VARYING: Final = 2 + sum(4 + np.dtype(kind).itemsize for _, kind in _FIXED)
"""Where a row's fields of varying length begin."""
_WINDOW: Final = 16


class _Shape(NamedTuple):
    """Bytes of the varying fields, -1 for null."""

    source: int
    method: int
    reason: int
    failed: int
    raw: int
    steps: int


def encode(days: Days) -> bytes:
    """A whole stream, in any order."""
    parts = [HEADER, *(_encoded(days.take(rows)) for rows in _alike(days)), TRAILER]
    return b"".join(parts)


def _alike(days: Days) -> Iterator[npt.NDArray[np.intp]]:
    """Rows that are of the same length and have the same fields."""
    inside = days.inside
    traits = (
        (days.source != ACTUAL) & inside, (days.method != ACTUAL) & inside, days.reason != 0, days.failed != 0,
        (days.steps != days.raw) | (days.present != days.raw_present), inside & ~days.present,
        inside & ~days.raw_present,
    )  # fmt: skip
    key = days.count.copy()
    for trait in traits:
        key = key * 2 + trait.any(axis=1)
    order = np.argsort(key, kind="stable")
    edges = np.nonzero(np.diff(key[order]))[0] + 1
    yield from (rows for rows in np.split(order, edges) if len(rows))


def _encoded(days: Days) -> bytes:
    """Of days alike."""
    n, count = len(days), int(days.count[0])
    inside: dict[str, Any] = {name: getattr(days, name)[:, :count] for name in (*_BYTES, "failed", "raw", "steps")}
    there: dict[str, Mask] = {"raw": days.raw_present[:, :count], "steps": days.present[:, :count]}
    lengths = [count if (inside[name] != (0 if name == "reason" else ACTUAL)).any() else -1 for name in _BYTES]
    same = (inside["raw"] == inside["steps"]).all() and (there["raw"] == there["steps"]).all()
    is_there = {"failed": bool((inside["failed"] != 0).any()), "raw": not same, "steps": True}
    sizes = [_array_length(count, kind) if is_there[name] else -1 for name, kind, _ in _ARRAYS]
    rows = np.zeros(n, _row(_Shape(*lengths, *sizes)))
    rows["fields"] = _FIELDS
    for name, kind in _FIXED:
        rows[f"{name}_length"] = np.dtype(kind).itemsize
    rows["step_s"] = days.step_s
    for name in ("point", "quantity", "version", "run", "profiles"):
        rows[name] = getattr(days, name)
    rows["day"] = days.day.astype(np.int64) - _EPOCH_DAYS
    rows["start"] = days.start * 1_000_000 - POSTGRES_EPOCH_US
    for name, length in zip(_BYTES, lengths, strict=True):
        rows[f"{name}_length"] = length
        if length >= 0:
            rows[name] = inside[name]
    kept: Mask | None = None
    for (name, kind, type_id), size in zip(_ARRAYS, sizes, strict=True):
        rows[f"{name}_length"] = size
        if size < 0:
            continue
        rows[f"{name}_head"] = np.array([1, 0, type_id, count, 1])
        rows[name]["length"] = np.dtype(kind).itemsize
        rows[name]["value"] = inside[name]
        known = there.get(name)
        if known is not None and not known.all():
            kept = _holes(rows, name, known, kept)
    return rows.tobytes() if kept is None else rows.view(np.uint8).reshape(kept.shape)[kept].tobytes()


def _holes(rows: npt.NDArray[Any], name: str, known: Mask, kept: Mask | None) -> Mask:
    """Mark nulls in an array of each row; returns which bytes of the rows are sent."""
    count = known.shape[1]
    gone = ~known
    rows[name]["length"][gone] = -1
    rows[f"{name}_length"] -= 8 * gone.sum(axis=1)
    rows[f"{name}_head"][:, 1] = gone.any(axis=1)
    if kept is None:
        kept = np.ones((len(rows), rows.dtype.itemsize), np.bool_)
    assert rows.dtype.fields is not None
    at = rows.dtype.fields[name][1]
    cells = kept[:, at : at + 12 * count].reshape(len(rows), count, 12)
    cells[:, :, 4:] = known[:, :, None]
    kept[:, at : at + 12 * count] = cells.reshape(len(rows), -1)
    return kept


def _array_length(count: int, kind: str) -> int:
    return _ARRAY_HEAD + count * (4 + np.dtype(kind).itemsize)


@cache
def _row(shape: _Shape) -> np.dtype[np.void]:
    """A row as it is sent, nothing null inside its arrays."""
    fields: list[Any] = [("fields", ">i2")]
    for name, kind in _FIXED:
        fields += [(f"{name}_length", ">i4"), (name, f">{kind}")]
    for name in _BYTES:
        length = getattr(shape, name)
        fields.append((f"{name}_length", ">i4"))
        if length >= 0:
            fields.append((name, "u1", (length,)))
    for name, kind, _ in _ARRAYS:
        length = getattr(shape, name)
        fields.append((f"{name}_length", ">i4"))
        if length >= 0:
            count = (length - _ARRAY_HEAD) // (4 + np.dtype(kind).itemsize)
            fields += [(f"{name}_head", ">i4", (5,)), (name, [("length", ">i4"), ("value", f">{kind}")], (count,))]
    return np.dtype(fields)


class _Run(NamedTuple):
    """Rows alike."""

    rows: npt.NDArray[Any]
    steps: tuple[Ints, Mask] | None
    """Where the array has holes: one row's values, and which are there."""
    raw: tuple[Ints, Mask] | None


def decode(rows: Sequence[bytes], step_s: int) -> Days:
    """Rows as they were sent, without the stream's header and trailer. Those of one length are mostly alike: they are
    taken together, and given back in their order."""
    order = np.argsort(np.fromiter(map(len, rows), np.int64, len(rows)), kind="stable")
    runs = list(_runs(b"".join([rows[at] for at in order.tolist()])))
    counts = [_count(run) for run in runs]
    days = Days.empty(step_s, len(rows), max(counts, default=0))
    at = 0
    for run, count in zip(runs, counts, strict=True):
        _fill(days, order[at : at + len(run.rows)], count, run)
        at += len(run.rows)
    return days


def _count(run: _Run) -> int:
    return len(run.steps[0]) if run.steps else int(run.rows["steps_head"][0, 3])


def _fill(days: Days, at: npt.NDArray[np.intp], count: int, run: _Run) -> None:
    rows = run.rows
    for name in ("point", "quantity", "version", "run", "profiles"):
        getattr(days, name)[at] = rows[name]
    days.day[at] = (rows["day"].astype(np.int64) + _EPOCH_DAYS).astype("datetime64[D]")
    days.start[at] = (rows["start"].astype(np.int64) + POSTGRES_EPOCH_US) // 1_000_000
    days.count[at] = count
    names = frozenset(rows.dtype.names or ())
    for name in ("source", "method"):
        getattr(days, name)[at, :count] = rows[name] if name in names else ACTUAL
    if "reason" in names:
        days.reason[at, :count] = rows["reason"]
    if "failed" in names:
        days.failed[at, :count] = rows["failed"]["value"]
    days.steps[at, :count], days.present[at, :count] = run.steps or (rows["steps"]["value"], True)
    if run.raw is not None:
        days.raw[at, :count], days.raw_present[at, :count] = run.raw
    elif "raw" in names:
        days.raw[at, :count], days.raw_present[at, :count] = rows["raw"]["value"], True
    else:
        days.raw[at], days.raw_present[at] = days.steps[at], days.present[at]


def _runs(stream: bytes) -> Iterator[_Run]:
    at, window = 0, _WINDOW
    while at < len(stream):
        shape, holes, end = _shape(stream, at)
        if holes:
            yield _single(stream, at, shape)
            at, window = end, _WINDOW
            continue
        kind = _row(shape)
        most = min(window, (len(stream) - at) // kind.itemsize)
        rows = np.frombuffer(stream, kind, most, at)
        same = np.ones(most, np.bool_)
        for name, length in zip(_Shape._fields, shape, strict=True):
            same &= rows[f"{name}_length"] == length
        for name in ("raw", "steps"):
            if getattr(shape, name) >= 0:
                same &= rows[f"{name}_head"][:, 1] == 0
        taken = most if same.all() else int(same.argmin())
        window = min(window * 2, 4096) if taken == most else _WINDOW
        yield _Run(rows[:taken], None, None)
        at += taken * kind.itemsize


def _shape(stream: bytes, at: int) -> tuple[_Shape, bool, int]:
    """The lengths of the row at `at`, whether one of its arrays has holes, and where the row ends."""
    here = at + _VARYING
    lengths = []
    holes = False
    for name in _Shape._fields:
        (length,) = struct.unpack_from(">i", stream, here)
        lengths.append(length)
        if name in ("raw", "steps") and length >= 0:
            holes |= struct.unpack_from(">i", stream, here + 8)[0] != 0
        here += 4 + max(length, 0)
    return _Shape(*lengths), holes, here


def _single(stream: bytes, at: int, shape: _Shape) -> _Run:
    """A row with holes: the fields before its arrays with holes as they are, those element by element."""
    without = shape._replace(raw=-1, steps=-1)
    row = np.frombuffer(stream, _row(without), 1, at)
    here = at + _row(without).itemsize - 8
    raw = _elements(stream, here + 4) if shape.raw >= 0 else None
    here += 4 + max(shape.raw, 0)
    return _Run(row, _elements(stream, here + 4), raw)


def _elements(stream: bytes, at: int) -> tuple[Ints, Mask]:
    count = struct.unpack_from(">i", stream, at + 12)[0]
    values, known = np.zeros(count, np.int64), np.zeros(count, np.bool_)
    at += _ARRAY_HEAD
    for index in range(count):
        (length,) = struct.unpack_from(">i", stream, at)
        at += 4
        if length > 0:
            (values[index],) = struct.unpack_from(">q", stream, at)
            known[index] = True
            at += length
    return values, known
