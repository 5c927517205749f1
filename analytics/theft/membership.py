"""Who belongs to which area, as far as it can be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from analytics.theft.grid import Grid
from analytics.theft.weigh import Area

Floats = NDArray[np.float32]


def areas_of(
    reported: Grid, totals: Grid, membership: Sequence[tuple[str, str]]
) -> tuple[tuple[str, ...], tuple[Area, ...], tuple[str, ...]]:
    """Names and areas that have a total meter and members, in an order that depends on readings alone; and notes.

    A meter in two areas goes where the total moves with it more.
    """
    notes: list[str] = []
    position = {name: k for k, name in enumerate(reported.names)}
    place = {name: k for k, name in enumerate(totals.names)}
    wished: dict[int, list[str]] = {}
    unknown = sorted({meter for meter, _ in membership if meter not in position})
    without = sorted({area for _, area in membership if area not in place})
    if unknown:
        notes.append(_some("meters of the area list have no column of readings, and are unread", unknown))
    if without:
        notes.append(_some("areas have no total meter, their meters are scored by shape alone", without))
    idle = sorted(set(totals.names) - {area for _, area in membership})
    if idle:
        notes.append(_some("total meters belong to no area of the list", idle))
    for meter, area in membership:
        if meter in position and area in place and area not in wished.setdefault(position[meter], []):
            wished[position[meter]].append(area)
    several = sorted(k for k, areas in wished.items() if len(areas) > 1)
    chosen = {k: areas[0] for k, areas in wished.items() if len(areas) == 1}
    if several:
        notes.append(
            _some(
                "meters stand in several areas, each is put where the total moves with it",
                [reported.names[k] for k in several],
            )
        )
        rest = _lacking(reported, totals, place, chosen)
        for k in several:
            chosen[k] = max(sorted(wished[k]), key=lambda area: _moves(reported.cells[k], rest[area]))
    members: dict[str, list[int]] = {}
    for k, area in sorted(chosen.items()):
        members.setdefault(area, []).append(k)
    made = [(area, Area(np.array(m, np.int64), totals.cells[place[area]])) for area, m in members.items()]
    made.sort(key=lambda pair: tuple(pair[1].members))
    return tuple(name for name, _ in made), tuple(area for _, area in made), tuple(notes)


def _lacking(reported: Grid, totals: Grid, place: Mapping[str, int], chosen: Mapping[int, str]) -> dict[str, Floats]:
    rest = {area: totals.cells[k].copy() for area, k in place.items()}
    for k, area in chosen.items():
        rest[area] = rest[area] - np.nan_to_num(reported.cells[k])
    return rest


def _moves(cells: Floats, rest: Floats) -> float:
    """The covariance of both, from one interval to the next."""
    step, other = np.diff(cells.ravel()), np.diff(rest.ravel())
    both = np.isfinite(step) & np.isfinite(other)
    return float((step[both] * other[both]).sum(dtype=np.float64))


def _some(what: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{len(names)} {what}: {', '.join(names[:5])}{more}"
