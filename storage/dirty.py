"""What a batch of captures touches, told to the roll-up in the transaction that stores the batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from storage.buckets import Span
from storage.columns import CaptureColumns, from_us

HOUR_US: Final = 3_600_000_000
_ROW: Final = 400
"""Meters in one row: it stays below the size from which PostgreSQL compresses rows and puts parts of them elsewhere."""
_SPARSE: Final = 2
"""Meters are told as a range where it has at most so many times their number: to roll more is idle, not wrong."""


def dirty_hours(columns: CaptureColumns) -> bytes:
    """An INSERT of the UTC hours that captures, sorted by meter, stand in, or end, with the meters they are of."""
    hours = columns.time_us // HOUR_US
    rows = list(_told(hours, columns.meter_id))
    closing = columns.time_us == hours * HOUR_US
    if closing.any():
        rows += _told(hours[closing] - 1, columns.meter_id[closing])
    return f"INSERT INTO dirty (level, start, first, last, meters) VALUES {', '.join(rows)}".encode()  # noqa: S608 - numbers only


def _told(hours: npt.NDArray[Any], meters: npt.NDArray[Any]) -> Iterator[str]:
    """Rows as SQL."""
    first, last = int(hours.min()), int(hours.max())
    for hour in [first] if first == last else np.unique(hours).tolist():
        some = meters if first == last else meters[hours == hour]
        start = f"{int(Span.HOUR)}, '{from_us(hour * HOUR_US).isoformat()}'"
        number = 1 + int(np.count_nonzero(some[1:] != some[:-1]))
        if some[-1] - some[0] < _SPARSE * number:
            yield f"({start}, {some[0]}, {some[-1]}, NULL)"
            continue
        different = np.unique(some).tolist()
        for at in range(0, number, _ROW):
            yield f"({start}, NULL, NULL, '{{{','.join(map(str, different[at : at + _ROW]))}}}')"
