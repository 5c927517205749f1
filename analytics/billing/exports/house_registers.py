"""Register reads in the house format: one row is what a register counted between two reads, as CSV and as Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any, Final

import numpy as np

from analytics.billing.exports.errors import ExportFault
from analytics.billing.exports.house import DIGITS, reason
from analytics.billing.exports.manifest import seconds
from analytics.billing.exports.nem13 import Consumption, RegisterRead
from analytics.billing.exports.parquet import Sink, exact_column
from analytics.billing.exports.series import Batch, Channel, moment

VERSION: Final = "registers 1"
_READ: Final = ("time_utc", "register", "quality", "method", "reason", "source")
ENDS: Final = ("previous", "current")
COLUMNS: Final = (
    "meter_id", "point_id", "channel", "tou", *(f"{end}_{name}" for end in ENDS for name in _READ),
    "value", "unit", "multiplier_applied", "ct_pt_ratio", "batch_id",
)  # fmt: skip
EXACT: Final = ("previous_register", "current_register", "value")
"""Columns of exact decimals, as many as the batch has."""
TIMES: Final = ("previous_time_utc", "current_time_utc")
_MOST: Final = 16_384

Row = Mapping[str, Any]


def write_csv(consumptions: Iterable[Consumption], batch: Batch) -> Iterator[bytes]:
    """One file. Raises `ExportFault` where a value or register needs more than the batch's decimals or 18 digits."""
    yield (",".join(COLUMNS) + "\n").encode()
    for some in _pieces(consumptions, batch):
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        for row in some:
            cells = dict(row) | {name: _text(row[name], batch.decimals) for name in EXACT}
            cells |= {name: moment(row[name]) for name in TIMES}
            cells["multiplier_applied"] = str(row["multiplier_applied"]).lower()
            lines.writerow([cells[name] for name in COLUMNS])
        yield text.getvalue().encode()


def write_parquet(consumptions: Iterable[Consumption], batch: Batch) -> Iterator[bytes]:
    """The same as Parquet, types as those of intervals."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    kind, sink = schema(batch.decimals), Sink()
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), kind, compression="zstd", store_schema=False) as writer:
        for some in _pieces(consumptions, batch):
            columns = [_column(name, [row[name] for row in some], batch.decimals) for name in COLUMNS]
            writer.write_table(pa.Table.from_arrays(columns, schema=kind))
            yield sink.taken()
    yield sink.taken()


def schema(decimals: int) -> Any:
    import pyarrow as pa

    types = {
        **dict.fromkeys(TIMES, pa.timestamp("us", tz="UTC")),
        **dict.fromkeys(EXACT, pa.decimal128(DIGITS, decimals)),
        "multiplier_applied": pa.bool_(),
    }
    text = pa.dictionary(pa.int32(), pa.string())
    return pa.schema([pa.field(name, types.get(name, text), nullable=False) for name in COLUMNS])


def _pieces(consumptions: Iterable[Consumption], batch: Batch) -> Iterator[list[Row]]:
    rows = (_row(one, batch) for one in consumptions)
    while some := list(islice(rows, _MOST)):
        yield some


def _row(one: Consumption, batch: Batch) -> Row:
    """Exact decimals as counts, times as seconds since 1970."""
    channel = one.channel
    return {
        "meter_id": channel.meter,
        "point_id": channel.point,
        "channel": channel.channel,
        "tou": channel.tou,
        **_read("previous", one.previous, channel, batch.decimals),
        **_read("current", one.current, channel, batch.decimals),
        "value": _counts(one.amount, channel, batch.decimals),
        "unit": channel.unit,
        "multiplier_applied": channel.multiplied,
        "ct_pt_ratio": channel.ratio,
        "batch_id": batch.batch_id,
    }


def _read(end: str, read: RegisterRead, channel: Channel, decimals: int) -> Row:
    flag = read.flag
    cells = (
        seconds(read.time), _counts(Decimal(read.text), channel, decimals), str(flag.quality), flag.method,
        reason(flag), flag.source,
    )  # fmt: skip
    return {f"{end}_{name}": cell for name, cell in zip(_READ, cells, strict=True)}


def _counts(value: Decimal, channel: Channel, decimals: int) -> int:
    counts = value.scaleb(decimals)
    if counts != counts.to_integral_value():
        raise ExportFault(channel.point, channel.channel, f"{value} has more than {decimals} decimals")
    if abs(counts) >= 10**DIGITS:
        raise ExportFault(channel.point, channel.channel, f"{value} has more than {DIGITS} digits")
    return int(counts)


def _text(counts: int, decimals: int) -> str:
    return format(Decimal(counts).scaleb(-decimals), "f")


def _column(name: str, cells: Sequence[Any], decimals: int) -> Any:
    import pyarrow as pa

    if name in EXACT:
        return exact_column(np.array(cells, dtype=np.int64), decimals)
    if name in TIMES:
        return pa.array(np.array(cells, dtype=np.int64) * 1_000_000, type=pa.timestamp("us", tz="UTC"))
    column = pa.array(cells)
    return column if name == "multiplier_applied" else column.dictionary_encode()
