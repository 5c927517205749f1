"""The registry as CSV files: lines, meters, usage points. Every bad row is reported, not the first one only.

lines.csv    name,url,protocol[,framing][,echo][,window]   dlt645 | modbus; rtu | tcp; yes | no; 1..256
meters.csv   name,address,model,line[,multiplier]
points.csv   name,meter[,from][,address]             from: ISO 8601 with offset; left out: now
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from headend.errors import UsageFault
from headend.registry_rows import LineRow, MeterRow, PointRow, WrongCell, line_of, meter_of, point_of
from protocols import models
from protocols.links.query import redacted
from storage.entries import Additions, MeterState, NewInstallation, NewLine, NewMeter, NewUsagePoint

R = TypeVar("R")


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


def read_lines(path: Path, bad: list[BadRow]) -> list[LineRow]:
    """The good rows; the others go to `bad`. Raises `UsageFault` where the file is no such table."""
    return list(_rows(path, ("name", "url", "protocol"), ("framing", "echo", "window", "timezone"), line_of, bad))


def read_meters(
    path: Path, lines: Mapping[str, str], bad: list[BadRow], known: Iterable[NewMeter] = ()
) -> list[MeterRow]:
    """`lines` are the names known, with the protocol spoken on each; `known` the meters that stand there already."""
    stands = _addresses(known)

    def once(cells: Mapping[str, str]) -> MeterRow:
        row = meter_of(cells, lines)
        _take(stands, row)
        return row

    return list(_rows(path, ("name", "address", "model", "line"), ("multiplier",), once, bad))


def _addresses(known: Iterable[NewMeter]) -> dict[tuple[str, str], str]:
    """(line, address) to the name of the meter that has it."""
    return {(meter.line, meter.address): meter.name for meter in known if meter.state is not MeterState.REMOVED}


def _take(stands: dict[tuple[str, str], str], row: MeterRow) -> None:
    """Raises `WrongCell` where another meter has the address. A meter that is there already has its own."""
    owner = stands.setdefault((row.line, row.address), row.name)
    if owner != row.name:
        raise WrongCell("address", f"{row.address} is meter {owner!r} on line {row.line}")


def read_points(
    path: Path, meters: Collection[str], bad: list[BadRow], known: Iterable[NewInstallation] = ()
) -> list[PointRow]:
    """`meters` are the names known; `known` where they stand or stood."""
    stays: dict[str, list[NewInstallation]] = {}
    for stay in known:
        stays.setdefault(stay.meter, []).append(stay)
    points: dict[str, str] = {}

    def once(cells: Mapping[str, str]) -> PointRow:
        row = point_of(cells, meters)
        if row.meter in points:
            raise WrongCell("meter", f"{row.meter!r} stands at point {points[row.meter]!r} too")
        points[row.meter] = row.name
        for stay in stays.get(row.meter, ()):
            same = stay.point == row.name and stay.end is None if row.start is None else stay.start == row.start
            if same:
                return row
            if stay.end is None or (row.start is not None and row.start < stay.end):
                raise WrongCell("meter", f"{row.meter!r} stands at point {stay.point!r} since {stay.start.isoformat()}")
        return row

    return list(_rows(path, ("name", "meter"), ("from", "address"), once, bad))


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
    except OSError as error:
        raise UsageFault(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageFault(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from error
    table = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        yield from _table(path, table, needed, allowed, read, bad)
    except csv.Error as error:
        raise UsageFault(f"{path}: line {table.line_num}: {error}") from error


def _table(
    path: Path,
    table: Iterable[list[str]],
    needed: tuple[str, ...],
    allowed: tuple[str, ...],
    read: Callable[[Mapping[str, str]], R],
    bad: list[BadRow],
) -> Iterator[R]:
    rows = enumerate(table, start=1)
    heading = [name.strip() for name in next(rows, (1, []))[1]]
    flaws = [
        *(f"lacks {n}" for n in needed if n not in heading),
        *(f"has unknown {n}" for n in _unknown(heading, (*needed, *allowed))),
        *(f"has {n} twice" for n in sorted({n for n in heading if n and heading.count(n) > 1})),
    ]
    if flaws:
        raise UsageFault(
            f"{path}: heading {', '.join(flaws)}; expected {','.join(needed)} and perhaps {','.join(allowed)}"
        )
    seen: dict[str, int] = {}
    for row, raw in rows:
        cells = dict.fromkeys(heading, "") | {key: cell.strip() for key, cell in zip(heading, raw, strict=False)}
        if not any(cell.strip() for cell in raw):
            continue
        try:
            if len(raw) > len(heading):
                raise WrongCell("row", f"has more than {len(heading)} cells")
            for key, cell in cells.items():
                if "\0" in cell:
                    raise WrongCell(key, f"{cell!r} holds a NUL")
            for key in needed:
                if not cells[key]:
                    raise WrongCell(key, "is empty")
            if cells["name"] in seen:
                raise WrongCell("name", f"{cells['name']!r} stands in row {seen[cells['name']]} too")
            seen[cells["name"]] = row
            yield read(cells)
        except WrongCell as wrong:
            if len(bad) < _MOST_TOLD:
                bad.append(BadRow(str(path), row, wrong.key, wrong.problem))


def _unknown(heading: Iterable[str], known: Collection[str]) -> list[str]:
    return [name or "an empty column" for name in heading if name not in known]


def additions(
    known: Additions, lines: Path | None = None, meters: Path | None = None, points: Path | None = None
) -> Additions:
    """What the files add to what is `known`. Raises `BadRegistry` with every bad row, `UsageFault` for a bad file."""
    bad: list[BadRow] = []
    line_rows = read_lines(lines, bad) if lines else []
    protocols = {row.name: row.protocol for row in line_rows} | {line.name: line.protocol for line in known.lines}
    meter_rows = read_meters(meters, protocols, bad, known.meters) if meters else []
    names = {meter.name for meter in known.meters} | {row.name for row in meter_rows}
    point_rows = read_points(points, names, bad, known.installations) if points else []
    standing = {(stay.point, stay.meter) for stay in known.installations if stay.end is None}
    now = datetime.now(UTC)
    if bad:
        raise BadRegistry(bad)
    return Additions(
        lines=tuple(NewLine(name=r.name, url=r.url, protocol=r.protocol, options=r.options) for r in line_rows),
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
        installations=tuple(
            NewInstallation(point=r.name, meter=r.meter, start=r.start or now)
            for r in point_rows
            if r.start or (r.name, r.meter) not in standing
        ),
    )


def one_meter(known: Additions, name: str, cells: Mapping[str, str | None]) -> Additions:
    """One meter as a command line states it (address, model, line, multiplier; link, framing
    and window of a new line).

    Raises `UsageFault` naming what is wrong.
    """
    given = {key: str(value or "").strip() for key, value in ({**cells, "name": name}).items()}
    there = {line.name: line for line in known.lines}
    protocols = {line.name: line.protocol for line in known.lines}
    lines: tuple[NewLine, ...] = ()
    try:
        for key in ("name", "address", "model", "line"):
            if not given[key]:
                raise WrongCell(key, "is empty")
        if given["line"] in there:
            if given["link"] not in ("", there[given["line"]].url):
                raise WrongCell("link", f"line {given['line']!r} is known, at {redacted(there[given['line']].url)}")
            if given.get("window", "") not in ("", str(there[given["line"]].options.get("window", 1))):
                raise WrongCell("window", f"line {given['line']!r} is known, and keeps its own")
        else:
            if not given["link"]:
                raise WrongCell("line", f"{given['line']!r} is not known: give --link to make it")
            protocol = models.load(given["model"]).head.protocol
            line = {"name": given["line"], "url": given["link"], "protocol": protocol}
            row = line_of(line | {key: given.get(key, "") for key in ("framing", "window")})
            protocols[row.name] = row.protocol
            lines = (NewLine(name=row.name, url=row.url, protocol=protocol, options=row.options),)
        meter = meter_of(given, protocols)
        _take(_addresses(known.meters), meter)
    except WrongCell as cell:
        raise UsageFault(str(cell)) from None
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
