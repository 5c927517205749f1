"""The protection list as a CSV file: category, meter, point, evidence, until."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final, TextIO
from zoneinfo import ZoneInfo

from headend.commands.asked import NewEntry
from headend.errors import UsageFault
from headend.local_time import instant

COLUMNS: Final = ("category", "meter", "point", "evidence", "until")


def read(lines: Iterable[str], name: str, zone: ZoneInfo) -> Iterator[NewEntry]:
    """`until` is ISO 8601, in `zone` without an offset; empty: no end. Raises `UsageFault` naming the line."""
    rows = csv.DictReader(lines, strict=True)
    if rows.fieldnames is None or set(rows.fieldnames) != set(COLUMNS):
        raise UsageFault(f"{name}: expected the columns {', '.join(COLUMNS)}")
    try:
        for row in rows:
            cells = {key: (row.get(key) or "").strip() for key in COLUMNS}
            where = f"{name}: line {rows.line_num}"
            if None in row or not cells["category"] or not (cells["meter"] or cells["point"]):
                raise UsageFault(f"{where}: expected a category, and a meter or a usage point")
            try:
                until = instant(cells["until"] or None, zone, datetime.max.replace(tzinfo=UTC))
            except UsageFault as error:
                raise UsageFault(f"{where}: {error}") from None
            yield NewEntry(
                category=cells["category"], meter=cells["meter"], point=cells["point"], evidence=cells["evidence"],
                until=until if cells["until"] else None,
            )  # fmt: skip
    except csv.Error as error:
        raise UsageFault(f"{name}: line {rows.line_num}: {error}") from error


def write(entries: Iterable[dict[str, Any]], file: TextIO) -> None:
    """As the API tells them."""
    writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: entry[key] if entry[key] is not None else "" for key in COLUMNS} for entry in entries)
