"""What an area lacks, and whose readings explain it.

    total(t) - sum of reported(t) = technical loss(load(t)) + what was used and not reported(t) + noise

Forward selection: of all meters, kinds of theft (`templates`) and first days the one that explains most of what is
still unexplained is taken into a joint least-squares fit, until nothing explains more than noise would. The technical
loss (constant, linear and quadratic in the load) is fitted along with it, so that theft which does not follow the load
of the area is not taken for loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.theft.noise import by_noise
from analytics.theft.profile import Population, filled, profiles
from analytics.theft.templates import templates
from analytics.theft.windows import Windows

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_MOST: Final = 24
_LEAST_ROWS: Final = 30
_LEAST_BEFORE: Final = 3
_LEAST_SLOTS: Final = 12
_WINDOW_WORTH: Final = 1.15
"""Times what else explains most: hours that are chosen freely fit what is left by chance more easily."""
_MOST_STARTS: Final = 120
_UNTRUE: Final = ("invented", "flat")
_LEAST_GAIN: Final = 30.0
"""In units of the variance of what is left: what chance reaches over all the hypotheses that are tried."""
_FACTORS: Final = {
    "share": (0.02, 50.0),
    "invented": (0.3, 1.6),
    "missing": (0.1, 3.0),
    "zero": (0.1, 6.0),
    "mirror": (0.3, 1.3),
    "flat": (0.1, 6.0),
    "capped": (0.02, 9.0),
    "block": (0.05, 50.0),
}
"""By kind: the least and the greatest factor that makes sense."""


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of the explanation: meter (position), kind of template, first day, factor, energy."""

    meter: int
    kind: str
    start: int
    factor: float
    energy: float


@dataclass(frozen=True, slots=True)
class Balance:
    """Of one area. `bits[k]` is how much better the balance is explained with meter k than without (natural units),
    `left[k]` the best that any template of k explains of what the others leave."""

    parts: tuple[Part, ...]
    bits: Doubles
    left: Doubles
    energy: Doubles
    start: NDArray[np.int64]
    explained: Doubles
    total: float
    technical: float
    noise: float


def balance(cells: Floats, total: Floats, people: Population) -> Balance | None:
    """Of members (meter, day, slot) against their total meter (day, slot); None where they never count together."""
    whole, doubt = filled(cells, people)
    weight, load, lacking = _sides(whole, doubt, total)
    if (weight > 0).sum() < _LEAST_ROWS:
        return None
    kinds, made = templates(whole, profiles(whole, people))
    search = _searched(kinds, made, weight, load, lacking)
    if cells.shape[2] >= _LEAST_SLOTS:
        search = _searched(kinds, made, by_noise(weight, search.rest, search.shape), load, lacking)
    return search.told(total)


def _searched(kinds: tuple[str, ...], made: Floats, weight: Doubles, load: Doubles, lacking: Doubles) -> _Search:
    search = _Search(kinds, made, weight, load, lacking)
    while search.step():
        pass
    search.prune()
    return search


def _sides(whole: Floats, doubt: Floats, total: Floats) -> tuple[Doubles, Doubles, Doubles]:
    """Weights, loads (1 on the average) and what is lacking, one an interval. Filled gaps count by their doubt."""
    counted = np.isfinite(total)
    mean = float(total[counted].mean()) if counted.any() else 0.0
    if mean <= 0:
        return np.zeros(total.size), np.zeros(total.size), np.zeros(total.size)
    noise = (0.01 * mean) ** 2
    weight = np.where(counted, noise / (noise + doubt.sum(axis=0, dtype=np.float64)), 0.0)
    filled_total = np.where(counted, total, mean).astype(np.float64)
    lacking = np.where(counted, filled_total - whole.sum(axis=0, dtype=np.float64), 0.0)
    return weight.ravel(), filled_total.ravel() / mean, lacking.ravel()


