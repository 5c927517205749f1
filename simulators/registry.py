"""The registry of a running fleet as CSV files, for the system that is to read it.

lines.csv    name, url, protocol (dlt645 or modbus), framing (rtu, tcp or empty), timezone
meters.csv   name, address, model, line, multiplier
points.csv   name, meter, from (when the meter was hung there, with offset)
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from pathlib import Path

from simulators.fleet import Fleet, RunningBus
from simulators.meter import VirtualMeter


def _names(fleet: Fleet) -> Iterator[str]:
    yield from (meter.name for meter in fleet.meters)
    for push in fleet.pushing:
        yield from (push.table.meter_name(meter) for meter in range(push.table.meters))


def _model(bus: RunningBus, meter: VirtualMeter) -> str:
    """By what the reader finds it: its name, or its file."""
    stated = bus.plan.table.model
    return str(Path(stated).absolute()) if stated.endswith(".toml") else meter.plate.model.head.name


def write_registry(fleet: Fleet, folder: Path, without: Collection[str] = ()) -> list[Path]:
    """Write the three files into `folder`, which is made; the fleet must be running. `without`: meters that nobody has
    told of yet. Raises `OSError`."""
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
                (
                    (m.name, m.address, _model(b, m), b.name, "1")
                    for b in fleet.buses
                    for m in b.meters
                    if m.name not in without
                ),
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
            (
                (f"P-{name}", name, fleet.since.isoformat(timespec="seconds"))
                for name in _names(fleet)
                if name not in without
            ),
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
