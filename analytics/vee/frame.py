"""What VEE is given: raw intervals of many meters on one grid, and what else is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import IntFlag
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.intervals.grid import Grid

Steps = NDArray[np.int64]
"""Energies in steps of the quantity; (meter, interval) unless said otherwise."""
Mask = NDArray[np.bool_]

UNKNOWN: Final = int(np.iinfo(np.int64).min)
"""In an array of numbers: not known."""


class Fact(IntFlag):
    """What is known of one interval besides its energy."""

    OUTAGE = 1
    """Without supply for the whole of it. Without a value it is 0 kWh; its day is no reference."""
    DUPLICATE = 2
    """Several values came and they differ: none of them holds."""
    DISCONNECTED = 4
    """The relay was open for the whole of it. Without a value it is 0 kWh; its day is no reference."""
    VACANT = 8
    """Nobody had a contract for the whole of it. Its day is a reference for vacant days only."""


NO_SUPPLY: Final = np.uint8(Fact.OUTAGE | Fact.DISCONNECTED)
IDLE: Final = np.uint8(Fact.DISCONNECTED | Fact.VACANT)
"""Nothing is to be used."""


class Channel(NamedTuple):
    """How energies are to be read: of the configuration, or as the meter told."""

    unit: str
    step_s: int
    multiplier: str


class Totals(NamedTuple):
    """Known energies of columns [first, last) of a row, in steps: from boundary registers. One entry a total."""

    row: Steps
    first: Steps
    last: Steps
    steps: Steps

    @classmethod
    def none(cls) -> Totals:
        return cls(*(np.zeros(0, np.int64) for _ in range(4)))

    @classmethod
    def of(cls, rows: list[tuple[int, int, int, int]]) -> Totals:
        """(row, first, last, steps) each; of any order."""
        columns = np.array(sorted(rows), np.int64).reshape(-1, 4)
        return cls(*columns.T)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Rows are channels of meters, columns the intervals of `grid`; arrays of a row each are (meter,).

    `steps` holds something meant only where `present`. `facts`: `Fact` by interval. `limit`: the most that the fuse
    allows in an interval; `unit`: what one last digit of the register is worth, multiplied; both in steps, `limit`
    `UNKNOWN` where no limit is known. `clock_ms` (meter, day): how far the meter's clock was off. `voltage` (meter,
    day): 1 there was, 0 there was none, -1 not known. `reactive`, `export`: rows of the same meter's other channels, -1
    for none. `klass`: of the class profile.
    """

    names: tuple[str, ...]
    grid: Grid
    steps: Steps
    present: Mask
    facts: NDArray[np.uint8]
    limit: Steps
    unit: Steps
    clock_ms: Steps
    voltage: NDArray[np.int8]
    reactive: Steps
    export: Steps
    signed: Mask
    totals: Totals = field(default_factory=Totals.none)
    klass: tuple[str, ...] = ()
    expected: tuple[Channel, ...] = ()
    told: tuple[Channel, ...] = ()

    def rows(self, since: int, until: int) -> Frame:
        """Rows [since, until) only; siblings outside are lost."""
        more: dict[str, Any] = {}
        for each in fields(self):
            if each.name not in ("grid", "totals"):
                more[each.name] = getattr(self, each.name)[since:until]
        for name in ("reactive", "export"):
            moved = more[name] - since
            more[name] = np.where((moved < 0) | (moved >= until - since), -1, moved)
        low, high = np.searchsorted(self.totals.row, (since, until))
        totals = Totals(*(column[low:high] for column in self.totals))
        return replace(self, totals=totals._replace(row=totals.row - since), **more)


def frame(
    names: tuple[str, ...], grid: Grid, steps: Steps, present: Mask, totals: Totals | None = None, **more: Any
) -> Frame:
    """A frame in which what is not given is not known. Raises `ValueError` for arrays of the wrong shape."""
    shape, days = (len(names), len(grid)), (len(names), len(grid.days))
    given: dict[str, Any] = {
        "facts": np.zeros(shape, np.uint8),
        "limit": np.full(shape[0], UNKNOWN),
        "unit": np.ones(shape[0], np.int64),
        "clock_ms": np.full(days, UNKNOWN),
        "voltage": np.full(days, -1, np.int8),
        "reactive": np.full(shape[0], -1),
        "export": np.full(shape[0], -1),
        "signed": np.zeros(shape[0], np.bool_),
    } | more
    expected = {"steps": shape, "present": shape, "facts": shape, "clock_ms": days, "voltage": days}
    for name, value in {"steps": steps, "present": present, **given}.items():
        wanted = expected.get(name, shape[:1])
        if isinstance(value, np.ndarray) and value.shape != wanted:
            raise ValueError(f"{name} is {value.shape}, expected {wanted}")
        if isinstance(value, tuple) and value and len(value) != shape[0]:
            raise ValueError(f"{name} has {len(value)} entries, expected {shape[0]}")
    kept = totals or Totals.none()
    if (np.diff(kept.row) < 0).any() or (kept.first >= kept.last).any() or (kept.last > shape[1]).any():
        raise ValueError("totals are to be in order of rows and spans of the frame")
    return Frame(names, grid, steps, present, totals=kept, **given)


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What the same rows used before, validated. `actual`: read and found good; `outage` (meter, day): for a part of it
    there was no supply, or nobody had a contract; `vacant` (meter, day): nobody had one, all day.

    `last_period`, `last_year`: the average of a day in the period before and in the same period of last year, in steps,
    `UNKNOWN` where not known. `estimated_days`: how many days with estimates the history ends with.
    """

    grid: Grid
    steps: Steps
    actual: Mask
    outage: Mask
    vacant: Mask
    last_period: Steps
    last_year: Steps
    estimated_days: Steps

    def rows(self, since: int, until: int) -> History:
        cut = {each.name: getattr(self, each.name)[since:until] for each in fields(self) if each.name != "grid"}
        return replace(self, **cut)


Profiles = Mapping[str, Mapping[str, Steps]]
"""By class and day type: the class's day, one number of steps a slot."""
