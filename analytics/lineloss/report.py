"""Line loss of all areas and feeders of a period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics.errors import FrameUnusable
from analytics.lineloss.anomalies import of_days, of_suspect
from analytics.lineloss.area import Balance, Partition, balanced, days_of
from analytics.lineloss.feeder import feeders_of
from analytics.lineloss.suspects import Suspect, suspects
from analytics.lineloss.technical import expected
from analytics.lineloss.words import Anomaly, Member, Place, Report
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
    stays = _stays(given.members, reported, totals, set(feeders.values()), notes)
    if not stays:
        raise FrameUnusable("no area has members and a total meter")
    people = population(reported.cells)
    names = sorted(stays)
    parts = {name: _partition(name, stays[name], reported, totals, exported, returned) for name in names}
    with ThreadPoolExecutor(WORKERS) as pool:
        found = dict(zip(names, pool.map(lambda name: balanced(parts[name], people), names), strict=True))
    share = _believed([balance.share for balance in found.values()])
    lists = {name: sorted({m.meter for m in stays[name]}) for name in names}
    elsewhere = _Elsewhere(reported, found, lists)
    places = [_place(name, found[name], lists[name], reported, share, elsewhere, feeders.get(name)) for name in names]
    places += feeders_of(feeders, places, totals, returned, people)
    places.sort(key=lambda place: (-place.worth, place.level, place.name))
    return Report(tuple(places), tuple(notes))


def _stays(
    members: Sequence[Member], reported: Grid, totals: Grid, feeders: set[str], notes: list[str]
) -> dict[str, list[Member]]:
    known, counted = set(reported.names), set(totals.names)
    stays: dict[str, list[Member]] = {}
    for member in members:
        if member.area in counted:
            stays.setdefault(member.area, []).append(member)
    without = sorted({m.area for m in members} - counted)
    unread = sorted({m.meter for m in members} - known)
    idle = sorted(counted - {m.area for m in members} - feeders)
    for what, which in (
        ("areas have no total meter and no line loss", without),
        ("meters of the list have no readings", unread),
        ("total meters belong to no area of the list", idle),
    ):
        if which:
            more = f" and {len(which) - 5} more" if len(which) > 5 else ""
            notes.append(f"{len(which)} {what}: {', '.join(which[:5])}{more}")
    return stays


def _partition(
    name: str, stays: list[Member], reported: Grid, totals: Grid, exported: Grid | None, returned: Grid | None
) -> Partition:
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
    )  # fmt: skip


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


def _believed(shares: list[float]) -> float:
    """The greatest technical share that an area is believed to have, by the others."""
    if len(shares) < _LEAST_AREAS:
        return _FAR_OFF
    middle = float(np.median(shares))
    spread = max(1.48 * float(np.median(np.abs(np.array(shares) - middle))), _LEAST_SPREAD)
    return min(middle + _REACH * spread, _FAR_OFF)


class _Elsewhere:
    """Which other area lacks a meter that its own has too much of."""

    def __init__(self, reported: Grid, found: Mapping[str, Balance], lists: Mapping[str, list[str]]) -> None:
        self.reported, self.lists = reported, lists
        self.rests = {
            name: b.supplied - b.metered - expected(b.technical, b.supplied - b.fed_in) for name, b in found.items()
        }

    def lacking(self, meter: str, own: str) -> str | None:
        cells = _rows(self.reported, [meter])
        best, area = 0.0, None
        for name, rest in self.rests.items():
            if name == own or meter in self.lists[name]:
                continue
            for one in suspects(rest, cells):
                if one.lag == 0 and abs(one.factor - 1) < 0.2 and one.factor / one.error > best:
                    best, area = one.factor / one.error, name
        return area


def _place(
    name: str, found: Balance, meters: list[str], grid: Grid, share: float, elsewhere: _Elsewhere, feeder: str | None
) -> Place:
    days, technical = days_of(found, grid.first_day, share)
    said = of_days(days)
    if technical != found.technical:
        said.append(Anomaly("high_constant_loss", f"the loss that goes with the load is {found.share:.1%}, more than "
                            f"in other areas: {share:.1%} is taken for technical"))  # fmt: skip
    if found.lag:
        way = "late" if found.lag > 0 else "early"
        minutes = abs(found.lag) * grid.step_s // 60
        said.append(Anomaly("clock_shift", f"the total meter stands {minutes} min too {way}, made good"))
    said += [Anomaly("never_read", f"{meters[k]} was never read", meters[k]) for k in found.unread]
    said += [_told(one, name, meters, grid, elsewhere) for one in found.suspects]
    return Place("area", name, feeder, days, technical, tuple(said))


def _told(one: Suspect, area: str, meters: list[str], grid: Grid, elsewhere: _Elsewhere) -> Anomaly:
    name = meters[one.meter]
    energy = float(np.nansum(_rows(grid, [name])[0, one.start :]))
    day = grid.first_day + np.timedelta64(one.start, "D")
    other = elsewhere.lacking(name, area) if one.lag == 0 and one.factor < -0.5 else None
    return of_suspect(one, name, day, grid.step_s // 60, energy, other)