_Chosen = tuple[int, int, int, int, int]
"""Kind, meter, first day, first slot, slots."""


class _Search:
    """The state of one forward selection: what is still unexplained, and an orthonormal basis of what explains."""

    def __init__(self, kinds: tuple[str, ...], made: Floats, weight: Doubles, load: Doubles, lacking: Doubles) -> None:
        self.kinds = kinds
        self.made = made
        self.shape = made.shape[2:]
        self.weight = weight
        self.root = np.sqrt(weight)
        self.count = float((weight > 0).sum())
        self.base = np.stack([np.ones_like(load), load, load * load], axis=1)
        self.lacking = lacking
        self.rest = lacking * self.root
        self.norm = _suffix(np.einsum("hmdp,hmdp->hmd", made * self._square(weight), made))
        self.taken = np.zeros_like(self.norm)
        self.basis: list[Doubles] = []
        self.chosen: list[_Chosen] = []
        self.windows = Windows(made[0], self._square(weight), _stride(self.shape[0]))
        self.low, self.high = np.array([_FACTORS[kind] for kind in kinds]).T[:, :, None, None]
        self.product = np.zeros_like(self.norm)
        self._add(self.rest * self.root, 1.0)
        for column in self.base.T:
            self._explain(column * self.root)

    def _square(self, line: Doubles) -> Floats:
        return line.reshape(self.shape).astype(np.float32)

    def _explain(self, column: Doubles) -> None:
        for _ in range(2):
            for known in self.basis:
                column = column - known * (known @ column)
        length = float(np.sqrt(column @ column))
        if length < 1e-9:
            return
        unit = column / length
        self.basis.append(unit)
        part = float(unit @ self.rest)
        self.rest = self.rest - unit * part
        self.taken += self._add(unit * self.root, -part) ** 2

    def _add(self, line: Doubles, factor: float) -> Doubles:
        """Takes `line` times `factor` into the products of all hypotheses with the rest; those with `line` alone."""
        square = self._square(line)
        products = _suffix(np.einsum("hmdp,dp->hmd", self.made, square))
        self.product += factor * products
        self.windows.add(square, factor)
        return products

    def gains(self) -> Doubles:
        """How much of the rest each (kind, meter, first day) would explain, 0 where its factor cannot be."""
        product = self.product
        free = self.norm - self.taken
        usable = free > 1e-3 * np.maximum(self.norm, 1e-12)
        factor = np.where(usable, product / np.where(usable, free, 1), 0)
        fits = (factor > self.low) & (factor < self.high)
        return np.where(fits, product * factor, 0)

    def step(self) -> bool:
        """Take the best explanation in; False where none is better than chance, or there are enough."""
        gains = self.gains()
        best = int(np.argmax(gains))
        gain = float(gains.flat[best])
        left = float(self.rest @ self.rest)
        window = self.windows.best(_FACTORS["block"])
        if window.gain > max(_WINDOW_WORTH * gain, _LEAST_GAIN * left / self.count):
            gain = window.gain
            found = (len(self.kinds), window.meter, window.start, window.first, window.length)
        else:
            at = np.unravel_index(best, gains.shape)
            found = (int(at[0]), int(at[1]), int(at[2]) * _stride(self.shape[0]), 0, self.shape[1])
        if len(self.chosen) >= _MOST or gain < _LEAST_GAIN * left / self.count:
            return False
        self.chosen.append(found)
        self._explain(self.column(found).ravel() * self.root)
        return True

    def column(self, which: _Chosen) -> Doubles:
        kind, meter, start, first, length = which
        column: Doubles = self.made[0 if kind == len(self.kinds) else kind, meter].astype(np.float64)
        column[:start] = 0
        column[:, (np.arange(self.shape[1]) - first) % self.shape[1] >= length] = 0
        return column

    def kind(self, number: int) -> str:
        return self.kinds[number] if number < len(self.kinds) else "block"

    def fit(self, chosen: list[_Chosen]) -> tuple[Doubles, float]:
        """Factors (three of the loss first) and what they leave, as a weighted sum of squares."""
        parts = [self.column(one).ravel() for one in chosen]
        columns = np.column_stack([self.base, *parts, *self.levels(chosen)]) * self.root[:, None]
        aim = self.lacking * self.root
        scale = np.sqrt((columns**2).sum(axis=0)) + 1e-12
        factors = np.linalg.lstsq(columns / scale, aim, rcond=1e-9)[0] / scale
        rest = aim - columns @ factors
        return factors, float(rest @ rest)

    def levels(self, chosen: list[_Chosen]) -> list[Doubles]:
        """Steps by which the mean of what is lacking may differ since readings are no longer the load: how much was
        really used since then is not in the readings."""
        starts = {
            (start, meter) for kind, meter, start, *_ in chosen if self.kind(kind) in _UNTRUE and start >= _LEAST_BEFORE
        }
        made = []
        for start, _ in sorted(starts):
            step: Doubles = np.zeros(self.shape)
            step[start:] = 1.0
            made.append(step.ravel())
        return made

    def prune(self) -> None:
        """Drop what the joint fit turns against its sense, or what has become superfluous."""
        while self.chosen:
            factors, _ = self.fit(self.chosen)
            worst = int(np.argmin(factors[3 : 3 + len(self.chosen)]))
            if factors[3 + worst] > 0:
                return
            del self.chosen[worst]

    def told(self, total: Floats) -> Balance:
        factors, left = self.fit(self.chosen)
        meters = self.made.shape[1]
        bits, explained = np.zeros(meters), np.zeros(meters)
        energy, start = np.zeros(meters), np.full(meters, -1, np.int64)
        half = self.count / 2
        lone = self.fit([])[1]
        parts = []
        for factor, one in zip(factors[3:], self.chosen, strict=False):
            kind, meter, first, *_ = one
            worth = float(factor) * float(self.column(one).sum())
            energy[meter] += worth
            start[meter] = first if start[meter] < 0 else min(start[meter], first)
            parts.append(Part(meter, self.kind(kind), first, float(factor), worth))
        steps = sorted({(s, m) for k, m, s, *_ in self.chosen if self.kind(k) in _UNTRUE and s >= _LEAST_BEFORE})
        for factor, column, (_, meter) in zip(
            factors[3 + len(self.chosen) :], self.levels(self.chosen), steps, strict=True
        ):
            energy[meter] += float(factor) * float(column.sum())
        for meter in {one[1] for one in self.chosen}:
            without = self.fit([one for one in self.chosen if one[1] != meter])[1]
            bits[meter] = half * np.log(max(without, 1e-9) / max(left, 1e-9))
            explained[meter] = (without - left) / max(lone, 1e-9)
        rest = max(float(self.rest @ self.rest), 1e-9)
        best = self.gains().max(axis=(0, 2))
        counted = np.isfinite(total).ravel()
        return Balance(
            tuple(parts),
            bits,
            -half * np.log(np.maximum(1 - best / rest, 1e-9)),
            energy,
            start,
            explained,
            float(np.where(counted, total.ravel(), 0).sum(dtype=np.float64)),
            float((self.base @ factors[:3])[counted].sum()),
            float(np.sqrt(left / max(self.count, 1))),
        )


def _suffix(by_day: Floats) -> Doubles:
    """Sums from each day that may be the first until the end."""
    stride = _stride(by_day.shape[2])
    starts = np.arange(0, by_day.shape[2], stride)
    whole = np.add.reduceat(by_day, starts, axis=2, dtype=np.float64)
    return np.asarray(np.cumsum(whole[:, :, ::-1], axis=2)[:, :, ::-1])


def _stride(days: int) -> int:
    """Of long periods not every day is tried as the first."""
    return max(days // _MOST_STARTS, 1)
