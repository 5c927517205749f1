"""The registry of a running fleet as CSV files, for the system that is to read it.

lines.csv    name, url, protocol (dlt645 or modbus), framing (rtu, tcp or empty), timezone
meters.csv   name, address, model, line, multiplier
points.csv   name, meter, from (when the meter was hung there, with offset)
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from simulators.fleet import Fleet


def _names(fleet: Fleet) -> Iterator[str]:
    yield from (meter.name for meter in fleet.meters)
    for push in fleet.pushing:
        yield from (push.table.meter_name(meter) for meter in range(push.table.meters))


def write_registry(fleet: Fleet, folder: Path) -> list[Path]:
    """Write the three files into `folder`, which is made; the fleet must be running. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    tables: dict[str, tuple[tuple[str, ...], Iterable[tuple[str, ...]]]] = {
        "lines.csv": (
            ("name", "url", "protocol", "framing", "timezone"),
            chain(
                ((b.name, b.url, b.plan.table.protocol, b.plan.framing, fleet.scenario.timezone) for b in fleet.buses),
                (
                    (push.table.gateway_name(gateway), "push:", "dlt645", "", fleet.scenario.timezone)
                    for push in fleet.pushing
                    for gateway in range(push.table.gateways)
                ),
            ),
        ),
        "meters.csv": (
            ("name", "address", "model", "line", "multiplier"),
            chain(
                ((m.name, m.address, m.plate.model.head.name, b.name, "1") for b in fleet.buses for m in b.meters),
                (
                    (
                        push.table.meter_name(meter),
                        push.publications.address(meter),
                        "dlt645_2007",
                        push.table.gateway_name(gateway),
                        "1",
                    )
                    for push in fleet.pushing
                    for gateway in range(push.table.gateways)
                    for meter in push.table.meters_of(gateway)
                ),
            ),
        ),
        "points.csv": (
            ("name", "meter", "from"),
            ((f"P-{name}", name, fleet.since.isoformat(timespec="seconds")) for name in _names(fleet)),
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
