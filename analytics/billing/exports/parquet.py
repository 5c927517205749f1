"""The house format as Parquet: values decimal128(18, n), times in UTC to the microsecond, zstd."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np

from analytics.billing.exports.house import COLUMNS, DIGITS, reason
from analytics.billing.exports.series import UNKNOWN, Batch, Ints, Series, within

ROW_GROUP: Final = 131_072
_PIECE: Final = 65_536
_TIMES: Final = ("interval_start_utc", "read_time", "collected_at")


def schema(decimals: int) -> Any:
    """The columns' types: texts are dictionaries."""
    import pyarrow as pa

    types = {
        **dict.fromkeys(_TIMES, pa.timestamp("us", tz="UTC")),
        "interval_s": pa.int32(),
        "version": pa.int32(),
        "value": pa.decimal128(DIGITS, decimals),
        "multiplier_applied": pa.bool_(),
    }
    text = pa.dictionary(pa.int32(), pa.string())
    missing = {"read_time", "collected_at"}
    return pa.schema([pa.field(name, types.get(name, text), nullable=name in missing) for name in COLUMNS])


class _Sink(io.RawIOBase):
    """What the writer has written since it was last taken."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def taken(self) -> bytes:
        whole = b"".join(self._parts)
        self._parts.clear()
        return whole


def write(series: Iterable[Series], batch: Batch) -> Iterator[bytes]:
    """One file, a row group at a time. Raises `ExportFault` as the CSV does. The bytes are those of this release of
    pyarrow: another may compress otherwise."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    kind = schema(batch.decimals)
    sink = _Sink()
    waiting: list[Any] = []
    count = 0
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), kind, compression="zstd", store_schema=False) as writer:
        for piece in within(series, _PIECE):
            waiting.append(_table(piece, batch, kind))
            count += len(piece)
            if count >= ROW_GROUP:
                writer.write_table(_joined(waiting), row_group_size=count)
                waiting, count = [], 0
                yield sink.taken()
        if waiting:
            writer.write_table(_joined(waiting), row_group_size=count)
    yield sink.taken()


def _joined(tables: list[Any]) -> Any:
    import pyarrow as pa

    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def _table(piece: Series, batch: Batch, kind: Any) -> Any:
    import pyarrow as pa

    channel, flags, count = piece.channel, piece.flags, len(piece)
    none = np.zeros(count, dtype=np.int32)
    index = piece.flag.astype(np.int32)

    def same(text: str) -> Any:
        return pa.DictionaryArray.from_arrays(none, pa.array([text]))

    def flagged(texts: list[str]) -> Any:
        words = sorted(set(texts))
        places = np.array([words.index(text) for text in texts], dtype=np.int32)
        return pa.DictionaryArray.from_arrays(places[index], pa.array(words))

    columns = {
        "meter_id": same(channel.meter),
        "point_id": same(channel.point),
        "channel": same(channel.channel),
        "tou": same(channel.tou),
        "interval_start_utc": _times(piece.start, count),
        "interval_s": np.full(count, channel.step_s, dtype=np.int32),
        "value": _decimals(piece.scaled(batch.decimals), batch.decimals),
        "unit": same(channel.unit),
        "multiplier_applied": np.full(count, channel.multiplied),
        "ct_pt_ratio": same(channel.ratio),
        "quality": flagged([str(flag.quality) for flag in flags]),
        "method": flagged([flag.method for flag in flags]),
        "reason": flagged([reason(flag) for flag in flags]),
        "source": flagged([flag.source for flag in flags]),
        "read_time": _times(piece.read, count),
        "collected_at": _times(piece.collected, count),
        "vee_rule": flagged([flag.rule for flag in flags]),
        "version": np.array([flag.version for flag in flags], dtype=np.int32)[index],
        "batch_id": same(batch.batch_id),
    }
    return pa.Table.from_arrays([pa.array(columns[name]) for name in COLUMNS], schema=kind)


def _times(seconds: Ints | None, count: int) -> Any:
    import pyarrow as pa

    kind = pa.timestamp("us", tz="UTC")
    if seconds is None:
        return pa.nulls(count, kind)
    return pa.array(seconds * 1_000_000, type=kind, mask=seconds == UNKNOWN)


def _decimals(values: Ints, decimals: int) -> Any:
    """decimal128 is sixteen bytes, the lower half first: an int64 and its sign."""
    import pyarrow as pa

    halves = np.empty((len(values), 2), dtype="<i8")
    halves[:, 0] = values
    halves[:, 1] = values >> 63
    return pa.Array.from_buffers(pa.decimal128(DIGITS, decimals), len(values), [None, pa.py_buffer(halves)])
