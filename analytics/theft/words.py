"""What a scan is given and what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Times = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Frame:
    """Energy per interval: `values[t, k]` is what `names[k]` counted from `times[t]` on. NaN is a gap.

    Times are naive local times of any order; a frame may hold duplicates, mixed steps and holes (`grid.gridded`).
    """

    names: Sequence[str]
    times: Times
    values: Floats


@dataclass(frozen=True, slots=True)
class Evidence:
    """One event that hints at tampering; `kind` is a key of `EVENTS`, others say nothing here."""

    meter: str
    time: np.datetime64
    kind: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an inspector found at a meter on a day."""

    meter: str
    found: bool
    date: np.datetime64 | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a meter is suspected: a stable code, and the sentence with its figures."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Score:
    """What is said of one meter. `estimated_wh` is the energy used and not reported in the period of the scan,
    negative where more was reported than used."""

    meter: str
    score: float
    rank: int
    estimated_wh: float
    reasons: tuple[Reason, ...]
    start: np.datetime64 | None = None


@dataclass(frozen=True, slots=True)
class AreaBalance:
    """The energy of an area over the intervals in which its total meter counted."""

    area: str
    total_wh: float
    technical_wh: float
    stolen_wh: float


@dataclass(frozen=True, slots=True)
class Scan:
    """All meters, the worst first; the balances of the areas; what was odd in the input, in sentences."""

    scores: tuple[Score, ...]
    areas: tuple[AreaBalance, ...] = ()
    notes: tuple[str, ...] = ()
    prior: Mapping[str, float] = field(default_factory=dict)
    """Of the run's own simulated thefts that were not trained on: average_precision, auc, meters."""


EVENTS: Final[Mapping[str, tuple[float, str]]] = {
    "current_without_energy": (3.0, "current flows and no energy is counted"),
    "consumption_after_trip": (2.5, "energy was used while the relay was open"),
    "magnetic_field": (2.5, "a strong magnetic field acted on the meter"),
    "terminal_cover_opened": (2.0, "the terminal cover was opened"),
    "cover_opened": (2.0, "the cover was opened"),
    "phase_reversal": (1.8, "the current flowed backwards"),
    "neutral_missing": (1.8, "the neutral was missing at the meter"),
    "voltage_contradiction": (1.5, "the voltage contradicts that of the neighbours"),
    "cleared": (1.5, "registers or events of the meter were cleared"),
    "voltage_lost": (1.2, "a phase of the meter lost its voltage"),
    "current_lost": (1.2, "a phase of the meter lost its current"),
    "current_imbalance": (1.2, "phase and neutral carried different currents"),
}
"""Kind of event: what it adds to the log-odds of theft, as an expert's estimate until inspectors' outcomes say
otherwise, and in words."""
