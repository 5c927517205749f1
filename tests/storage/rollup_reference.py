"""Rollups as a few lines of plain Python, each bucket straight from the captures, to compare with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

from protocols.model import POSITIONS, Capture, Kind
from protocols.quantities import LAYOUTS
from storage.buckets import Bucket

KINDS = {layout.id: [quantity.kind for quantity in layout.quantities] for layout in LAYOUTS}
Cells: TypeAlias = tuple[Any, ...]


def register_row(captures: Iterable[Capture], layout: int, bucket: Bucket) -> Cells | None:
    """captures, first_time, last_time, flags, first1..8, last1..8 of one meter; both ends belong to the bucket."""
    rows = sorted((c for c in captures if bucket.start <= c.time <= bucket.end), key=lambda c: c.time)
    kinds = KINDS[layout]
    if not rows or Kind.CUMULATIVE not in kinds:
        return None
    flags, first, last = 0, [], []
    for k in range(POSITIONS):
        cumulative = k < len(kinds) and kinds[k] is Kind.CUMULATIVE
        known = [(c.time, v) for c in rows if (v := c.values[k]) is not None and cumulative]
        first.append(known[0][1] if known else None)
        last.append(known[-1][1] if known else None)
        if known:
            byte = (known[0][0] == bucket.start) + 2 * (known[-1][0] == bucket.end)
            byte += 4 * any(b[1] < a[1] for a, b in pairwise(known))
            byte += 8 * (known[0][0] != rows[0].time) + 16 * (known[-1][0] != rows[-1].time)
            flags |= byte << (8 * k)
    return (sum(c.time < bucket.end for c in rows), rows[0].time, rows[-1].time, flags, *first, *last)


def value_row(captures: Iterable[Capture], layout: int, bucket: Bucket) -> Cells | None:
    """captures, first_time, last_time, then counts, lowest, highest, when, sums of one meter; the end is not in it."""
    rows = sorted((c for c in captures if bucket.start <= c.time < bucket.end), key=lambda c: c.time)
    kinds = KINDS[layout]
    if not rows or not {Kind.INSTANTANEOUS, Kind.DEMAND} & set(kinds):
        return None
    cells: list[list[Any]] = [[], [], [], [], []]
    for k in range(POSITIONS):
        summed = k < len(kinds) and kinds[k] in (Kind.INSTANTANEOUS, Kind.DEMAND)
        known = [(c.time, v) for c in rows if (v := c.values[k]) is not None and summed]
        values = [value for _, value in known]
        fits = sum(abs(value) for value in values) < 2**62
        row = (
            len(values), min(values), max(values), next(t for t, v in known if v == max(values)),
            sum(values) if fits else None,
        ) if known else (None,) * 5  # fmt: skip
        for column, cell in zip(cells, row, strict=True):
            column.append(cell)
    return (len(rows), rows[0].time, rows[-1].time, *(cell for column in cells for cell in column))


def table(captures: Sequence[Capture], buckets: Iterable[tuple[int, Bucket]]) -> dict[Cells, Cells]:
    """The rows that the database should hold: (table, level, meter, layout, start) to the rest."""
    found = {}
    groups: dict[tuple[int, int], list[Capture]] = {}
    for capture in captures:
        groups.setdefault((capture.meter_id, capture.layout), []).append(capture)
    for level, bucket in buckets:
        for (meter, layout), some in groups.items():
            for name, row in (
                ("rollup_register", register_row(some, layout, bucket)),
                ("rollup_value", value_row(some, layout, bucket)),
            ):
                if row is not None:
                    found[name, level, meter, layout, bucket.start] = row
    return found
