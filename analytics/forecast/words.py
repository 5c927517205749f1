"""What a forecast is given and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]

QUANTILES: Final = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
WEEK: Final = 7


class Level(StrEnum):
    """What a series is of. Of a meter the point forecast is the median; of the others, whose users ask for small
    relative errors, what makes the mean relative error least: a little below the median where the load is noisy."""

    METER = "meter"
    AREA = "area"
    SYSTEM = "system"


class Method(StrEnum):
    """What a series' forecast rests on."""

    COMBINED = "combined"
    """Models and the same hour of last week, weighed on days that the models had not seen."""
    LAST_WEEK = "last_week"
    """The same hour of last week (of the day before, where the week before is not known)."""
    NONE = "none"
    """Nothing is known of it."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known when a day is forecast: all days up to `behind` days before it, and of the day after those the
    first `early` intervals. (1, 0) is the end of the day before."""

    behind: int = 1
    early: int = 0


@dataclass(frozen=True, slots=True)
class Panel:
    """Series on a grid of local days: `cells[k, d, s]`, NaN for a gap. Days to forecast stand at the end, as gaps.

    `kind` (d,): 0 workday, 1 the first day of a weekend, 2 its other days and holidays. `temperature` (d, s): that of
    the days to forecast is a forecast, or what was measured when one looks back; NaN where there is none.
    """

    names: tuple[str, ...]
    first_day: np.datetime64
    step_s: int
    cells: Floats
    kind: Numbers
    weekday: Numbers
    holiday: Flags
    temperature: Floats | None = None

    @property
    def days(self) -> int:
        return int(self.cells.shape[1])

    @property
    def slots(self) -> int:
        return int(self.cells.shape[2])

    def only(self, rows: slice | Numbers | list[int]) -> Panel:
        """Some of the series."""
        chosen = np.arange(len(self.names))[rows]
        names = tuple(self.names[int(k)] for k in chosen)
        return Panel(
            names, self.first_day, self.step_s, self.cells[chosen], self.kind, self.weekday, self.holiday,
            self.temperature,
        )  # fmt: skip

    def between(self, first: int, until: int) -> Panel:
        """Some of the days."""
        first = max(first, 0)
        return Panel(
            self.names, self.first_day + np.timedelta64(first, "D"), self.step_s, self.cells[:, first:until],
            self.kind[first:until], self.weekday[first:until], self.holiday[first:until],
            None if self.temperature is None else self.temperature[first:until],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of days `days` of the panel: `point[k, t, s]`, `quantiles[q, k, t, s]` in the order of `QUANTILES`, `naive` the
    same hour of last week. NaN where nothing is known. `weight` (k,): the models' share, the rest is `naive`'s."""

    days: Numbers
    point: Floats
    quantiles: Floats
    naive: Floats
    method: tuple[Method, ...]
    weight: Floats
