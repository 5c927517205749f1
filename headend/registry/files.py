"""The registry as CSV files in a folder. Every bad row is reported, not the first one only.

lines.csv          name,url,protocol[,framing][,echo][,window]   dlt645 | modbus; rtu | tcp; yes | no; 1..256
meters.csv         name,address,model,line[,multiplier][,created][,state]      the state it began with
points.csv         name[,meter][,from][,address][,tariff][,category][,capacity_kw][,rated_current_a][,options]
feeders.csv, areas.csv, and what holds for a time: `headend.registry.network_rows`

Times are ISO 8601 with offset. A point's `meter` stands there from `from` on; left out: now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from headend.errors import UsageFault
from headend.registry.network_rows import DATED, NETWORK, Names, Sheet
from headend.registry.rows import MeterRow, PointRow, WrongCell, line_of, meter_of, point_of
from headend.registry.spans import Lives, Once, address_clashes
from headend.registry.tables import BadRegistry as BadRegistry
from headend.registry.tables import BadRow as BadRow
from headend.registry.tables import Heading, read
from protocols import models
from protocols.links.query import redacted
from storage.entries import Additions, NewInstallation, NewLine, NewMeter
from storage.topology_entries import HOLDING, StateChange

LINES: Final = Heading(("name", "url", "protocol"), ("framing", "echo", "window", "timezone"), "name")
METERS: Final = Heading(("name", "address", "model", "line"), ("multiplier", "created", "state"), "name")
POINTS: Final = Heading(
    ("name",),
    ("meter", "from", "address", "tariff", "category", "capacity_kw", "rated_current_a", "options"),
    "name",
)

FILES: Final = ("lines.csv", "meters.csv", "points.csv", *NETWORK, *DATED)
"""In the order in which they are read."""


def in_folder(folder: Path) -> dict[str, Path]:
    """The registry's files that stand there. Raises `UsageFault` where there is none, or another CSV file."""
    if not folder.is_dir():
        raise UsageFault(f"{folder}: no such folder")
    there = {path.name: path for path in sorted(folder.glob("*.csv"))}
    if not there:
        raise UsageFault(f"{folder}: no file of the registry stands there, expected {', '.join(FILES)}")
    for name, path in there.items():
        if name not in FILES:
            raise UsageFault(f"{path}: no file of the registry, expected {', '.join(FILES)}")
    return {name: there[name] for name in FILES if name in there}


def additions(
    known: Additions, lines: Path | None = None, meters: Path | None = None, points: Path | None = None
) -> Additions:
    """What three files add to what is `known`; see `read_files`."""
    given = {"lines.csv": lines, "meters.csv": meters, "points.csv": points}
    return read_files(known, {name: path for name, path in given.items() if path is not None})


def read_files(known: Additions, paths: Mapping[str, Path]) -> Additions:
    """What the files add to what is `known`, whose meters have the state that they began with.

    Raises `BadRegistry` with every bad row, `UsageFault` for a bad file.
    """
    reading = _Reading(known, paths)
    new = reading.all()
    if reading.bad:
        order = {str(path): number for number, path in enumerate(paths.values())}
        raise BadRegistry(sorted(reading.bad, key=lambda bad: (order[bad.file], bad.row)))
    return new


