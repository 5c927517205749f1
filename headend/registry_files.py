"""The registry as CSV files: lines, meters, usage points. Every bad row is reported, not the first one only.

lines.csv    name,url,protocol[,framing][,echo]      dlt645 | modbus; rtu | tcp; yes | no
meters.csv   name,address,model,line[,multiplier]
points.csv   name,meter[,from][,address]             from: ISO 8601 with offset; left out: now
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final, TypeVar

from headend.dialect import DIALECTS, dialect
from headend.errors import UsageFault
from protocols import models
from protocols.errors import ModelError
from protocols.links.url import parse_link
from storage.entries import Additions, NewInstallation, NewLine, NewMeter, NewUsagePoint

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class LineRow:
    name: str
    url: str
    protocol: str
    framing: str = ""
    echo: bool = False


@dataclass(frozen=True, slots=True)
class MeterRow:
    name: str
    address: str
    model: str
    line: str
    multiplier: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class PointRow:
    name: str
    meter: str
    start: datetime
    address: str = ""


@dataclass(frozen=True, slots=True)
class BadRow:
    """`row` counts from 1, the heading."""

    file: str
    row: int
    key: str
    problem: str

    def __str__(self) -> str:
        return f"{self.file}: row {self.row}: {self.key}: {self.problem}"


class BadRegistry(UsageFault):
    """Nothing was imported; `rows` says why, all of it."""

    def __init__(self, rows: Collection[BadRow]) -> None:
        super().__init__(
            f"{len(rows)} bad row{'s' if len(rows) != 1 else ''}, nothing was imported\n" + "\n".join(map(str, rows))
        )
        self.rows = rows


class _Cell(Exception):
    """A cell is wrong: (key, problem)."""


def read_lines(path: Path, bad: list[BadRow]) -> list[LineRow]:
    """The good rows; the others go to `bad`. Raises `UsageFault` where the file is no such table."""
    return list(_rows(path, ("name", "url", "protocol"), ("framing", "echo", "timezone"), line_of, bad))


def read_meters(path: Path, lines: Mapping[str, str], bad: list[BadRow]) -> list[MeterRow]:
    """`lines` are the names known, with the protocol spoken on each."""
    stands: set[tuple[str, str]] = set()

    def once(cells: Mapping[str, str]) -> MeterRow:
        row = meter_of(cells, lines)
        if (row.line, row.address) in stands:
            raise _Cell("address", f"{row.address} stands on line {row.line} twice")
        stands.add((row.line, row.address))
        return row

    return list(_rows(path, ("name", "address", "model", "line"), ("multiplier",), once, bad))


def read_points(path: Path, meters: Collection[str], bad: list[BadRow]) -> list[PointRow]:
    """`meters` are the names known."""
    return list(_rows(path, ("name", "meter"), ("from", "address"), lambda cells: point_of(cells, meters), bad))


def line_of(cells: Mapping[str, str]) -> LineRow:
    """One row's cells as a line. Raises `_Cell`."""
    protocol = cells["protocol"]
    if protocol not in DIALECTS:
        raise _Cell("protocol", f"{protocol!r}, expected one of {', '.join(DIALECTS)}")
    framing = cells.get("framing", "")
    if framing and framing not in dialect(protocol).wires:
        raise _Cell("framing", f"{framing!r} does not fit {protocol}, expected {' or '.join(dialect(protocol).wires)}")
    echo = cells.get("echo", "") or "no"
    if echo not in ("yes", "no"):
        raise _Cell("echo", f"{echo!r}, expected yes or no")
    try:
        parse_link(cells["url"], dialect(protocol).link)
    except ModelError as error:
        raise _Cell("url", str(error)) from error
    return LineRow(cells["name"], cells["url"], protocol, framing, echo == "yes")


def meter_of(cells: Mapping[str, str], lines: Mapping[str, str]) -> MeterRow:
    """One row's cells as a meter. Raises `_Cell`."""
    if cells["line"] not in lines:
        raise _Cell("line", f"{cells['line']!r} is not known")
    try:
        model = models.load(cells["model"])
    except ModelError as error:
        raise _Cell("model", str(error)) from error
    if model.head.protocol != lines[cells["line"]]:
        raise _Cell(
            "model", f"{cells['model']} speaks {model.head.protocol}, line {cells['line']} {lines[cells['line']]}"
        )
    try:
        address = model.check_address(cells["address"])
    except ModelError as error:
        raise _Cell("address", str(error)) from error
    try:
        multiplier = Decimal(cells.get("multiplier", "") or "1")
    except InvalidOperation:
        raise _Cell("multiplier", f"{cells['multiplier']!r} is no number") from None
    if not multiplier.is_finite() or multiplier <= 0:
        raise _Cell("multiplier", f"{multiplier} is not above 0")
    return MeterRow(cells["name"], address, cells["model"], cells["line"], multiplier)


