"""The registry of a running fleet as CSV files, for the system that is to read it; docs/registry.md describes them.

Lines, meters and points always; areas, feeders, who belongs to them and their total meters where there are any.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

from simulators.fleet import Fleet, RunningBus
from simulators.meter import VirtualMeter

Row = tuple[str, ...]
_ALWAYS: Final = ("lines.csv", "meters.csv", "points.csv")


class _Area(NamedTuple):
    name: str
    feeder: str
    total: str
    members: tuple[str, ...]


def _areas(fleet: Fleet) -> Iterator[_Area]:
    for area in fleet.areas:
        yield _Area(area.table.name, area.table.feeder, area.total.name, tuple(m.name for m in area.members))
    for push in fleet.pushing:
        table = push.table
        for gateway in range(table.gateways) if table.totals else ():
            *members, total = (table.meter_name(meter) for meter in table.meters_of(gateway))
            yield _Area(table.gateway_name(gateway), table.feeder, total, tuple(members))


def _model(bus: RunningBus, meter: VirtualMeter) -> str:
    """By what the reader finds it: its name, or its file."""
    stated = bus.plan.table.model
    return str(Path(stated).absolute()) if stated.endswith(".toml") else meter.plate.model.head.name


def _lines(fleet: Fleet) -> Iterable[Row]:
    zone = fleet.scenario.timezone
    for bus in fleet.buses:
        yield bus.name, bus.url, bus.plan.table.protocol, bus.plan.framing, zone
    for push in fleet.pushing:
        for gateway in range(push.table.gateways):
            yield push.table.gateway_name(gateway), "push:", "dlt645", "", zone


def _meters(fleet: Fleet, without: Collection[str], created: Row) -> Iterable[Row]:
    ratios = {area.total.name: str(area.table.ratio) for area in fleet.areas}
    for bus in fleet.buses:
        for m in bus.meters:
            if m.name not in without:
                yield m.name, m.address, _model(bus, m), bus.name, ratios.get(m.name, "1"), *created
    for push in fleet.pushing:
        table = push.table
        for meter in range(table.meters):
            ratio = "1" if table.totals is None or table.is_customer(meter) else str(table.totals.ratio)
            line = table.gateway_name(meter // table.per_gateway)
            yield table.meter_name(meter), push.publications.address(meter), "dlt645_2007", line, ratio, *created


def _names(fleet: Fleet) -> Iterator[str]:
    yield from (meter.name for meter in fleet.meters)
    for push in fleet.pushing:
        yield from (push.table.meter_name(meter) for meter in range(push.table.meters))


def write_registry(fleet: Fleet, folder: Path, without: Collection[str] = ()) -> list[Path]:
    """Write the files into `folder`, which is made; the fleet must be running. `without`: meters that nobody has told
    of yet. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    hung = (fleet.scenario.hung or fleet.since).isoformat(timespec="seconds")
    created = (hung,) if fleet.scenario.hung else ()
    areas = list(_areas(fleet))
    away = {area.total for area in areas} | set(without)
    feeders = sorted({area.feeder for area in areas if area.feeder})
    tables: dict[str, tuple[Row, Iterable[Row]]] = {
        "lines.csv": (("name", "url", "protocol", "framing", "timezone"), _lines(fleet)),
        "meters.csv": (
            ("name", "address", "model", "line", "multiplier", *("created" for _ in created)),
            _meters(fleet, without, created),
        ),
        "points.csv": (("name", "meter", "from"), ((f"P-{n}", n, hung) for n in _names(fleet) if n not in away)),
        "areas.csv": (("name",), ((area.name,) for area in areas)),
        "feeders.csv": (("name",), ((name,) for name in feeders)),
        "area_feeders.csv": (("area", "feeder", "from"), ((a.name, a.feeder, hung) for a in areas if a.feeder)),
        "area_points.csv": (
            ("point", "area", "from"),
            chain.from_iterable(((f"P-{m}", a.name, hung) for m in a.members if m not in away) for a in areas),
        ),
        "totals.csv": (("meter", "from", "area"), ((a.total, hung, a.name) for a in areas)),
    }  # fmt: skip
    written = []
    for name, (header, rows) in tables.items():
        if name not in _ALWAYS and (not areas or (name.endswith("feeders.csv") and not feeders)):
            continue
        path = folder / name
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
        written.append(path)
    return written