@dataclass
class _Reading:
    """One import: what was found so far."""

    known: Additions
    paths: Mapping[str, Path]
    bad: list[BadRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        known = self.known
        self.names = {
            "line": {line.name for line in known.lines},
            "meter": {meter.name for meter in known.meters},
            "point": {point.name for point in known.points},
            "feeder": {feeder.name for feeder in known.feeders},
            "area": {area.name for area in known.areas},
        }

    def all(self) -> Additions:
        line_rows = self._rows("lines.csv", LINES, line_of, "line")
        protocols = {row.name: row.protocol for _, row in line_rows} | {
            line.name: line.protocol for line in self.known.lines
        }
        meter_rows = self._rows("meters.csv", METERS, lambda cells: meter_of(cells, protocols), "meter")
        numbers = {row.name: number for number, row in meter_rows}
        point_rows = self._points()
        new: dict[str, Any] = {}
        for name, sheet in NETWORK.items():
            found = self._rows(name, sheet.heading, partial(_named, sheet, self.names), sheet.kind)
            new[sheet.attribute] = tuple(entry for _, entry in found)
        for name, sheet in DATED.items():
            once = Once.of(sheet, getattr(self.known, sheet.attribute))
            found = self._rows(name, sheet.heading, partial(_dated, sheet, self.names, once))
            new[sheet.attribute] = found if name == "states.csv" else tuple(entry for _, entry in found)
        meters, new["states"] = self._lives([_meter(row) for _, row in meter_rows], new["states"], numbers)
        new["installations"] += self._standing(point_rows)
        return Additions(
            lines=tuple(NewLine(name=r.name, url=r.url, protocol=r.protocol, options=r.options) for _, r in line_rows),
            meters=meters,
            points=tuple(row.point for _, row in point_rows),
            **new,
        )

    def _rows(self, name: str, heading: Heading, parse: Callable[[Any], Any], kind: str = "") -> list[tuple[int, Any]]:
        if name not in self.paths:
            return []
        claimed: set[str] = set()
        found = list(read(self.paths[name], heading, parse, self.bad, claimed))
        if kind:
            self.names[kind] |= claimed
        return found

    def _points(self) -> list[tuple[int, PointRow]]:
        """A point's meter stands at one point of the file, and not at another one in the registry."""
        stays: dict[str, list[NewInstallation]] = {}
        for stay in self.known.installations:
            stays.setdefault(stay.meter, []).append(stay)
        taken: dict[str, str] = {}

        def once(cells: Mapping[str, str]) -> PointRow:
            row = point_of(cells, self.names["meter"])
            if not row.meter:
                return row
            if row.meter in taken:
                raise WrongCell("meter", f"{row.meter!r} stands at point {taken[row.meter]!r} too")
            taken[row.meter] = row.point.name
            _check_stay(row, stays.get(row.meter, ()))
            return row

        return self._rows("points.csv", POINTS, once, "point")

    def _standing(self, rows: Iterable[tuple[int, PointRow]]) -> tuple[NewInstallation, ...]:
        standing = {(stay.point, stay.meter) for stay in self.known.installations if stay.end is None}
        now = datetime.now(UTC)
        return tuple(
            NewInstallation(point=row.point.name, meter=row.meter, start=row.start or now)
            for _, row in rows
            if row.meter and (row.start or (row.point.name, row.meter) not in standing)
        )

    def _lives(
        self, meters: list[NewMeter], states: list[tuple[int, StateChange]], numbers: Mapping[str, int]
    ) -> tuple[tuple[NewMeter, ...], tuple[StateChange, ...]]:
        """The meters as they begin, and the steps that follow. A meter without `created` begins with its first step."""
        there = {meter.name: meter for meter in self.known.meters}
        lives = Lives(self.known.meters, self.known.states)
        stored = {(s.meter, s.start, s.state) for s in self.known.states}
        stored |= {(m.name, m.created, m.state) for m in self.known.meters if m.created is not None}
        undated = {meter.name: meter for meter in meters if meter.created is None and meter.name not in there}
        dated = {meter.name: meter for meter in meters if meter.name not in undated}
        steps = []
        for number, change in sorted(states, key=lambda pair: (pair[1].start, pair[0])):
            meter = undated.pop(change.meter, None)
            if meter is not None:
                dated[meter.name] = replace(meter, created=change.start, state=change.state)
                continue
            if (change.meter, change.start, change.state) not in stored:
                steps.append((number, change))
        fresh = {meter.name: dated.get(meter.name, meter) for meter in meters}
        for meter in fresh.values():
            lives.begin(meter)
        for number, change in steps:
            if change.meter not in there and change.meter not in fresh:
                continue  # its own row is bad
            try:
                lives.step(change)
            except WrongCell as wrong:
                self.bad.append(BadRow(str(self.paths["states.csv"]), number, wrong.key, wrong.problem))
        for name, owner in address_clashes(there | {n: m for n, m in fresh.items() if n not in there}, lives).items():
            meter = fresh.get(name, there.get(name))
            assert meter is not None
            file, number = ("meters.csv", numbers[name]) if name in numbers else ("states.csv", 0)
            problem = f"{meter.address} is meter {owner!r} on line {meter.line}"
            self.bad.append(BadRow(str(self.paths[file]), number, "address", problem))
        return tuple(fresh.values()), tuple(change for _, change in steps)


def _named(sheet: Sheet, names: Names, cells: Mapping[str, str]) -> Any:
    return sheet.parse(cells, names)


def _dated(sheet: Sheet, names: Names, once: Once, cells: Mapping[str, str]) -> Any:
    return once.take(sheet.parse(cells, names))


def _check_stay(row: PointRow, stays: Iterable[NewInstallation]) -> None:
    for stay in stays:
        same = stay.point == row.point.name and stay.end is None if row.start is None else stay.start == row.start
        if same:
            return
        if stay.end is None or (row.start is not None and row.start < stay.end):
            raise WrongCell("meter", f"{row.meter!r} stands at point {stay.point!r} since {stay.start.isoformat()}")


def _meter(row: MeterRow) -> NewMeter:
    return NewMeter(
        name=row.name,
        address=row.address,
        model=row.model,
        line=row.line,
        multiplier=row.multiplier,
        quantities=models.load(row.model).quantities,
        created=row.created,
        state=row.state,
    )


def _addresses(known: Iterable[NewMeter]) -> dict[tuple[str, str], str]:
    """(line, address) to the name of the meter that has it."""
    return {(meter.line, meter.address): meter.name for meter in known if meter.state in HOLDING}


def _take(stands: dict[tuple[str, str], str], row: MeterRow) -> None:
    """Raises `WrongCell` where another meter has the address. A meter that is there already has its own."""
    owner = stands.setdefault((row.line, row.address), row.name)
    if owner != row.name:
        raise WrongCell("address", f"{row.address} is meter {owner!r} on line {row.line}")


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
    return Additions(lines=lines, meters=(_meter(meter),))
