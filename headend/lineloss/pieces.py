"""Pieces of a line loss report out of the database: each is read, reckoned and forgotten.

A member is a usage point, whichever meters stood there; where a meter was exchanged, its point's energy goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from analytics.lineloss import Day, Member, Place
from analytics.lineloss.area import Partition
from analytics.lineloss.feeder import measured
from analytics.lineloss.found import Found, found_in, held_days, lacking
from analytics.lineloss.people import Sketch, sketched
from analytics.lineloss.report import partition, stays_of
from analytics.lineloss.words import Technical
from analytics.theft import Frame
from analytics.theft.grid import Grid, gridded
from analytics.theft.notes import Notes, together
from analytics.theft.profile import Population
from headend.series.stored import EXPORT, IMPORT, frame
from protocols.model import Quantity
from storage.registers import Of
from storage.topology import Topology


@dataclass(frozen=True, slots=True)
class Site:
    """Where from, which local days [first, until), and the interval in minutes."""

    conninfo: str
    days: tuple[date, date]
    zone: ZoneInfo
    step: int

    async def frame(self, of: Of, names: Sequence[str], quantity: Quantity = IMPORT) -> Frame:
        return await frame(self.conninfo, of, names, self.days, self.zone, step_minutes=self.step, quantity=quantity)


@dataclass(frozen=True, slots=True)
class Areas:
    """Some areas, with what is usual in the network; `share`: only the days of the technical loss that is believed."""

    names: Sequence[str]
    people: Population
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Feeder:
    """One with a total meter and its areas. `spelled` is its name in the report."""

    name: str
    spelled: str
    areas: Sequence[str]
    people: Population


@dataclass(frozen=True, slots=True)
class Search:
    """For who lacks the meter with these cells: among `areas`, of all whose rests stand in the file, in that order."""

    cells: NDArray[np.float32]
    file: Path
    order: Mapping[str, int]
    areas: Sequence[str]


def sketch(site: Site, points: Sequence[str]) -> tuple[Sketch, Grid, Notes]:
    """Also the grid, without anybody on it."""
    read = asyncio.run(site.frame(Of.POINT, points))
    grid = gridded(read, "readings")
    return sketched(grid.cells), _empty(grid), grid.noted


def areas(site: Site, grid: Grid, piece: Areas) -> tuple[dict[str, Found], Notes]:
    parts, notes = asyncio.run(_parts(site, grid, piece.names))
    return {name: found_in(part, meters, piece.people, grid.first_day) for name, (part, meters) in parts.items()}, notes


def areas_again(site: Site, grid: Grid, piece: Areas) -> dict[str, tuple[tuple[Day, ...], Technical]]:
    """Of those whose technical loss is not believed."""
    assert piece.share is not None
    parts, _ = asyncio.run(_parts(site, grid, piece.names))
    return {name: held_days(part, piece.people, grid.first_day, piece.share) for name, (part, _) in parts.items()}


def feeder(site: Site, grid: Grid, piece: Feeder) -> tuple[Place, Notes]:
    return asyncio.run(_feeder(site, grid, piece))


def search(site: Site, grid: Grid, piece: Search) -> str | None:
    """One area after the other is taken from the file."""
    del site
    shape = grid.cells.shape[1:]
    size = int(np.prod(shape))

    def rests() -> Iterator[tuple[str, NDArray[np.float64]]]:
        with piece.file.open("rb") as file:
            for name in piece.areas:
                file.seek(8 * size * piece.order[name])
                yield name, np.fromfile(file, np.float64, size).reshape(shape)

    return lacking(piece.cells, rests())


async def _parts(site: Site, grid: Grid, names: Sequence[str]) -> tuple[dict[str, tuple[Partition, list[str]]], Notes]:
    async with Topology(site.conninfo) as topology:
        stays = await topology.area_points(names)
    members = [Member(s.point, s.area, _local(s.start, site.zone), _local(s.end, site.zone)) for s in stays]
    points = sorted({member.meter for member in members})
    reported = _grid(await site.frame(Of.POINT, points), "readings", grid) or grid
    totals = _grid(await site.frame(Of.AREA, names), "total meters", grid)
    exported = _grid(_fed_in(await site.frame(Of.POINT, points, EXPORT)), "feed-in", grid)
    returned = _grid(_fed_in(await site.frame(Of.AREA, names, EXPORT)), "export", grid)
    assert totals is not None
    by_area = stays_of(members, set(names))
    notes = together(one.noted for one in (totals, exported, returned) if one is not None)
    return {n: partition(n, by_area[n], reported, totals, exported, returned) for n in sorted(by_area)}, notes


async def _feeder(site: Site, grid: Grid, piece: Feeder) -> tuple[Place, Notes]:
    async def of(quantity: Quantity) -> tuple[Frame, Frame]:
        own = await site.frame(Of.FEEDER, [piece.name], quantity)
        return await site.frame(Of.AREA, piece.areas, quantity), own

    taken, own = await of(IMPORT)
    fed, returned = await of(EXPORT)
    made = partial(_joined, spelled=piece.spelled)
    totals = _grid(made(taken, own), "total meters", grid)
    assert totals is not None
    back = _grid(_fed_in(made(fed, returned)), "export", grid)
    alone = (_grid(own, "total meters", grid), _grid(_fed_in(returned), "export", grid))
    notes = together(one.noted for one in alone if one is not None)
    return measured(piece.spelled, piece.areas, totals, back, piece.people), notes


def _local(moment: datetime | None, zone: ZoneInfo) -> np.datetime64 | None:
    return None if moment is None else np.datetime64(moment.astimezone(zone).replace(tzinfo=None), "s")


def _joined(read: Frame, more: Frame, spelled: str) -> Frame:
    names = (*read.names, *(spelled for _ in more.names))
    return Frame(names, read.times, np.concatenate([read.values, more.values], axis=1))


def _fed_in(read: Frame) -> Frame:
    """Only those that have an export register."""
    held = np.nonzero(np.isfinite(read.values).any(axis=0))[0].tolist()
    return Frame([read.names[k] for k in held], read.times, read.values[:, held])


def _grid(read: Frame, what: str, like: Grid) -> Grid | None:
    return gridded(read, what, like=like) if read.names else None


def _empty(grid: Grid) -> Grid:
    return Grid((), grid.first_day, grid.step_s, np.empty((0, *grid.cells.shape[1:]), np.float32))
