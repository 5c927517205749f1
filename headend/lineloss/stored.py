"""Line loss out of the database: points of areas, total meters of areas and feeders, as the registry knows them.

Readings are read a piece at a time, on all cores; what is kept of them is in `analytics.lineloss.found`. Two passes:
what is usual in the network fills the gaps of the areas. A third one is for areas whose technical loss is not believed.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from analytics.errors import FrameUnusable
from analytics.intervals.grid import grid as grid_of
from analytics.lineloss import Report
from analytics.lineloss.feeder import feeders_of, summed
from analytics.lineloss.found import Found, placed
from analytics.lineloss.people import People
from analytics.lineloss.report import believed, odd_ones, worst_first
from analytics.theft.grid import Grid
from analytics.theft.notes import Notes, together
from analytics.theft.profile import Population
from headend.cores import spread
from headend.errors import HeadendError, UsageFault
from headend.lineloss import pieces
from headend.lineloss.pieces import Areas, Feeder, Search, Site
from headend.series.stored import step_of
from storage.registers import Of, Registers
from storage.topology import Topology

PIECE: Final = 500_000
"""Intervals of members that a process holds at once; the members of an area are held together."""
_ALONE: Final = 2000
"""Up to so many points no further process is worth its start."""

P = TypeVar("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Known:
    """Names: points with a meter, areas and feeders with a total meter, members of areas, area to feeder."""

    points: list[str]
    areas: list[str]
    feeders: list[str]
    members: Mapping[str, list[str]]
    fed: Mapping[str, str]


async def report(conninfo: str, days: tuple[date, date], zone: ZoneInfo, cores: int = 0, piece: int = PIECE) -> Report:
    """Of the local days [first, until), in Wh. `cores`: processes, 0: as many as there are processors.

    Raises `UsageFault` where no area has a total meter, `FrameUnusable`, storage errors.
    """
    known = await _known(conninfo, days, zone)
    if not known.areas:
        raise UsageFault("no area has a total meter: headend meter add --total-of-area, or totals.csv")
    if not known.points:
        raise FrameUnusable("readings: no column of values, or no row with a time")
    site = Site(conninfo, days, zone, await step_of(conninfo))
    if not cores:
        cores = 1 if len(known.points) <= _ALONE else os.cpu_count() or 1
    size = max(piece // len(grid_of(*days, zone, site.step)), 2)
    with TemporaryDirectory(prefix="headend-lineloss-") as folder:
        try:
            return await _Run(site, known, cores, size, Path(folder) / "rests").report()
        except BrokenProcessPool:
            raise HeadendError("a process of the report was ended, most likely for want of memory") from None


class _Run:
    """One report. `size`: points that are read together."""

    def __init__(self, site: Site, known: Known, cores: int, size: int, file: Path) -> None:
        self._site, self._known, self._cores, self._size, self._file = site, known, cores, size, file
        self._notes: list[Notes] = []

    async def report(self) -> Report:
        known = self._known
        people, grid = await self._people()
        clash = set(known.areas)
        spelled = {
            name: f"{name} (feeder)" if name in clash else name for name in (*known.fed.values(), *known.feeders)
        }
        fed = {area: spelled[feeder] for area, feeder in known.fed.items()}
        members = {area: points for area, points in known.members.items() if area in clash}
        if not members:
            raise FrameUnusable("no area has members and a total meter")
        found = await self._areas(members, people, grid)
        share = believed([one.share for one in found.values()])
        far = {area: members[area] for area, one in found.items() if one.is_far(share)}
        work = partial(pieces.areas_again, self._site, grid)
        again = [held async for held in self._spread(work, (Areas(p, people, share) for p in self._packed(far)))]
        held = {name: days for some in again for name, days in some.items()}
        elsewhere = await self._elsewhere(found, members, grid)
        places = [
            placed(name, one, held.get(name), elsewhere[name], share, grid.step_s, fed.get(name))
            for name, one in found.items()
        ]
        counted = {*known.areas, *(spelled[name] for name in known.feeders)}
        of = feeders_of(fed, counted, set(found))
        by_name = {place.name: place for place in places}
        own = {spelled[name]: name for name in known.feeders}
        asked = (Feeder(own[name], name, areas, people) for name, areas in of.measured.items())
        async for place, notes in self._spread(partial(pieces.feeder, self._site, grid), asked):
            places.append(place)
            self._notes.append(notes)
        places += [summed(name, [by_name[area] for area in areas]) for name, areas in of.summed.items()]
        points = {point for own in known.members.values() for point in own}
        odd = odd_ones(set(known.members), points, set(known.points), counted, set(fed.values()))
        return Report(worst_first(places), (*together(self._notes).lines, *odd))

    async def _people(self) -> tuple[Population, Grid]:
        """What moves all, and the grid of the readings."""
        people, first = None, None
        async for sketch, grid, notes in self._spread(partial(pieces.sketch, self._site), self._points()):
            if people is None or first is None:
                people, first = People(*grid.cells.shape[1:]), grid
            people.add(sketch)
            self._notes.append(notes)
        assert people is not None
        assert first is not None
        return people.population(), first

    async def _areas(self, members: Mapping[str, list[str]], people: Population, grid: Grid) -> dict[str, Found]:
        """By name; what is left over by intervals goes into the file, in that order."""
        found: dict[str, Found] = {}
        packed = (Areas(names, people) for names in self._packed(members))
        with self._file.open("wb") as file:
            async for some, notes in self._spread(partial(pieces.areas, self._site, grid), packed):
                for name, one in some.items():
                    file.write(one.rest.tobytes())
                    found[name] = one.forgetting()
                self._notes.append(notes)
        return found

    async def _elsewhere(
        self, found: Mapping[str, Found], members: Mapping[str, list[str]], grid: Grid
    ) -> dict[str, list[str | None]]:
        """Of each who is blamed, the area that lacks it."""
        order = {name: at for at, name in enumerate(found)}
        sought = [
            (name, k, one) for name, f in found.items() for k, one in enumerate(f.blamed) if one.cells is not None
        ]
        told: dict[str, list[str | None]] = {name: [None] * len(one.blamed) for name, one in found.items()}
        asked = (
            Search(one.cells, self._file, order, [a for a in found if a != name and one.name not in members[a]])
            for name, _, one in sought
            if one.cells is not None
        )
        at = iter(sought)
        async for area in self._spread(partial(pieces.search, self._site, grid), asked):
            name, k, _ = next(at)
            told[name][k] = area
        return told

    def _points(self) -> Iterator[Sequence[str]]:
        """Never one alone behind others: see `analytics.lineloss.people.sketched`."""
        points, size = self._known.points, self._size
        cuts = [*range(0, len(points), size), len(points)]
        if len(cuts) > 2 and cuts[-1] - cuts[-2] == 1:
            del cuts[-2]
        yield from (points[begin:end] for begin, end in pairwise(cuts))

    def _packed(self, members: Mapping[str, list[str]]) -> Iterator[list[str]]:
        """Areas in order, as many together as fit."""
        held: list[str] = []
        count = 0
        for name, points in sorted(members.items()):
            if held and count + len(points) > self._size:
                yield held
                held, count = [], 0
            held.append(name)
            count += len(points)
        if held:
            yield held

    async def _spread(self, work: Callable[[P], R], asked: Iterable[P]) -> AsyncIterator[R]:
        made = spread(work, asked, self._cores)
        try:
            async for one in made:
                yield one
        finally:
            await made.aclose()


async def _known(conninfo: str, days: tuple[date, date], zone: ZoneInfo) -> Known:
    first, until = (datetime(d.year, d.month, d.day, tzinfo=zone) for d in days)
    async with Registers(conninfo) as registers, Topology(conninfo) as topology:
        points, areas, feeders = [await registers.keys(of, first, until) for of in (Of.POINT, Of.AREA, Of.FEEDER)]
        links = await topology.area_feeders()
        members = await topology.members()
    fed = {x.area: x.feeder for x in links if x.start < until and (x.end is None or x.end > first)}
    return Known(points, areas, feeders, members, fed)
