"""Checks Green Button feeds beyond their schema: identifiers, links, order, and that blocks are as they say.

The official schema is not shipped; see docs/exports.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import BinaryIO, Final
from xml.parsers import expat

from analytics.billing.exports.espi_codes import UNITS
from analytics.billing.exports.series import moment
from analytics.billing.exports.verify.found import Found

_ATOM: Final = "http://www.w3.org/2005/Atom "
_ESPI: Final = "http://naesb.org/espi "
_INTEGER: Final = re.compile(r"-?[0-9]{1,15}", re.ASCII)
_ID: Final = re.compile(r"urn:uuid:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_QUALITIES: Final = frozenset({0, *range(7, 20)})
_UOMS: Final = {uom: unit for unit, (uom, _, _) in UNITS.items()}
_RESOURCES: Final = frozenset(
    _ESPI + name for name in ("LocalTimeParameters", "UsagePoint", "MeterReading", "ReadingType", "IntervalBlock")
)


class _Forbidden(ValueError):
    """A document type: no feed has one, and entities are how small files become large."""


@dataclass(slots=True)
class _Entry:
    where: str
    texts: dict[str, str] = field(default_factory=dict)
    links: dict[str, list[str]] = field(default_factory=dict)
    resources: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    """Of the resource itself, by path below it."""
    reads: int = 0
    total: int = 0
    end: int | None = None

    def link(self, relation: str) -> str:
        return (self.links.get(relation) or [""])[0]


@dataclass(slots=True)
class _Reading:
    """A MeterReading: which point, which channel, and where its type is."""

    name: tuple[str, str]
    related: list[str]


class _Check:
    def __init__(self) -> None:
        self.found = Found()
        self.path: list[str] = []
        self.text: list[str] = []
        self.entry: _Entry | None = None
        self.entries = 0
        self.ids: set[str] = set()
        self.points: dict[str, str] = {}
        self.readings: dict[str, _Reading] = {}
        self.types: dict[str, dict[str, str]] = {}
        self.ends: dict[tuple[str, str], int] = {}
        """Of the last block of a point's channel: meters that followed each other have a MeterReading each."""
        self.interval: dict[str, str] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.path.append(name)
        self.text.clear()
        depth = len(self.path)
        if depth == 1 and name != _ATOM + "feed":
            self.found.bad("file", "header", "is no Atom feed")
        elif depth == 2 and name == _ATOM + "entry":
            self.entries += 1
            self.entry = _Entry(f"entry {self.entries}")
        elif self.entry is not None and depth == 3 and name == _ATOM + "link":
            self.entry.links.setdefault(attributes.get("rel", ""), []).append(attributes.get("href", ""))
        elif self.entry is not None and depth == 4:
            self.entry.resources.append(name)
        elif name == _ESPI + "IntervalReading":
            self.interval = {}

    def end(self, name: str) -> None:
        text = "".join(self.text)
        depth, entry = len(self.path), self.entry
        if entry is not None:
            if depth == 2:
                self._resource(entry)
                self.entry = None
            elif depth == 3:
                entry.texts[name.removeprefix(_ATOM)] = text
            elif name == _ESPI + "IntervalReading":
                self._interval(entry)
            elif depth > 5 and self.path[4] == _ESPI + "IntervalReading":
                self.interval[name.removeprefix(_ESPI)] = text
            elif depth > 4:
                entry.values[name.removeprefix(_ESPI)] = text
        self.path.pop()
        self.text.clear()

    def _resource(self, entry: _Entry) -> None:
        bad = self.found.bad
        identifier = entry.texts.get("id", "")
        if _ID.fullmatch(identifier) is None or identifier in self.ids:
            bad(entry.where, "id", f"id {identifier!r} is no UUID, or is there twice")
        self.ids.add(identifier)
        for name in ("published", "updated"):
            if _TIME.fullmatch(entry.texts.get(name, "")) is None:
                bad(entry.where, "time", f"{name} is {entry.texts.get(name)!r}")
        own, up = entry.link("self"), entry.link("up")
        if not own or not up or not own.startswith(up + "/"):
            bad(entry.where, "link", f"self {own!r} is not below up {up!r}")
        if len(entry.resources) != 1 or entry.resources[0] not in _RESOURCES:
            bad(entry.where, "resource", f"holds {len(entry.resources)} resources, or one of another kind")
            return
        kind = entry.resources[0].removeprefix(_ESPI)
        {
            "LocalTimeParameters": self._local,
            "UsagePoint": self._point,
            "MeterReading": self._reading,
            "ReadingType": self._type,
            "IntervalBlock": self._block,
        }[kind](entry)

    def _local(self, entry: _Entry) -> None:
        for name in ("dstEndRule", "dstStartRule"):
            if not re.fullmatch("[0-9A-Fa-f]{8}", entry.values.get(name, "")):
                self.found.bad(entry.where, "rule", f"{name} is {entry.values.get(name)!r}")

    def _point(self, entry: _Entry) -> None:
        self.points[entry.link("self")] = entry.texts.get("title", "")

    def _reading(self, entry: _Entry) -> None:
        above = entry.link("up").removesuffix("/MeterReading")
        if above not in self.points:
            self.found.bad(entry.where, "link", "a MeterReading of no UsagePoint above it")
            return
        name = (self.points[above], entry.texts.get("title", ""))
        self.readings[entry.link("self")] = _Reading(name, entry.links.get("related", []))

    def _type(self, entry: _Entry) -> None:
        values = entry.values
        for name in ("powerOfTenMultiplier", "uom", "intervalLength"):
            if _INTEGER.fullmatch(values.get(name, "")) is None:
                self.found.bad(entry.where, "type", f"{name} is {values.get(name)!r}")
                return
        if int(values["uom"]) not in _UOMS or abs(int(values["powerOfTenMultiplier"])) > 12:
            self.found.bad(entry.where, "type", f"uom {values['uom']} times ten to {values['powerOfTenMultiplier']}")
            return
        self.types[entry.link("self")] = dict(values)

    def _interval(self, entry: _Entry) -> None:
        numbers = [self.interval.get(name, "") for name in ("start", "duration", "value")]
        where = f"{entry.where}, reading {entry.reads + 1}"
        entry.reads += 1
        if any(_INTEGER.fullmatch(text) is None for text in numbers):
            self.found.bad(where, "value", f"start, duration and value are {numbers}")
            return
        start, duration, value = map(int, numbers)
        if abs(value) >= 2**47:
            self.found.bad(where, "value", f"{value} needs more than 48 bits")
        if entry.end is not None and start != entry.end:
            self.found.bad(where, "gap" if start > entry.end else "order", f"begins at {start}, expected {entry.end}")
        quality = self.interval.get("quality", "0")
        if _INTEGER.fullmatch(quality) is None or int(quality) not in _QUALITIES:
            self.found.bad(where, "quality", f"quality {quality!r}")
        self._length(entry, where, duration)
        entry.end = start + duration
        entry.total += value
        entry.values.setdefault("first", str(start))

    def _length(self, entry: _Entry, where: str, duration: int) -> None:
        known = entry.values.setdefault("length", str(duration))
        if str(duration) != known or duration <= 0:
            self.found.bad(where, "interval", f"lasts {duration} s, the first of the block {known}")

    def _block(self, entry: _Entry) -> None:
        bad = self.found.bad
        reading = self.readings.get(entry.link("up").removesuffix("/IntervalBlock"))
        if reading is None:
            bad(entry.where, "link", "an IntervalBlock of no MeterReading above it")
            return
        kind = next((self.types[href] for href in reading.related if href in self.types), None)
        if kind is None:
            bad(entry.where, "link", "an IntervalBlock whose MeterReading has no ReadingType above it")
            return
        if entry.end is None:
            bad(entry.where, "count", "holds no reading")
            return
        first, length = int(entry.values["first"]), int(entry.values["length"])
        if (entry.values.get("start"), entry.values.get("duration")) != (str(first), str(entry.end - first)):
            bad(entry.where, "interval", "its interval is not that of its readings")
        if str(length) != kind["intervalLength"]:
            bad(entry.where, "interval", f"readings of {length} s, the type says {kind['intervalLength']}")
        if entry.end - first > 90_000:
            bad(entry.where, "count", f"{entry.reads} readings are more than a day's")
        if first < self.ends.get(reading.name, first):
            bad(entry.where, "order", f"begins at {moment(first)}, before the block above it ends")
        self.ends[reading.name] = entry.end
        total = Decimal(entry.total).scaleb(int(kind["powerOfTenMultiplier"]))
        unit = _UOMS[int(kind["uom"])]
        last = moment(entry.end - length)
        self.found.read(reading.name, unit, entry.reads, total, moment(first), last)


def check(file: BinaryIO) -> Found:
    made = _Check()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = made.start
    parser.EndElementHandler = made.end
    parser.CharacterDataHandler = made.text.append
    parser.StartDoctypeDeclHandler = _refuse
    parser.buffer_text = True
    try:
        parser.ParseFile(file)
    except (expat.ExpatError, _Forbidden) as error:
        made.found.bad("file", "xml", str(error))
    return made.found


def _refuse(*_: object) -> None:
    raise _Forbidden("a document type, which no feed has")
