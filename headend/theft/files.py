"""The files of a theft scan: tables of energies (CSV or Parquet) in, ranking out."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

import numpy as np

from analytics.theft import Evidence, Frame, Outcome, Scan
from headend.errors import UsageFault

COLUMNS: Final = ("meter_id", "score", "rank", "estimated_kwh", "reasons")
_TIMES: Final = re.compile(r"time|timestamp|datetime|date|day|start|interval_start|index|__index_level_0__|", re.I)


def frame(path: str) -> tuple[Frame, tuple[str, ...]]:
    """One column a meter, the first column (Parquet: the time column or index) the start of the interval; and notes.

    Raises `UsageFault` that names the file.
    """
    table = table_of(path)
    time = time_column(table)
    if table.num_rows == 0 or table.num_columns < 2:
        raise UsageFault(f"{path}: expected a column of times and at least one of values, and rows")
    times = times_of(path, table.column(time))
    names, columns, left = [], [], []
    for k, field in enumerate(table.schema):
        if k == time:
            continue
        values = _numbers(table.column(k))
        if values is None:
            left.append(field.name)
            continue
        names.append(field.name)
        columns.append(values)
    if not names:
        raise UsageFault(f"{path}: no column holds numbers")
    if len(set(names)) < len(names):
        raise UsageFault(f"{path}: column {next(n for n in names if names.count(n) > 1)} is there twice")
    notes = (f"{path}: columns that are no numbers are left out: {', '.join(left[:5])}",) if left else ()
    return Frame(names, times, np.column_stack(columns)), notes


def time_column(table: Any) -> int:
    """The first of times or dates, else the first that is named so, else the first."""
    import pyarrow as pa

    typed = (k for k, f in enumerate(table.schema) if pa.types.is_timestamp(f.type) or pa.types.is_date(f.type))
    named = (k for k, name in enumerate(table.column_names) if _TIMES.fullmatch(name))
    return next(typed, next(named, 0))


def table_of(path: str) -> Any:
    """An Arrow table out of CSV or Parquet. Raises `UsageFault`."""
    import pyarrow as pa
    from pyarrow import csv as pc
    from pyarrow import parquet as pq

    if not Path(path).is_file():
        raise UsageFault(f"{path}: no such file")
    try:
        with open(path, "rb") as file:
            if file.read(4) == b"PAR1":
                return pq.read_table(path)
        return pc.read_csv(path, convert_options=pc.ConvertOptions(strings_can_be_null=True))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UsageFault(f"{path}: neither CSV nor Parquet: {str(error).splitlines()[0]}") from None


def times_of(path: str, column: Any) -> Any:
    """Local wall-clock times; those with a zone are told in it."""
    import pyarrow as pa
    from pyarrow import compute

    try:
        if pa.types.is_timestamp(column.type) and column.type.tz:
            column = compute.local_timestamp(column)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            texts = [re.sub(r"(Z|[+-]\d\d:?\d\d)$", "", str(text or "NaT").strip()) for text in column.to_pylist()]
            return np.array(texts, "datetime64[s]")
        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            return column.cast(pa.timestamp("s"), safe=False).to_numpy().astype("datetime64[s]")
    except (pa.ArrowException, ValueError) as error:
        raise UsageFault(f"{path}: the column of times: {error}") from None
    raise UsageFault(f"{path}: the column of times holds {column.type}, expected times such as 2026-01-31 00:30")


def _numbers(column: Any) -> Any:
    import pyarrow as pa
    from pyarrow import compute

    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan, np.float32)
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)):
        return None
    filled = compute.cast(column, pa.float64()).fill_null(float("nan"))
    return filled.to_numpy().astype(np.float32)


def rows(path: str, needed: Sequence[str]) -> list[dict[str, str]]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            heading = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = heading
            rows = [
                {
                    key: (cell or "").strip()
                    for key, cell in row.items()
                    if key is not None and isinstance(cell, str | None)
                }
                for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageFault(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    missing = [name for name in needed if name not in heading]
    if missing:
        raise UsageFault(f"{path}: expected the columns {', '.join(needed)}; {', '.join(missing)} is not there")
    return rows


def membership(path: str) -> list[tuple[str, str]]:
    """Of `meter_id,area`; further columns say nothing here."""
    return [(r["meter_id"], r["area"]) for r in rows(path, ("meter_id", "area")) if r["meter_id"] and r["area"]]


def evidence(path: str) -> list[Evidence]:
    """Of `meter_id,time,kind`."""
    found = rows(path, ("meter_id", "time", "kind"))
    return [Evidence(r["meter_id"], _moment(path, k, r["time"]), r["kind"]) for k, r in enumerate(found)]


def outcomes(path: str) -> list[Outcome]:
    """Of `meter_id,date,found`, found 0 or 1."""
    made = []
    for k, row in enumerate(rows(path, ("meter_id", "date", "found"))):
        if row["found"] not in ("0", "1"):
            raise UsageFault(f"{path}, row {k + 2}, column found: {row['found']!r}, expected 0 or 1")
        made.append(Outcome(row["meter_id"], row["found"] == "1", _moment(path, k, row["date"])))
    return made


def _moment(path: str, row: int, text: str) -> np.datetime64:
    try:
        return np.datetime64(re.sub(r"(Z|[+-]\d\d:\d\d)$", "", text), "s")
    except ValueError:
        raise UsageFault(f"{path}, row {row + 2}: {text!r} is no time, expected ISO 8601") from None


def told(found: Scan, wh: float) -> Iterable[dict[str, Any]]:
    """A row a meter; `wh` is what one unit of the readings is in Wh."""
    for one in found.scores:
        yield {
            "meter_id": one.meter,
            "score": round(one.score, 6),
            "rank": one.rank,
            "estimated_kwh": round(one.estimated_wh * wh / 1000, 2),
            "start": None if one.start is None else str(one.start),
            "reasons": [{"code": reason.code, "text": reason.text} for reason in one.reasons],
        }


def write(rows: Iterable[dict[str, Any]], file: TextIO) -> None:
    """CSV; reasons as `code: text; code: text`."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        why = "; ".join(f"{r['code']}: {r['text']}" for r in row["reasons"])
        writer.writerow([row["meter_id"], row["score"], row["rank"], row["estimated_kwh"], why])


def told_areas(found: Scan, wh: float) -> list[dict[str, Any]]:
    """A row an area, in kWh."""
    return [
        {
            "area": one.area,
            "total_kwh": round(one.total_wh * wh / 1000, 2),
            "technical_kwh": round(one.technical_wh * wh / 1000, 2),
            "unreported_kwh": round(one.stolen_wh * wh / 1000, 2),
        }
        for one in sorted(found.areas, key=lambda area: area.area)
    ]


def write_areas(found: Scan, wh: float, file: TextIO) -> None:
    writer = csv.DictWriter(file, ("area", "total_kwh", "technical_kwh", "unreported_kwh"), lineterminator="\n")
    writer.writeheader()
    writer.writerows(told_areas(found, wh))


def size_of_unit(reported: Frame) -> float:
    """What one unit of the readings is in Wh: a meter whose median day is above 500 of them counts Wh, else kWh."""
    days = max(len(np.unique(np.asarray(reported.times, "datetime64[D]"))), 1)
    held = np.isfinite(reported.values)
    daily = np.where(held, reported.values, 0).sum(axis=0, dtype=np.float64) / days
    used = daily[daily > 0]
    return 1.0 if len(used) and float(np.median(used)) > 500 else 1000.0
