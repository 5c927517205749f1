"""Rollups of a meter as people and programs are shown them: exact decimal texts, and why an energy is not known."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TextIO

from protocols.model import Quantity, plain
from storage.buckets import Calendar, Span
from storage.rollup_reader import Energy, Rollups, Statistic

COLUMNS: Final = (
    "meter", "quantity", "obis", "unit", "start", "end", "captures", "energy", "unknown",
    "first", "first_time", "last", "last_time", "count", "low", "high", "high_at", "total",
)  # fmt: skip


async def rolled(
    rollups: Rollups,
    meter_id: int,
    meter: str,
    start: datetime,
    end: datetime,
    span: Span,
    quantities: Collection[Quantity] | None,
) -> list[dict[str, Any]]:
    """Rows with all `COLUMNS`, those of the other kind of quantity None; by start and quantity."""
    asked = ([meter_id], start, end, span, quantities)
    found: list[Energy | Statistic] = [*await rollups.energy(*asked), *await rollups.statistics(*asked)]
    found.sort(key=lambda one: (one.start, one.quantity_id))
    return [_told(one, meter, rollups.calendar, span) for one in found]


def _told(one: Energy | Statistic, meter: str, calendar: Calendar, span: Span) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    quantity = one.quantity
    row |= {
        "meter": meter,
        "quantity": quantity.name,
        "obis": str(quantity.obis),
        "unit": str(quantity.unit),
        "start": one.start,
        "end": calendar.bucket(span, one.start).end,
        "captures": one.captures,
    }
    if isinstance(one, Energy):
        row |= {
            "energy": None if one.value is None else plain(one.value),
            "unknown": None if one.unknown is None else str(one.unknown),
            "first": quantity.text(one.first),
            "first_time": one.first_time,
            "last": quantity.text(one.last),
            "last_time": one.last_time,
        }
    else:
        row |= {
            "count": one.values,
            "low": quantity.text(one.low),
            "high": quantity.text(one.high),
            "high_at": one.high_at,
            "total": None if one.total is None else quantity.text(one.total),
        }
    return row


def write_csv(rows: Iterable[Mapping[str, Any]], file: TextIO) -> None:
    """With a heading."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        cells = (row[name] for name in COLUMNS)
        writer.writerow(["" if c is None else c.isoformat() if isinstance(c, datetime) else str(c) for c in cells])
