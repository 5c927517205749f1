"""Sorted captures into the database, in commits of a bounded size; what the database refuses is found by halving."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np

from headend.ingest.settings import MOST_VALUES
from headend.ingest.sorting import Sorted
from storage.columns import CaptureColumns
from storage.errors import Rejected
from storage.writer import Written

Write = Callable[[CaptureColumns], Awaitable[Written]]


@dataclass(slots=True)
class Stored:
    """`refused`: messages with a capture that the database does not take, each with its reason."""

    written: Written
    refused: dict[int, str]


async def store(found: Sorted, write: Write, most: int) -> Stored:
    """Committed when this returns. `most`: captures in one commit. Raises what `write` raises but `Rejected`."""
    stored = Stored(Written(0, 0, 0), {})
    for rows in commits(found.columns, most):
        await _write(found, rows, write, stored)
    return stored


async def _write(found: Sorted, rows: slice, write: Write, stored: Stored) -> None:
    try:
        stored.written += await write(found.columns.take(rows))
    except Rejected as error:
        if rows.stop - rows.start == 1:
            stored.refused.setdefault(int(found.message[rows.start]), str(error))
            return
        middle = (rows.start + rows.stop) // 2
        await _write(found, slice(rows.start, middle), write, stored)
        await _write(found, slice(middle, rows.stop), write, stored)


def commits(columns: CaptureColumns, most: int) -> list[slice]:
    """Rows of one commit each: so many captures, and not too many values."""
    if len(columns) == 0:
        return []
    values = np.cumsum(columns.present.sum(axis=1))
    if len(columns) <= most and values[-1] <= MOST_VALUES:
        return [slice(0, len(columns))]
    found, start = [], 0
    while start < len(columns):
        before = int(values[start - 1]) if start else 0
        stop = int(np.searchsorted(values, before + MOST_VALUES, side="right"))
        stop = max(start + 1, min(stop, start + most))
        found.append(slice(start, stop))
        start = stop
    return found
