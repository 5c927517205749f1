"""The binary COPY format of PostgreSQL ("COPY", section "Binary Format"), built for all rows at once.

Each tuple is a field count and, for each field, a length and as many bytes; length -1 and no bytes for null. Where all
rows have the same fields null they are laid out as they are sent; else at full width, as a matrix of bytes, and the
eight bytes of each null are left out by a mask.
"""

from __future__ import annotations

from functools import cache
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
_ALL: Final = (True,) * len(_NULLABLE)


def payload(columns: CaptureColumns) -> bytes:
    """A whole COPY stream with header and trailer: meter_id, layout, source, time, received, v1..v8, quality."""
    there = np.column_stack((columns.present, columns.quality != 0))
    if len(there) == 0:
        return _HEADER + _TRAILER
    if (there == there[0]).all():  # the usual batch: one kind of meter, one pattern of nulls
        return _HEADER + _rows(columns, tuple(there[0].tolist())).tobytes() + _TRAILER
    rows = _rows(columns, _ALL)
    nullable = np.ones((*there.shape, 12), dtype=np.bool_)
    nullable[:, :, 4:] = there[:, :, None]
    nullable = nullable.reshape(len(there), -1)
    fixed = np.ones((len(there), rows.dtype.itemsize - nullable.shape[1]), dtype=np.bool_)
    for index, name in enumerate(_NULLABLE):
        rows[f"{name}_length"][~there[:, index]] = -1
    kept = np.hstack((fixed, nullable))
    sent: bytes = rows.view(np.uint8).reshape(kept.shape)[kept].tobytes()
    return _HEADER + sent + _TRAILER


def _rows(columns: CaptureColumns, there: tuple[bool, ...]) -> npt.NDArray[np.void]:
    """All rows with the same nullable fields `there`; the others are null."""
    kind, row = _empty_row(there)
    rows: npt.NDArray[np.void] = np.frombuffer(bytearray(row) * len(columns), dtype=kind)
    rows["meter_id"] = columns.meter_id
    rows["layout"] = columns.layout
    rows["source"] = columns.source
    rows["time"] = columns.time_us - _POSTGRES_EPOCH_US
    rows["received"] = columns.received_us - _POSTGRES_EPOCH_US
    for index in range(POSITIONS):
        if there[index]:
            rows[_NULLABLE[index]] = columns.values[:, index]
    if there[-1]:
        rows["quality"] = columns.quality
    return rows


@cache
def _empty_row(there: tuple[bool, ...]) -> tuple[np.dtype[np.void], bytes]:
    """A row's fields, and its bytes with all lengths but no values."""
    nullable = [(name, ">i8" if has else "") for name, has in zip(_NULLABLE, there, strict=True)]
    fields = [("fields", ">i2")]
    for name, kind in (*_FIXED, *nullable):
        fields += [(f"{name}_length", ">i4"), (name, kind)] if kind else [(f"{name}_length", ">i4")]
    row = np.zeros(1, dtype=fields)
    row["fields"] = len(_FIXED) + len(_NULLABLE)
    for name, kind in (*_FIXED, *nullable):
        row[f"{name}_length"] = np.dtype(kind).itemsize if kind else -1
    return row.dtype, row.tobytes()
