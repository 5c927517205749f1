"""Checks the house format, CSV and Parquet: columns, exact values, order, no interval twice or across another."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, BinaryIO, Final

from analytics.billing.exports import house_registers, parquet
from analytics.billing.exports.house import COLUMNS
from analytics.billing.exports.series import Quality, moment
from analytics.billing.exports.verify.cells import seconds, value
from analytics.billing.exports.verify.columns import columns_decimals
from analytics.billing.exports.verify.found import Found
from analytics.billing.exports.verify.house_registers import check_csv_rows, check_parquet_rows

_WHOLE: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_QUALITIES: Final = frozenset(map(str, Quality))


class _Rows:
    """Rows of both kinds come here, series after series; the first name of a series is the meter."""

    def __init__(self, found: Found, named: str) -> None:
        """`named`: what a row is called."""
        self.found = found
        self.named = named
        self.key: tuple[str, ...] | None = None
        self.lines: set[tuple[str, ...]] = set()
        """Points with a channel, at which meters follow each other, the first one again perhaps."""
        self.unit = ""
        self.step = 0
        self.first = self.end = 0
        self.reads = 0
        self.total = Decimal(0)
        self.qualities: dict[str, int] = {}
        self.batch: str | None = None

    def row(
        self,
        number: int,
        key: tuple[str, ...],
        start: int,
        step: int,
        value: Decimal,
        unit: str,
        quality: str,
        batch: str,
    ) -> None:
        def bad(code: str, message: str) -> None:
            self.found.bad(f"{self.named} {number}", code, message)

        if key != self.key:
            follows = self.key is not None and key[1:] == self.key[1:]
            self.close()
            if (key[1:] in self.lines) if not follows else (key in self.found.sums and start < self.end):
                bad("order", f"{' '.join(key).strip()} comes again after others")
            self.lines.add(key[1:])
            self.key, self.unit, self.step, self.first = key, unit, step, start
        elif start < self.end:
            code = "twice" if start == self.end - self.step else "order"
            bad(code, f"{moment(start)} of {' '.join(key).strip()} begins before the interval above it ends")
        if (unit, step) != (self.unit, self.step):
            bad("series", "unit or interval change within a series")
        if quality not in _QUALITIES:
            bad("quality", f"quality {quality!r}")
        if self.batch is None:
            self.batch = batch
        elif batch != self.batch:
            bad("batch", f"batch {batch!r} in a file of {self.batch!r}")
        self.end = start + step
        self.reads += 1
        self.total += value
        self.qualities[quality] = self.qualities.get(quality, 0) + 1

    def close(self) -> None:
        if self.key is not None:
            last = moment(self.end - self.step)
            self.found.read(self.key, self.unit, self.reads, self.total, moment(self.first), last)
        self.reads, self.total = 0, Decimal(0)

    def done(self) -> None:
        self.close()
        for quality, reads in self.qualities.items():
            self.found.quality(quality, reads)


def check_csv(file: BinaryIO) -> Found:
    found = Found()
    made = _Rows(found, "line")
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        reader = csv.reader(_whole(text, found), strict=True)
        heading = next(reader, None)
        if heading == list(house_registers.COLUMNS):
            check_csv_rows(reader, found)
            return found
        if heading != list(COLUMNS):
            found.bad("line 1", "header", "is not the heading of the house format")
        for fields in reader:
            _csv_row(reader.line_num, fields, made)
    except (UnicodeDecodeError, csv.Error) as error:
        found.bad("file", "encoding", str(error))
    finally:
        text.detach()
    made.done()
    return found


def _whole(lines: Iterable[str], found: Found) -> Iterator[str]:
    for line in lines:
        if not line.endswith("\n"):
            found.bad("file", "end", "the last line has no end: the file is cut off")
        yield line


def _csv_row(line: int, fields: list[str], made: _Rows) -> None:
    def bad(code: str, message: str) -> None:
        made.found.bad(f"line {line}", code, message)

    if len(fields) != len(COLUMNS):
        bad("fields", f"{len(fields)} columns, expected {len(COLUMNS)}")
        return
    (
        meter, point, channel, tou, begins, length, told, unit, multiplied, _, quality, _, _, _, read, collected, _,
        version, batch,
    ) = fields  # fmt: skip
    for name, time in (("read_time", read), ("collected_at", collected)):
        if time and seconds(time) is None:
            bad("time", f"{name} is {time!r}")
    start = seconds(begins)
    if start is None:
        bad("time", f"interval_start_utc is {begins!r}")
        return
    counted = value(told)
    if counted is None:
        bad("value", f"value {told!r}")
        return
    if multiplied not in ("true", "false"):
        bad("value", f"multiplier_applied is {multiplied!r}")
    if not _WHOLE.fullmatch(version) or not _WHOLE.fullmatch(length):
        bad("value", "version and interval_s are whole numbers")
        return
    step = int(length)
    if not 0 < step <= 86_400:
        bad("interval", f"an interval of {step} s")
        return
    made.row(line, (meter, point, channel, tou), start, step, counted, unit, quality, batch)


def check_parquet(file: BinaryIO) -> Found:
    import pyarrow as pa
    from pyarrow import parquet as pq

    found = Found()
    made = _Rows(found, "row")
    try:
        opened = pq.ParquetFile(file)
        if tuple(opened.schema_arrow.names) == house_registers.COLUMNS:
            check_parquet_rows(opened, found)
            return found
        decimals = _decimals(opened.schema_arrow, found)
        if decimals is None:
            return found
        at = 0
        for batch in opened.iter_batches(batch_size=65_536):
            at = _parquet_rows(batch, at, made)
    except (pa.ArrowInvalid, OSError) as error:
        found.bad("file", "encoding", str(error))
    made.done()
    return found


def _decimals(schema: Any, found: Found) -> int | None:
    """Of the values; None where the columns are not those of the format."""

    if tuple(schema.names) != COLUMNS:
        found.bad("schema", "header", "has not the columns of the house format")
        return None
    return columns_decimals(schema, parquet.schema, found)


def _parquet_rows(batch: Any, at: int, made: _Rows) -> int:
    import pyarrow as pa

    names = ("meter_id", "point_id", "channel", "tou", "interval_s", "value", "unit", "quality", "batch_id")
    columns = {name: batch.column(name).to_pylist() for name in names}
    starts = batch.column("interval_start_utc").cast(pa.int64()).to_pylist()
    for row in range(batch.num_rows):
        number = at + row + 1
        cells = [columns[name][row] for name in names]
        if starts[row] is None or None in cells:
            made.found.bad(f"row {number}", "null", "a cell is empty that may not be")
            continue
        start, rest = divmod(starts[row], 1_000_000)
        if rest or not 0 < cells[4] <= 86_400:
            made.found.bad(f"row {number}", "interval", "an interval that is not of whole seconds within a day")
            continue
        made.row(number, tuple(cells[:4]), start, cells[4], cells[5], cells[6], cells[7], cells[8])
    return at + int(batch.num_rows)
