"""The registry of a running fleet as CSV files, for the system that is to read it.

lines.csv    name, url, protocol (dlt645 or modbus), framing (rtu, tcp or empty), timezone
meters.csv   name, address, model, line, multiplier
points.csv   name, meter, from (when the meter was hung there, with offset)
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from simulators.fleet import Fleet


def write_registry(fleet: Fleet, folder: Path) -> list[Path]:
    """Write the three files into `folder`, which is made; the fleet must be running. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    tables: dict[str, tuple[tuple[str, ...], Iterable[tuple[str, ...]]]] = {
        "lines.csv": (
            ("name", "url", "protocol", "framing", "timezone"),
            ((b.name, b.url, b.plan.table.protocol, b.plan.framing, fleet.scenario.timezone) for b in fleet.buses),
        ),
        "meters.csv": (
            ("name", "address", "model", "line", "multiplier"),
            ((m.name, m.address, m.plate.model.head.name, b.name, "1") for b in fleet.buses for m in b.meters),
        ),
        "points.csv": (
            ("name", "meter", "from"),
            ((f"P-{m.name}", m.name, fleet.since.isoformat(timespec="seconds")) for m in fleet.meters),
        ),
    }
    written = []
    for name, (header, rows) in tables.items():
        path = folder / name
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
        written.append(path)
    return written
