"""A forecast in rows: the intervals of local days with their starts, whatever the clocks do on them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TextIO
from zoneinfo import ZoneInfo

import numpy as np

from analytics.forecast import QUANTILES, Forecast, Level, Panel

COLUMNS: Final = (
    "level",
    "name",
    "start",
    "value",
    *(f"q{int(100 * q):02d}" for q in QUANTILES),
    "last_week",
    "method",
)
Row = tuple[Any, ...]


def starts(day: date, step_s: int, zone: ZoneInfo | None) -> list[tuple[str, int]]:
    """Of a local day's intervals: the start as ISO 8601 and the slot of the wall clock. An hour that the clock skips is
    not there, one that comes twice is there twice."""
    begins = datetime(day.year, day.month, day.day)  # noqa: DTZ001  # the wall clock of a file that names no zone
    if zone is None:
        count = 86400 // step_s
        return [((begins + timedelta(seconds=n * step_s)).isoformat(), n) for n in range(count)]
    moment = begins.replace(tzinfo=zone).astimezone(UTC)
    following = day + timedelta(days=1)
    end = datetime(following.year, following.month, following.day, tzinfo=zone).astimezone(UTC)
    found = []
    while moment < end:
        wall = moment.astimezone(zone)
        found.append((wall.isoformat(), (wall.hour * 3600 + wall.minute * 60 + wall.second) // step_s))
        moment += timedelta(seconds=step_s)
    return found


def rows(panel: Panel, level: Level, found: Forecast, zone: ZoneInfo | None) -> Iterator[Row]:
    """In the order of `COLUMNS`; None where nothing is known."""
    first: date = panel.first_day.astype(date)
    times = [starts(first + timedelta(days=int(day)), panel.step_s, zone) for day in found.days]
    for k, name in enumerate(panel.names):
        for at, intervals in enumerate(times):
            values = np.vstack([found.point[None, k, at], found.quantiles[:, k, at], found.naive[None, k, at]])
            spelled = [[number(x) for x in column] for column in values.T.tolist()]
            for start, slot in intervals:
                yield (str(level), name, start, *spelled[slot], str(found.method[k]))


def write(given: Iterable[Row], path: str) -> None:
    """CSV, or Parquet where the name ends so."""
    if path.endswith(".parquet"):
        import pyarrow as pa
        from pyarrow import parquet as pq

        columns = list(zip(*given, strict=True)) or [()] * len(COLUMNS)
        texts = {"level", "name", "start", "method"}
        pq.write_table(
            pa.table({
                name: pa.array(column, pa.string() if name in texts else pa.float64())
                for name, column in zip(COLUMNS, columns, strict=True)
            }),
            path,
        )  # fmt: skip
        return
    with open(path, "w", encoding="utf-8", newline="") as file:
        write_csv(COLUMNS, given, file)


def write_csv(heading: Sequence[str], given: Iterable[Row], file: TextIO) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(heading)
    writer.writerows(["" if cell is None else cell for cell in row] for row in given)


def number(value: float) -> float | None:
    """Seven digits: the energies come as such."""
    return float(f"{value:.7g}") if np.isfinite(value) else None
