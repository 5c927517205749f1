"""The house format as Parquet: values decimal128(18, n), times in UTC to the microsecond, zstd."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analytics.billing.exports.bundle import Bundle, bundles
from analytics.billing.exports.house import COLUMNS, DIGITS, reason
from analytics.billing.exports.series import UNKNOWN, Batch, Ints

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


class Sink(io.RawIOBase):
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


def write(given: Iterable[Bundle], batch: Batch) -> Iterator[bytes]:
    """One file, a row group at a time. Raises `ExportFault` as the CSV does. The bytes are those of this release of
    pyarrow: another may compress otherwise."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    kind = schema(batch.decimals)
    sink = Sink()
    waiting: list[Any] = []
    count = 0
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), kind, compression="zstd", store_schema=False) as writer:
        for bundle in bundles(given, _PIECE, cuts=True):
            waiting.append(_table(bundle, batch, kind))
            count += len(bundle)
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


def _table(bundle: Bundle, batch: Batch, kind: Any) -> Any:
    import pyarrow as pa

    channels, flags, count = bundle.channels, bundle.flags, len(bundle)
    which, index = bundle.which.astype(np.int32), bundle.flag.astype(np.int32)

    def words(texts: Sequence[str], rows: npt.NDArray[np.int32]) -> Any:
        """Of each row the text that `rows` names."""
        known = {text: at for at, text in enumerate(dict.fromkeys(texts))}
        places = np.array([known[text] for text in texts], dtype=np.int32)
        return pa.DictionaryArray.from_arrays(places[rows], pa.array(list(known)))

    columns = {
        "meter_id": words([one.meter for one in channels], which),
        "point_id": words([one.point for one in channels], which),
        "channel": words([one.channel for one in channels], which),
        "tou": words([one.tou for one in channels], which),
        "interval_start_utc": _times(bundle.start, count),
        "interval_s": np.array([one.step_s for one in channels], dtype=np.int32)[which],
        "value": exact_column(bundle.scaled(batch.decimals), batch.decimals),
        "unit": words([one.unit for one in channels], which),
        "multiplier_applied": np.array([one.multiplied for one in channels])[which],
        "ct_pt_ratio": words([one.ratio for one in channels], which),
        "quality": words([str(flag.quality) for flag in flags], index),
        "method": words([flag.method for flag in flags], index),
        "reason": words([reason(flag) for flag in flags], index),
        "source": words([flag.source for flag in flags], index),
        "read_time": _times(bundle.read, count),
        "collected_at": _times(bundle.collected, count),
        "vee_rule": words([flag.rule for flag in flags], index),
        "version": np.array([flag.version for flag in flags], dtype=np.int32)[index],
        "batch_id": words([batch.batch_id], np.zeros(count, dtype=np.int32)),
    }
    return pa.Table.from_arrays([pa.array(columns[name]) for name in COLUMNS], schema=kind)


def _times(seconds: Ints | None, count: int) -> Any:
    import pyarrow as pa

    kind = pa.timestamp("us", tz="UTC")
    if seconds is None:
        return pa.nulls(count, kind)
    return pa.array(seconds * 1_000_000, type=kind, mask=seconds == UNKNOWN)


def exact_column(values: Ints, decimals: int) -> Any:
    """Counts of 10^-decimals: decimal128 is sixteen bytes, the lower half first: an int64 and its sign."""
    import pyarrow as pa

    halves = np.empty((len(values), 2), dtype="<i8")
    halves[:, 0] = values
    halves[:, 1] = values >> 63
    return pa.Array.from_buffers(pa.decimal128(DIGITS, decimals), len(values), [None, pa.py_buffer(halves)])
