"""Line loss of all areas and feeders of a period."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics.errors import FrameUnusable
from analytics.lineloss.area import Partition
from analytics.lineloss.feeder import feeders_of, measured, summed
from analytics.lineloss.found import Blamed, Found, found_in, held_days, lacking, placed
from analytics.lineloss.words import Member, Place, Report
from analytics.theft.grid import Grid, gridded
from analytics.theft.profile import population
from analytics.theft.shape import WORKERS
from analytics.theft.words import Frame

Doubles = NDArray[np.floating[Any]]

_LEAST_AREAS: Final = 5
_REACH: Final = 3.0
_LEAST_SPREAD: Final = 0.005
_FAR_OFF: Final = 0.12
"""The greatest technical loss that is believed of any area, as a share."""


@dataclass(frozen=True, slots=True)
class Input:
    """What was read: of members by meter, of totals by area or feeder; export registers where there are any."""

    reported: Frame
    totals: Frame
    members: Sequence[Member]
    exported: Frame | None = None
    totals_exported: Frame | None = None
    feeders: Mapping[str, str] | None = None
    """Area to feeder."""


def line_loss(given: Input) -> Report:
    """All places, the worst first. Raises `FrameUnusable` where nothing can be used."""
    reported = gridded(given.reported, "readings")
    totals = gridded(given.totals, "total meters", like=reported)
    exported = None if given.exported is None else gridded(given.exported, "feed-in", like=reported)
    returned = None if given.totals_exported is None else gridded(given.totals_exported, "export", like=reported)
    notes = [note for grid in (reported, totals, exported, returned) if grid is not None for note in grid.notes]
    feeders = dict(given.feeders or {})
    notes += odd_ones(
        {m.area for m in given.members}, {m.meter for m in given.members}, set(reported.names), set(totals.names),
        set(feeders.values()),
    )  # fmt: skip
    stays = stays_of(given.members, set(totals.names))
    if not stays:
        raise FrameUnusable("no area has members and a total meter")
    people = population(reported.cells)
    parts = {name: partition(name, stays[name], reported, totals, exported, returned) for name in sorted(stays)}
    with ThreadPoolExecutor(WORKERS) as pool:
        made = pool.map(lambda name: found_in(*parts[name], people, reported.first_day), parts)
        found = dict(zip(parts, made, strict=True))
        share = believed([one.share for one in found.values()])
        far = [name for name, one in found.items() if one.is_far(share)]
        held = pool.map(lambda name: held_days(parts[name][0], people, reported.first_day, share), far)
        days = dict(zip(far, held, strict=True))
    places = []
    for name, one in found.items():
        elsewhere = [_lacking(blamed, name, found, parts) for blamed in one.blamed]
        places.append(placed(name, one, days.get(name), elsewhere, share, reported.step_s, feeders.get(name)))
    of = feeders_of(feeders, set(totals.names), set(found))
    by_name = {place.name: place for place in places}
    places += [measured(feeder, own, totals, returned, people) for feeder, own in of.measured.items()]
    places += [summed(feeder, [by_name[area] for area in own]) for feeder, own in of.summed.items()]
    return Report(worst_first(places), tuple(notes))


def worst_first(places: Iterable[Place]) -> tuple[Place, ...]:
    return tuple(sorted(places, key=lambda place: (-place.worth, place.level, place.name)))


def stays_of(members: Sequence[Member], counted: Collection[str]) -> dict[str, list[Member]]:
    """Of areas with a total meter."""
    stays: dict[str, list[Member]] = {}
    for member in members:
        if member.area in counted:
            stays.setdefault(member.area, []).append(member)
    return stays


def odd_ones(areas: Set[str], members: Set[str], known: Set[str], counted: Set[str], feeders: Set[str]) -> list[str]:
    """Areas with members and those members, meters with readings, total meters, feeders: what does not fit together."""
    notes = []
    for what, which in (
        ("areas have no total meter and no line loss", sorted(areas - counted)),
        ("meters of the list have no readings", sorted(members - known)),
        ("total meters belong to no area of the list", sorted(counted - areas - feeders)),
    ):
        if which:
            more = f" and {len(which) - 5} more" if len(which) > 5 else ""
            notes.append(f"{len(which)} {what}: {', '.join(which[:5])}{more}")
    return notes


def partition(
    name: str, stays: list[Member], reported: Grid, totals: Grid, exported: Grid | None, returned: Grid | None
) -> tuple[Partition, list[str]]:
    """Of one area, and its members' names."""
    meters = sorted({m.meter for m in stays})
    shape = reported.cells.shape[1:]
    here = np.zeros((len(meters), *shape), np.bool_)
    for stay in stays:
        first, last = _slots(stay, reported)
        here[meters.index(stay.meter)].reshape(-1)[first:last] = True
    return Partition(
        _rows(reported, meters), None if exported is None else _rows(exported, meters), here,
        totals.cells[totals.names.index(name)],
        None if returned is None else _rows(returned, [name])[0],
    ), meters  # fmt: skip


def _rows(grid: Grid, names: list[str]) -> Doubles:
    made = np.full((len(names), *grid.cells.shape[1:]), np.nan, np.float32)
    place = {name: k for k, name in enumerate(grid.names)}
    for k, name in enumerate(names):
        if name in place:
            made[k] = grid.cells[place[name]]
    return made


def _slots(stay: Member, grid: Grid) -> tuple[int, int]:
    """The first slot that a stay covers wholly, and the one after the last."""
    size = grid.cells[0].size
    origin = grid.first_day.astype("datetime64[s]")

    def slot(time: np.datetime64 | None, default: int) -> float:
        if time is None:
            return default
        seconds = int((time.astype("datetime64[s]") - origin).astype(np.int64))
        return seconds / grid.step_s

    first = int(np.clip(np.ceil(slot(stay.start, 0)), 0, size))
    return first, int(np.clip(np.floor(slot(stay.end, size)), first, size))


def believed(shares: list[float]) -> float:
    """The greatest technical share that an area is believed to have, by the others."""
    if len(shares) < _LEAST_AREAS:
        return _FAR_OFF
    middle = float(np.median(shares))
    spread = max(1.48 * float(np.median(np.abs(np.array(shares) - middle))), _LEAST_SPREAD)
    return min(middle + _REACH * spread, _FAR_OFF)


def _lacking(
    blamed: Blamed, own: str, found: Mapping[str, Found], parts: Mapping[str, tuple[Partition, list[str]]]
) -> str | None:
    if blamed.cells is None:
        return None
    others = (name for name in found if name != own and blamed.name not in parts[name][1])
    return lacking(blamed.cells, ((name, found[name].rest) for name in others))
