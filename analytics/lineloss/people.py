"""What moves all meters of a network, from some meters at a time: the same as of all at once, to the bit.

A meter leaves its days in units of its own mean here, nothing of its readings.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.theft.profile import Population

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sketch:
    """Of meters that count at all, each in units of its mean: (meter, day) and (meter, slot)."""

    by_day: Floats
    by_slot: Floats


def sketched(cells: Floats) -> Sketch:
    """Of (meter, day, slot) with gaps; of two meters at least where there are two, for sums of one are rounded
    otherwise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a meter or a day without any value is NaN, and passed over
        daily = np.nanmean(cells, axis=2)
        level = np.nanmedian(daily, axis=1)
        active = np.isfinite(level) & (level > 0)
        return Sketch(daily[active] / level[active, None], np.nanmean(cells[active], axis=1) / level[active, None])


class People:
    """Adds up sketches in the meters' order."""

    def __init__(self, days: int, slots: int) -> None:
        self._days = days
        self._by_day: list[Floats] = []
        self._slots: NDArray[Any] = np.zeros(slots, np.float32)
        self._count: NDArray[Any] = np.zeros(slots, np.int64)

    def add(self, sketch: Sketch) -> None:
        self._by_day.append(sketch.by_day)
        for row in sketch.by_slot:
            known = np.isfinite(row)
            self._slots += np.where(known, row, np.float32(0))
            self._count += known

    def population(self) -> Population:
        """As `analytics.theft.profile.population` has it."""
        by_day = np.concatenate(self._by_day) if self._by_day else np.zeros((0, self._days), np.float32)
        if not len(by_day):
            return Population(np.ones(self._days, np.float32), np.ones(len(self._slots), np.float32))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            days = np.nanmedian(by_day, axis=0)
            slots = (self._slots / self._count).astype(np.float32)
        days = np.where(np.isfinite(days) & (days > 0.05), days, 1)
        slots = np.where(np.isfinite(slots), slots, 1)
        mean = slots.mean()
        return Population(
            (days / days.mean()).astype(np.float32), (slots / mean if mean > 0 else slots).astype(np.float32)
        )
