"""What line loss is reckoned from and what it says. Energies are in the unit of the readings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np


@dataclass(frozen=True, slots=True)
class Member:
    """A meter that belongs to an area in [start, end) of local time; None: before and after all readings."""

    meter: str
    area: str
    start: np.datetime64 | None = None
    end: np.datetime64 | None = None


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something that the balance of a place shows: a stable code, the sentence with its figures, and whom it names.

    `energy` is what the loss would be less by without it, over the period; 0 where that is not known.
    """

    code: str
    text: str
    meter: str | None = None
    day: np.datetime64 | None = None
    energy: float = 0.0


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a place, over the intervals in which its total meter counted.

    `supplied` is what came in: the total meter's import less its export, plus what members fed in. `metered` is what
    members took, of which `estimated` was not read. Loss is the difference; `technical` is what the model expects of
    it. `covered` is the share of the day that counts. `codes` are those of `words.DAILY`.
    """

    day: np.datetime64
    supplied: float
    fed_in: float
    metered: float
    estimated: float
    technical: float
    covered: float
    meters: int
    missing: int
    codes: tuple[str, ...] = ()

    @property
    def loss(self) -> float:
        return self.supplied - self.metered

    @property
    def unexplained(self) -> float:
        return self.loss - self.technical


@dataclass(frozen=True, slots=True)
class Technical:
    """The loss in an interval of load x (1 is the mean): constant + linear x + quadratic x², none of them negative."""

    constant: float
    linear: float
    quadratic: float
    load: float
    """The mean load, an interval."""


@dataclass(frozen=True, slots=True)
class Place:
    """An area or a feeder over the period. `summed`: a feeder without a meter of its own, the sum of its areas."""

    level: str
    name: str
    feeder: str | None
    days: tuple[Day, ...]
    technical: Technical
    anomalies: tuple[Anomaly, ...] = ()
    summed: bool = False

    def total(self, what: str) -> float:
        """The sum of one of the energies of the days."""
        return float(sum(getattr(day, what) for day in self.days))

    @property
    def worth(self) -> float:
        """How much is unexplained, whichever its sign: the worst first."""
        return abs(self.total("unexplained"))


@dataclass(frozen=True, slots=True)
class Report:
    """Places, the worst first, and what was odd in the input."""

    places: tuple[Place, ...]
    notes: tuple[str, ...] = ()


DAILY: Final[Mapping[str, str]] = {
    "no_total": "the total meter did not count, or too little",
    "estimated": "too much of what the meters took is estimated",
    "missing_meters": "meters were not read at all",
    "negative_loss": "more was metered than supplied",
    "unexplained": "more was lost than technical loss and noise explain",
}
"""Codes of single days."""

JUDGED_COVER: Final = 0.75
"""The least share of a day in which the total meter has to count for the day to be judged."""
JUDGED_ESTIMATE: Final = 0.1
"""The greatest share of estimated energy for the day to be judged."""
