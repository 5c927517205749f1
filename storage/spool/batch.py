"""One batch of the recorder, and the bytes that it is in a record. All integers are little-endian.

    0   u32  n, number of captures
    4   u32  m, number of misses; its highest bit: some of them are final
    8        n x i32 meter, n x i16 layout, n x i16 source, n x i64 time, n x i64 received, n x u8 present,
             n x i64 quality, n x 8 x i64 values: 97 bytes a capture
             m x i32 meter, m x i16 layout, m x i64 time, m x i64 received, m x u16 length of the reason: 24
             bytes a miss
             m x u8, 1 where the miss is final: only where some are
             the reasons in UTF-8, one after the other

Times are microseconds since 1970-01-01 UTC; bit k of `present` says that value k is there, else it is 0.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from protocols.model import POSITIONS, Capture
from storage.columns import CaptureColumns, from_us, time_us
from storage.writer import Miss

_COUNTS: Final = struct.Struct("<II")
_COLUMNS: Final = (
    ("meter_id", "<i4"), ("layout", "<i2"), ("source", "<i2"), ("time_us", "<i8"), ("received_us", "<i8"),
    ("present", "u1"), ("quality", "<i8"), ("values", "<i8"),
)  # fmt: skip
_MISSES: Final = ("<i4", "<i2", "<i8", "<i8", "<u2")
_SOME_FINAL: Final = 1 << 31


class NotABatch(ValueError):
    """Bytes that no `encode` made."""


@dataclass(frozen=True)
class Batch:
    """What was received together: captures as columns, and misses."""

    columns: CaptureColumns
    misses: tuple[Miss, ...]

    @classmethod
    def of(cls, captures: Sequence[Capture], misses: Iterable[Miss]) -> Batch:
        return cls(CaptureColumns.from_captures(captures), tuple(misses))

    @classmethod
    def joined(cls, parts: Sequence[Batch]) -> Batch:
        """One after the other; at least one part."""
        columns = CaptureColumns.concatenate(part.columns for part in parts)
        return cls(columns, tuple(miss for part in parts for miss in part.misses))


def encode(batch: Batch) -> bytes:
    """Raises `ValueError` for a reason of more than 65,535 bytes."""
    columns, misses = batch.columns, batch.misses
    reasons = [miss.reason.encode() for miss in misses]
    if any(len(reason) > 0xFFFF for reason in reasons):
        raise ValueError("the reason of a miss is longer than a record has room for")
    present = np.packbits(columns.present, axis=1, bitorder="little")
    given: dict[str, npt.NDArray[Any]] = {
        name: present if name == "present" else getattr(columns, name) for name, _ in _COLUMNS
    }
    told = (
        [miss.meter_id for miss in misses],
        [miss.layout for miss in misses],
        [time_us(miss.time) for miss in misses],
        [time_us(miss.received) for miss in misses],
        [len(reason) for reason in reasons],
    )
    final = np.array([miss.final for miss in misses], dtype="u1")
    return b"".join(
        [
            _COUNTS.pack(len(columns), len(misses) | (_SOME_FINAL if final.any() else 0)),
            *(given[name].astype(kind).tobytes() for name, kind in _COLUMNS),
            *(np.array(column, dtype=kind).tobytes() for column, kind in zip(told, _MISSES, strict=True)),
            final.tobytes() if final.any() else b"",
            *reasons,
        ]
    )


def decode(data: bytes | memoryview) -> Batch:
    """The reverse. Raises `NotABatch` unless `data` is exactly one batch."""
    if len(data) < _COUNTS.size:
        raise NotABatch("shorter than its counts")
    n, m = _COUNTS.unpack_from(data)
    some_final, m = m & _SOME_FINAL, m & ~_SOME_FINAL
    cursor = _Cursor(data, _COUNTS.size)
    columns: dict[str, npt.NDArray[Any]] = {
        name: cursor.take(kind, n * POSITIONS if name == "values" else n) for name, kind in _COLUMNS
    }
    bits = np.unpackbits(columns["present"].reshape(n, 1), axis=1, bitorder="little")
    columns["present"] = bits.astype(np.bool_)
    columns["values"] = columns["values"].reshape(n, POSITIONS)
    meters, layouts, times, received, lengths = (cursor.take(kind, m).tolist() for kind in _MISSES)
    finals = cursor.take("u1", m).tolist() if some_final else [0] * m
    if set(finals) - {0, 1} or (some_final and not any(finals)):
        raise NotABatch("what is final is not told")
    try:
        reasons = [str(cursor.take("u1", length).tobytes(), "utf-8") for length in lengths]
        misses = tuple(
            Miss(meter, layout, from_us(time), reason, from_us(given_up), bool(final))
            for meter, layout, time, reason, given_up, final in zip(
                meters, layouts, times, reasons, received, finals, strict=True
            )
        )
    except (UnicodeDecodeError, OverflowError) as error:
        raise NotABatch(str(error)) from error
    if cursor.at != len(data):
        raise NotABatch(f"{len(data) - cursor.at} bytes too many")
    return Batch(CaptureColumns(**columns), misses)


class _Cursor:
    def __init__(self, data: bytes | memoryview, at: int) -> None:
        self._data = data
        self.at = at

    def take(self, kind: str, count: int) -> npt.NDArray[Any]:
        size = np.dtype(kind).itemsize * count
        if self.at + size > len(self._data):
            raise NotABatch("cut off")
        found = np.frombuffer(self._data, dtype=kind, count=count, offset=self.at)
        self.at += size
        return found.astype(found.dtype.newbyteorder("="))
