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
    """Of readings (meter, day, slot), weighed by (day, slot), against a rest (day, slot) of which parts are taken."""

    def __init__(self, days: Floats, weight: Floats, stride: int) -> None:
        self.days = days
        count, slots = days.shape[1:]
        self.wide = max(slots // _MOST_PLACES, 1)
        self.places = -(-slots // self.wide)
        shares = {round(self.places * share) for share in _LENGTHS} if slots > 3 else set()
        self.lengths = sorted(shares - {0})
        self.stride = max(stride, count // _MOST_STARTS, 1)
        self.size = [np.maximum(part, 1e-9) for part in self._sums(self._since(days * days * weight))]
        self.product = self._since(np.zeros_like(days[:1]))

    def add(self, rest: Floats, factor: float) -> None:
        """`rest` times `factor` comes to what is to be explained."""
        if self.lengths:
            self.product = self.product + factor * self._since(self.days * rest)

    def best(self, factors: tuple[float, float]) -> Window:
        """What explains most of the rest by a factor in its bounds; gains are a little too low, as what was explained
        before is not taken out of the readings."""
        found = Window(0, 0, 0, 0, 0.0)
        for length, size, product in zip(self.lengths, self.size, self._sums(self.product), strict=True):
            factor = product / size
            gain = np.where((factor > factors[0]) & (factor < factors[1]), product * factor, 0)
            best = int(np.argmax(gain))
            if gain.flat[best] > found.gain:
                meter, start, first = (int(k) for k in np.unravel_index(best, gain.shape))
                found = Window(
                    meter, start * self.stride, first * self.wide, length * self.wide, float(gain.flat[best])
                )
        return found

    def _since(self, cells: Floats) -> Doubles:
        """(meter, start, place), twice round the clock: sums from each start to the end, and from midnight on."""
        meters, count, slots = cells.shape
        if count % self.stride or slots % self.wide:
            cells = np.pad(cells, ((0, 0), (0, -count % self.stride), (0, -slots % self.wide)))
        narrow = sum((cells[:, :, k :: self.wide] for k in range(1, self.wide)), cells[:, :, :: self.wide])
        parts = narrow.reshape(meters, -1, self.stride, self.places).sum(axis=2, dtype=np.float64)
        since = np.cumsum(parts[:, ::-1], axis=1)[:, ::-1]
        return np.cumsum(np.concatenate([np.zeros_like(since[:, :, :1]), since, since], axis=2), axis=2)

    def _sums(self, since: Doubles) -> list[Doubles]:
        """Of each length: (meter, start, first place)."""
        return [since[:, :, n : n + self.places] - since[:, :, : self.places] for n in self.lengths]
