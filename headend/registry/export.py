"""The whole registry: read from the database, and written as files that an import takes back."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from headend.registry.known import line_path
from protocols.model import Quantity
from storage.entries import Additions, NewMeter
from storage.registry import Registry
from storage.topology import Topology
from storage.topology_entries import StateChange


async def everything(registry: Registry, topology: Topology) -> Additions:
    """All that is stored, each meter with the state that it began with and its later steps in `states`."""
    meters = {meter.name: meter for meter in await registry.meters()}
    first: dict[str, NewMeter] = {}
    steps: list[StateChange] = []
    for change in await topology.states():
        if change.meter in first:
            steps.append(change)
        else:
            meter = meters[change.meter]
            first[change.meter] = replace(meter, state=change.state, created=change.start)
    return Additions(
        lines=tuple(await registry.lines()),
        meters=tuple(first.values()),
        points=tuple(await registry.usage_points()),
        installations=tuple(await registry.installations()),
        feeders=tuple(await topology.feeders()),
        areas=tuple(await topology.areas()),
        area_feeders=tuple(await topology.area_feeders()),
        area_points=tuple(await topology.area_points()),
        totals=tuple(await topology.totals()),
        states=tuple(steps),
        multipliers=tuple(await topology.multipliers()),
        registers=tuple(await topology.registers()),
        exchanges=tuple(await topology.exchanges()),
        vacancies=tuple(await topology.vacancies()),
    )


def _line(line: Any) -> tuple[object, ...]:
    path = line_path(line)
    return (path.name, path.url, path.protocol, path.framing, "yes" if path.echo else "no", path.window)


_SHEETS: Final[Mapping[str, tuple[str, tuple[str, ...], Callable[[Any], tuple[object, ...]]]]] = {
    "lines.csv": ("lines", ("name", "url", "protocol", "framing", "echo", "window"), _line),
    "meters.csv": (
        "meters",
        ("name", "address", "model", "line", "multiplier", "created", "state"),
        lambda e: (e.name, e.address, e.model, e.line, e.multiplier, e.created, e.state),
    ),
    "points.csv": (
        "points",
        ("name", "address", "tariff", "category", "capacity_kw", "rated_current_a", "options"),
        lambda e: (e.name, e.address, e.tariff, e.category, e.capacity_kw, e.rated_current_a, e.options),
    ),
    "feeders.csv": ("feeders", ("name", "address", "options"), lambda e: (e.name, e.address, e.options)),
    "areas.csv": (
        "areas",
        ("name", "timezone", "address", "options"),
        lambda e: (e.name, e.timezone, e.address, e.options),
    ),
    "states.csv": (
        "states",
        ("meter", "from", "state", "actor", "reason"),
        lambda e: (e.meter, e.start, e.state, e.actor, e.reason),
    ),
    "installations.csv": (
        "installations",
        ("point", "meter", "from", "to"),
        lambda e: (e.point, e.meter, e.start, e.end),
    ),
    "area_feeders.csv": (
        "area_feeders",
        ("area", "feeder", "from", "to"),
        lambda e: (e.area, e.feeder, e.start, e.end),
    ),
    "area_points.csv": (
        "area_points",
        ("point", "area", "from", "to", "phase", "branch"),
        lambda e: (e.point, e.area, e.start, e.end, e.phase, e.branch),
    ),
    "totals.csv": (
        "totals",
        ("meter", "area", "feeder", "from", "to"),
        lambda e: (e.meter, e.area, e.feeder, e.start, e.end),
    ),
    "multipliers.csv": (
        "multipliers",
        ("meter", "from", "multiplier", "actor", "reason"),
        lambda e: (e.meter, e.start, e.multiplier, e.actor, e.reason),
    ),
    "registers.csv": (
        "registers",
        ("meter", "time", "quantity", "edge", "value", "source", "actor", "reason"),
        lambda e: (e.meter, e.time, e.quantity, e.edge, e.value, e.source, e.actor, e.reason),
    ),
    "exchanges.csv": (
        "exchanges",
        ("old", "new", "at", "actor", "reason"),
        lambda e: (e.old, e.new, e.at, e.actor, e.reason),
    ),
    "vacancies.csv": (
        "vacancies",
        ("point", "from", "to", "actor", "reason"),
        lambda e: (e.point, e.start, e.end, e.actor, e.reason),
    ),
}
"""File to what of `Additions` it holds, its columns and a row of them."""


def write(entries: Additions, folder: Path) -> list[Path]:
    """Write every file into `folder`, which is made; in a fixed order, so that equal registries give equal files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, (attribute, heading, row) in _SHEETS.items():
        cells = [[_cell(cell) for cell in row(entry)] for entry in getattr(entries, attribute)]
        if attribute != "states":  # they stand in the order in which they came
            cells.sort()
        path = folder / name
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(heading)
            writer.writerows(cells)
        written.append(path)
    return written


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone(UTC).isoformat()
        case Decimal():
            return format(value, "f")
        case Quantity():
            return value.name
        case Mapping():
            return json.dumps(value, ensure_ascii=False, sort_keys=True) if value else ""
        case _:
            return str(value)
