"""Stored readings, as people and programs are shown them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final, TextIO

from storage.reader import Reader, Reading

LATEST_WITHIN: Final = timedelta(days=7)
"""How far back a latest value is looked for."""


def told(reading: Reading, meter: str, zone: tzinfo | None = None) -> dict[str, Any]:
    """One reading as JSON says it: an exact decimal text, or ISO 8601 where the value is a moment (in `zone`, else in
    that of the reading's time); null where the meter said that it has none."""
    return {
        "meter": meter,
        "quantity": reading.quantity.name,
        "obis": str(reading.quantity.obis),
        "time": reading.time,
        "value": reading.told(zone),
        "unit": reading.quantity.told_unit,
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
            "value": r.told(),
            "unit": r.quantity.told_unit,
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
    """Values as decimal128(38, 9), exact; where the value is a moment it stands in `moment`. Times in UTC,
    microseconds."""
    import pyarrow as pa

    time = pa.timestamp("us", tz="UTC")
    types = {"time": time, "received": time, "moment": time, "value": pa.decimal128(38, 9)}
    return pa.schema([(name, types.get(name, pa.string())) for name in (*COLUMNS, "moment")])


def parquet_table(readings: Sequence[Reading], names: Mapping[int, str]) -> Any:
    """Readings as `parquet_schema` says; `names` of meters."""
    import pyarrow as pa

    schema = parquet_schema()
    moments = [r.moment for r in readings]
    columns = {
        "meter": [names[r.meter_id] for r in readings],
        "quantity": [r.quantity.name for r in readings],
        "obis": [str(r.quantity.obis) for r in readings],
        "time": [r.time for r in readings],
        "value": [r.value if moment is None else None for r, moment in zip(readings, moments, strict=True)],
        "unit": [r.quantity.told_unit for r in readings],
        "quality": [r.quality.name.lower() for r in readings],
        "received": [r.received for r in readings],
        "moment": moments,
    }
    return pa.table([pa.array(columns[name], schema.field(name).type) for name in schema.names], schema=schema)


def parquet(readings: Sequence[Reading], names: Mapping[int, str], path: str) -> None:
    """Readings as Parquet."""
    from pyarrow import parquet as pq

    pq.write_table(parquet_table(readings, names), path)
