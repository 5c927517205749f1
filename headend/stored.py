"""Stored readings, as people and programs are shown them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TextIO

from protocols.model import plain
from storage.reader import Reader, Reading

LATEST_WITHIN: Final = timedelta(days=7)
"""How far back a latest value is looked for."""


def told(reading: Reading, meter: str) -> dict[str, Any]:
    """One reading as JSON says it: an exact decimal text, null where the meter said that it has none."""
    return {
        "meter": meter,
        "quantity": reading.quantity.name,
        "obis": str(reading.quantity.obis),
        "time": reading.time,
        "value": None if reading.value is None else plain(reading.value),
        "unit": str(reading.quantity.unit),
        "quality": reading.quality.name.lower(),
        "received": reading.received,
    }


async def latest_of(reader: Reader, meter_id: int) -> list[dict[str, Any]]:
    """The newest value of every quantity within the last week, each with its age: stale is not fresh."""
    now = datetime.now(UTC)
    rows = await reader.latest([meter_id], now, LATEST_WITHIN)
    return [
        {
            "name": r.quantity.name,
            "obis": str(r.quantity.obis),
            "value": None if r.value is None else plain(r.value),
            "unit": str(r.quantity.unit),
            "quality": r.quality.name.lower(),
            "time": r.time,
            "age_s": int(r.age(now).total_seconds()),
        }
        for r in rows
    ]


COLUMNS: Final = ("meter", "quantity", "obis", "time", "value", "unit", "quality", "received")


def write_csv(rows: Iterable[Mapping[str, Any]], file: TextIO) -> None:
    """Readings as CSV with a heading."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        cells = (row[name] for name in COLUMNS)
        writer.writerow(["" if c is None else c.isoformat() if isinstance(c, datetime) else str(c) for c in cells])


def parquet_schema() -> Any:
    """Values as decimal128(38, 9), exact; times in UTC, microseconds."""
    import pyarrow as pa

    time = pa.timestamp("us", tz="UTC")
    types = {"time": time, "received": time, "value": pa.decimal128(38, 9)}
    return pa.schema([(name, types.get(name, pa.string())) for name in COLUMNS])


def parquet(rows: Iterable[Mapping[str, Any]], path: str) -> None:
    """Readings as Parquet."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    table = pa.Table.from_pylist(
        [{**row, "value": None if row["value"] is None else Decimal(row["value"])} for row in rows],
        schema=parquet_schema(),
    )
    pq.write_table(table, path)
