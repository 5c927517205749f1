"""One row of the registry's files, checked cell by cell: a line, a meter, a usage point."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from headend.collection.line import LinePath
from headend.dialect import DIALECTS, dialect
from headend.registry.cells import WrongCell as WrongCell
from headend.registry.cells import choice, known, moment, options, positive
from protocols import models
from protocols.errors import ModelError
from protocols.links.url import parse_link
from storage.entries import MeterState, NewUsagePoint


@dataclass(frozen=True, slots=True)
class LineRow:
    name: str
    url: str
    protocol: str
    framing: str = ""
    echo: bool = False
    window: int = 1

    @property
    def options(self) -> dict[str, str | bool | int]:
        """As they are stored."""
        return {"framing": self.framing, "echo": self.echo, "window": self.window}


@dataclass(frozen=True, slots=True)
class MeterRow:
    name: str
    address: str
    model: str
    line: str
    multiplier: Decimal = Decimal(1)
    created: datetime | None = None
    state: MeterState = MeterState.ACTIVE
    """The one it begins with."""


@dataclass(frozen=True, slots=True)
class PointRow:
    point: NewUsagePoint
    meter: str
    """Empty: told elsewhere."""
    start: datetime | None
    """None: now, or since whenever it stands there."""


def line_of(cells: Mapping[str, str]) -> LineRow:
    """One row's cells as a line. Raises `WrongCell`."""
    protocol = cells["protocol"]
    if protocol not in DIALECTS:
        raise WrongCell("protocol", f"{protocol!r}, expected one of {', '.join(DIALECTS)}")
    framing = cells.get("framing", "")
    if framing and framing not in dialect(protocol).wires:
        fitting = " or ".join(filter(None, dialect(protocol).wires)) or "none"
        raise WrongCell("framing", f"{framing!r} does not fit {protocol}, expected {fitting}")
    echo = cells.get("echo", "") or "no"
    if echo not in ("yes", "no"):
        raise WrongCell("echo", f"{echo!r}, expected yes or no")
    try:
        parse_link(cells["url"], dialect(protocol).link)
    except ModelError as error:
        raise WrongCell("url", str(error)) from error
    window = _window_of(cells.get("window", "") or "1")
    row = LineRow(cells["name"], cells["url"], protocol, framing, echo == "yes", window)
    if window > 1 and not LinePath(row.name, row.url, row.protocol, row.framing, row.echo).is_numbered:
        raise WrongCell("window", f"{window}, expected 1: only Modbus TCP (and no echo) says which request is answered")
    return row


_WIDEST: Final = 256
"""A line has no more units than that."""


def _window_of(cell: str) -> int:
    if not (cell.isascii() and cell.isdecimal() and len(cell) <= 3 and 1 <= int(cell) <= _WIDEST):
        raise WrongCell("window", f"{cell!r}, expected a whole number from 1 to {_WIDEST}")
    return int(cell)


def meter_of(cells: Mapping[str, str], lines: Mapping[str, str]) -> MeterRow:
    """One row's cells as a meter. Raises `WrongCell`."""
    if cells["line"] not in lines:
        raise WrongCell("line", f"{cells['line']!r} is not known")
    try:
        model = models.load(cells["model"])
    except ModelError as error:
        raise WrongCell("model", str(error)) from error
    if model.head.protocol != lines[cells["line"]]:
        raise WrongCell(
            "model", f"{cells['model']} speaks {model.head.protocol}, line {cells['line']} {lines[cells['line']]}"
        )
    try:
        address = model.check_address(cells["address"])
    except ModelError as error:
        raise WrongCell("address", str(error)) from error
    if dialect(model.head.protocol).broadcast.search(address):
        raise WrongCell("address", f"{address} is the broadcast, which nobody answers")
    multiplier = positive(cells, "multiplier") or Decimal(1)
    row = MeterRow(cells["name"], address, _lasting(cells["model"]), cells["line"], multiplier)
    return replace(row, created=moment(cells, "created"), state=choice(cells, "state", MeterState) or MeterState.ACTIVE)


def _lasting(model: str) -> str:
    """A model's file is found from any folder."""
    return str(Path(model).absolute()) if model.endswith(".toml") else model


def point_of(cells: Mapping[str, str], meters: Collection[str]) -> PointRow:
    """One row's cells as a usage point. Raises `WrongCell`."""
    meter = cells.get("meter", "")
    if "meter" in cells and not meter:
        raise WrongCell("meter", "is empty")
    if meter:
        known(cells, "meter", meters)
    elif cells.get("from"):
        raise WrongCell("from", "stands without a meter")
    point = NewUsagePoint(
        name=cells["name"],
        address=cells.get("address") or None,
        options=options(cells),
        tariff=cells.get("tariff") or None,
        category=cells.get("category") or None,
        capacity_kw=positive(cells, "capacity_kw"),
        rated_current_a=positive(cells, "rated_current_a"),
    )
    return PointRow(point, meter, moment(cells, "from"))
