"""Numpy columns to and from PostgreSQL's binary COPY, for rows of integers and times of any table.

`NONE` stands for null in a column of 64 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from storage.columns import Ints

NONE: Final = -(2**63)
POSTGRES_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01 UTC, from which PostgreSQL counts microseconds."""
HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER: Final = b"\xff\xff"


def encode(columns: Sequence[tuple[str, npt.NDArray[np.int_] | Ints]]) -> bytes:
    """A whole stream. Each column is a type (i2, i4, i8, or time: microseconds since 1970) and its numbers."""
    n = len(columns[0][1])
    kinds = [("i8" if kind == "time" else kind) for kind, _ in columns]
    fields = [("fields", ">i2")]
    for index, kind in enumerate(kinds):
        fields += [(f"length{index}", ">i4"), (f"value{index}", f">{kind}")]
    rows = np.zeros(n, dtype=fields)
    rows["fields"] = len(columns)
    kept = np.ones((n, rows.dtype.itemsize), dtype=np.bool_)
    at = 2
    for index, (kind, numbers) in enumerate(columns):
        width = np.dtype(kinds[index]).itemsize
        null = numbers == NONE
        rows[f"value{index}"] = np.where(null, 0, numbers - POSTGRES_EPOCH_US) if kind == "time" else numbers
        rows[f"length{index}"] = np.where(null, -1, width)
        kept[:, at + 4 : at + 4 + width] = ~null[:, None]
        at += 4 + width
    sent = rows.tobytes() if kept.all() else rows.view(np.uint8).reshape(kept.shape)[kept].tobytes()
    return HEADER + sent + TRAILER


def decode(kinds: Sequence[str], stream: bytes) -> list[Ints]:
    """The columns of a stream in which nothing is null, as 64-bit integers."""
    fields = [("fields", ">i2")]
    for index, kind in enumerate(kinds):
        fields += [(f"length{index}", ">i4"), (f"value{index}", ">i8" if kind == "time" else f">{kind}")]
    row = np.dtype(fields)
    body = len(stream) - len(HEADER) - len(TRAILER)
    if body % row.itemsize:
        raise ValueError(f"{body} bytes are no whole number of rows of {row.itemsize} bytes")
    rows = np.frombuffer(stream, dtype=row, count=body // row.itemsize, offset=len(HEADER))
    return [
        rows[f"value{index}"].astype(np.int64) + (POSTGRES_EPOCH_US if kind == "time" else 0)
        for index, kind in enumerate(kinds)
    ]