def point_of(cells: Mapping[str, str], meters: Collection[str]) -> PointRow:
    """One row's cells as a usage point. Raises `_Cell`."""
    if cells["meter"] not in meters:
        raise _Cell("meter", f"{cells['meter']!r} is not known")
    start = datetime.now(UTC)
    if cells.get("from"):
        try:
            start = datetime.fromisoformat(cells["from"])
        except ValueError:
            raise _Cell("from", f"{cells['from']!r} is no time, expected ISO 8601 with offset") from None
        if start.tzinfo is None:
            raise _Cell("from", f"{cells['from']!r} has no offset, expected such as 2026-11-22T00:00:00+08:00")
    return PointRow(cells["name"], cells["meter"], start, cells.get("address", ""))


_MOST_TOLD: Final = 1000


def _rows(
    path: Path,
    needed: tuple[str, ...],
    allowed: tuple[str, ...],
    read: Callable[[Mapping[str, str]], R],
    bad: list[BadRow],
) -> Iterator[R]:
    """Rows of a CSV file with a heading, UTF-8 (with or without BOM)."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageFault(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    table = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    heading = [name.strip() for name in table.fieldnames or ()]
    wrong = [
        *(f"lacks {n}" for n in needed if n not in heading),
        *(f"has unknown {n}" for n in _unknown(heading, (*needed, *allowed))),
    ]
    if wrong:
        raise UsageFault(
            f"{path}: heading {', '.join(wrong)}; expected {','.join(needed)} and perhaps {','.join(allowed)}"
        )
    seen: dict[str, int] = {}
    table.fieldnames = heading
    try:
        for row, raw in enumerate(table, start=2):
            cells = {key: (value or "").strip() for key, value in raw.items() if isinstance(key, str)}
            if not any(cells.values()):
                continue
            try:
                if None in raw:
                    raise _Cell("row", f"has more than {len(heading)} cells")
                for key in needed:
                    if not cells[key]:
                        raise _Cell(key, "is empty")
                if cells["name"] in seen:
                    raise _Cell("name", f"{cells['name']!r} stands in row {seen[cells['name']]} too")
                seen[cells["name"]] = row
                yield read(cells)
            except _Cell as cell:
                key, problem = cell.args
                if len(bad) < _MOST_TOLD:
                    bad.append(BadRow(str(path), row, key, problem))
    except csv.Error as error:
        raise UsageFault(f"{path}: line {table.line_num}: {error}") from error


def _unknown(heading: Iterable[str], known: Collection[str]) -> list[str]:
    return [name or "an empty column" for name in heading if name not in known]


def additions(
    known: Additions, lines: Path | None = None, meters: Path | None = None, points: Path | None = None
) -> Additions:
    """What the files add to what is `known`. Raises `BadRegistry` with every bad row, `UsageFault` for a bad file."""
    bad: list[BadRow] = []
    line_rows = read_lines(lines, bad) if lines else []
    protocols = {line.name: line.protocol for line in known.lines} | {row.name: row.protocol for row in line_rows}
    meter_rows = read_meters(meters, protocols, bad) if meters else []
    names = {meter.name for meter in known.meters} | {row.name for row in meter_rows}
    point_rows = read_points(points, names, bad) if points else []
    if bad:
        raise BadRegistry(bad)
    return Additions(
        lines=tuple(
            NewLine(name=r.name, url=r.url, protocol=r.protocol, options={"framing": r.framing, "echo": r.echo})
            for r in line_rows
        ),
        meters=tuple(
            NewMeter(
                name=r.name,
                address=r.address,
                model=r.model,
                line=r.line,
                multiplier=r.multiplier,
                quantities=models.load(r.model).quantities,
            )
            for r in meter_rows
        ),
        points=tuple(NewUsagePoint(name=r.name, address=r.address or None) for r in point_rows),
        installations=tuple(NewInstallation(point=r.name, meter=r.meter, start=r.start) for r in point_rows),
    )


def one_meter(known: Additions, name: str, cells: Mapping[str, str | None]) -> Additions:
    """One meter as a command line states it (address, model, line, multiplier; link and framing of a new line).

    Raises `UsageFault` naming what is wrong.
    """
    given = {key: str(value or "") for key, value in cells.items() if key not in ("config", "json")} | {"name": name}
    protocols = {line.name: line.protocol for line in known.lines}
    lines: tuple[NewLine, ...] = ()
    try:
        if given["line"] not in protocols:
            if not given["link"]:
                raise _Cell("line", f"{given['line']!r} is not known: give --link to make it")
            protocol = models.load(given["model"]).head.protocol
            row = line_of(
                {"name": given["line"], "url": given["link"], "protocol": protocol, "framing": given["framing"]}
            )
            protocols[row.name] = row.protocol
            lines = (NewLine(name=row.name, url=row.url, protocol=protocol, options={"framing": row.framing}),)
        meter = meter_of(given, protocols)
    except _Cell as cell:
        raise UsageFault(f"{cell.args[0]}: {cell.args[1]}") from None
    quantities = models.load(meter.model).quantities
    new = NewMeter(
        name=meter.name,
        address=meter.address,
        model=meter.model,
        line=meter.line,
        multiplier=meter.multiplier,
        quantities=quantities,
    )
    return Additions(lines=lines, meters=(new,))
