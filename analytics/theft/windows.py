"""Hours of the day, at any time and of any length, in which a share of a meter may be hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[Any]

_LENGTHS: Final = (1 / 12, 1 / 6, 1 / 4, 1 / 3, 3 / 8, 1 / 2, 2 / 3)
"""Of the day."""
_MOST_STARTS: Final = 30
_MOST_PLACES: Final = 24


@dataclass(frozen=True, slots=True)
class Window:
    """The best: of a meter (position), from a day on, `length` slots from slot `first` on, across midnight too."""

    meter: int
    start: int
    first: int
    length: int
    gain: float


class Windows:
    """Of readings (meter, day, slot), weighed by (day, slot)."""

    def __init__(self, days: Floats, weight: Floats, stride: int) -> None:
        self.days = days
        count, slots = days.shape[1:]
        self.wide = max(slots // _MOST_PLACES, 1)
        self.places = np.arange(0, slots, self.wide)
        shares = {round(len(self.places) * share) for share in _LENGTHS} if slots > 3 else set()
        self.lengths = sorted(shares - {0})
        self.stride = max(stride, count // _MOST_STARTS, 1)
        self.starts = np.arange(0, count, self.stride)
        self.size = self._sums(days * days * weight) if self.lengths else None

    def best(self, rest: Floats, factors: tuple[float, float]) -> Window:
        """What explains most of `rest` (day, slot) by a factor in its bounds; gains are a little too low, as what was
        explained before is not taken out of the readings."""
        if self.size is None:
            return Window(0, 0, 0, 0, 0.0)
        product = self._sums(self.days * rest)
        factor = product / np.maximum(self.size, 1e-9)
        gain = np.where((factor > factors[0]) & (factor < factors[1]), product * factor, 0)
        at = np.unravel_index(int(np.argmax(gain)), gain.shape)
        length, meter, start, first = (int(k) for k in at)
        return Window(
            meter, int(self.starts[start]), int(self.places[first]), self.lengths[length] * self.wide, float(gain[at])
        )

    def _sums(self, cells: Floats) -> Doubles:
        """(length, meter, start, first slot)."""
        parts = np.add.reduceat(cells, self.starts, axis=1, dtype=np.float64)
        since = np.cumsum(parts[:, ::-1], axis=1)[:, ::-1]
        since = np.add.reduceat(since, self.places, axis=2)
        slots = len(self.places)
        around = np.concatenate(
            [np.zeros((*since.shape[:2], 1)), np.cumsum(np.concatenate([since, since], axis=2), axis=2)], axis=2
        )
        return np.stack([around[:, :, n : n + slots] - around[:, :, :slots] for n in self.lengths])
