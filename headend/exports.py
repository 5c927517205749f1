"""Readings as files for others to load: CSV, JSON and Parquet, the same rows in each."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from headend.stored import parquet, told, write_csv
from storage.reader import Reading


def write(folder: Path, readings: Sequence[Reading], names: Mapping[int, str]) -> list[Path]:
    """readings.csv, readings.json (one array) and readings.parquet in `folder`; each appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [told(reading, names[reading.meter_id]) for reading in readings]
    writers: dict[str, Callable[[str], None]] = {
        "readings.csv": partial(_csv, rows),
        "readings.json": partial(_json, rows),
        "readings.parquet": partial(parquet, readings, names),
    }
    written = []
    for name, write_rows in writers.items():
        half = folder / f".{name}.part"
        write_rows(str(half))
        os.replace(half, folder / name)
        written.append(folder / name)
    return written


def _csv(rows: Sequence[Mapping[str, Any]], path: str) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        write_csv(rows, file)


def _json(rows: Sequence[Mapping[str, Any]], path: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write("[")
        for number, row in enumerate(rows):
            file.write(",\n " if number else "\n ")
            json.dump(row, file, ensure_ascii=False, default=lambda moment: moment.isoformat())
        file.write("\n]\n")
