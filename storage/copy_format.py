"""The binary COPY format of PostgreSQL ("COPY", section "Binary Format"), built for all rows at once.

Each tuple is a field count and, for each field, a length and as many bytes; length -1 and no bytes for null. Rows are
laid out at full width as a matrix of bytes; where something is null its eight bytes are left out by a mask.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from protocols.model import POSITIONS
from storage.columns import CaptureColumns

_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_POSTGRES_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01 UTC, from which PostgreSQL counts microseconds."""

_FIXED: Final = (("meter_id", ">i4"), ("layout", ">i2"), ("source", ">i2"), ("time", ">i8"), ("received", ">i8"))
_NULLABLE: Final = (*(f"v{position}" for position in range(1, POSITIONS + 1)), "quality")
_ROW: Final = np.dtype(
    [("fields", ">i2")]
    + [pair for name, kind in _FIXED for pair in ((f"{name}_length", ">i4"), (name, kind))]
    + [pair for name in _NULLABLE for pair in ((f"{name}_length", ">i4"), (name, ">i8"))]
)


def _offset(name: str) -> int:
    assert _ROW.fields is not None
    return int(_ROW.fields[name][1])


def payload(columns: CaptureColumns) -> bytes:
    """A whole COPY stream with header and trailer: meter_id, layout, source, time, received, v1..v8, quality."""
    n = len(columns)
    rows = np.zeros(n, dtype=_ROW)
    rows["fields"] = len(_FIXED) + len(_NULLABLE)
    fixed = (
        columns.meter_id,
        columns.layout,
        columns.source,
        columns.time_us - _POSTGRES_EPOCH_US,
        columns.received_us - _POSTGRES_EPOCH_US,
    )
    for (name, kind), column in zip(_FIXED, fixed, strict=True):
        rows[f"{name}_length"] = np.dtype(kind).itemsize
        rows[name] = column
    there = np.column_stack((columns.present, columns.quality != 0))
    for index, name in enumerate(_NULLABLE):
        rows[name] = columns.quality if name == "quality" else columns.values[:, index]
        rows[f"{name}_length"] = np.where(there[:, index], 8, -1)
    return _HEADER + _without_nulls(rows.view(np.uint8).reshape(n, _ROW.itemsize), there) + _TRAILER


def _without_nulls(matrix: npt.NDArray[np.uint8], there: npt.NDArray[np.bool_]) -> bytes:
    if len(matrix) == 0:
        return b""
    if (there == there[0]).all():  # the usual batch: one kind of meter, one pattern of nulls
        kept = np.ones(matrix.shape[1], dtype=np.bool_)
        for index, name in enumerate(_NULLABLE):
            kept[_offset(name) : _offset(name) + 8] = there[0, index]
        return matrix[:, kept].tobytes()
    kept = np.ones(matrix.shape, dtype=np.bool_)
    for index, name in enumerate(_NULLABLE):
        kept[:, _offset(name) : _offset(name) + 8] = there[:, index, None]
    return matrix[kept].tobytes()
