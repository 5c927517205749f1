"""Loads as pure functions of seed and time: integer watts in steps of a minute, and their exact integral.

The integral has a closed form, so that a meter's register at any moment costs the same whether it has run a minute or
ten years: the energy up to the beginning of a step is (days x day's total) + (the day's table up to the step) + terms
that depend on that moment alone (how this day differs from others, how this minute does), and the watts of a step are
the difference of two neighbours. So energy in watt-seconds is an integer, always, and never falls.

Seconds are those of the meter's local standard time since 2026-01-01T00:00 (`seconds_of`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, TypeAlias

STEP_S: Final = 60
RATES: Final = 4
Counts: TypeAlias = tuple[int, int, int, int]
"""Watt-seconds by rate."""
EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Where seconds are counted from (read as local standard time)."""
DEMAND_S: Final = 900
"""A demand period: the average power of a quarter of an hour."""

_DAY_S: Final = 86400
_STEPS: Final = _DAY_S // STEP_S
_PER_HOUR: Final = 3600 // STEP_S
_MASK: Final = (1 << 64) - 1
_ALL_HOURS: Final = frozenset(range(24))

RATE_BY_HOUR: Final = (4, 4, 4, 4, 4, 4, 4, 3, 2, 2, 2, 3, 3, 3, 3, 3, 3, 2, 2, 1, 1, 3, 3, 4)
"""1 sharp (尖), 2 peak (峰), 3 flat (平), 4 valley (谷), by local hour."""


def seconds_of(at: datetime, utc_offset_s: int) -> int:
    """`at` in whole seconds of a local time that is `utc_offset_s` ahead of UTC."""
    return (at - EPOCH) // _SECOND + utc_offset_s


_SECOND: Final = datetime(1, 1, 1, 0, 0, 1) - datetime(1, 1, 1)  # noqa: DTZ001  # a difference has no zone


def settled(second: int) -> int:
    """When the demand that a meter shows at `second` began to count: at the midnight of the first of a month. At such a
    midnight itself it shows that of the month that is over."""
    at = EPOCH + _SECOND * (second - 1)
    return (at.replace(day=1, hour=0, minute=0, second=0) - EPOCH) // _SECOND


def mixed(seed: int, number: int) -> int:
    """64 bits that look random and depend on both alone (splitmix64)."""
    z = (seed + (number + 1) * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


class Shape:
    """An average day: watts by local hour, in units that a `Curve` multiplies; 0 where nothing flows."""

    __slots__ = ("hours", "inside", "least", "prefix", "rate", "total")

    def __init__(self, hours: Sequence[int]) -> None:
        self.hours = tuple(hours)
        steps = [hours[step // _PER_HOUR] for step in range(_STEPS)]
        self.rate = tuple(RATE_BY_HOUR[step // _PER_HOUR] for step in range(_STEPS))
        self.least = min((watts for watts in steps if watts), default=0)
        self.inside = tuple(
            step > 0 and self.rate[step] == self.rate[step - 1] and steps[step] > 0 < steps[step - 1]
            for step in range(_STEPS)
        )
        """Whether a step begins between two of one rate in which something flows."""
        prefix = []
        for rate in range(1, RATES + 1):
            sums = [0]
            for step, watts in enumerate(steps):
                sums.append(sums[-1] + (watts if self.rate[step] == rate else 0))
            prefix.append(tuple(sums))
        self.prefix = tuple(prefix)
        """By rate: the sum of the steps before each."""
        self.total = tuple(sums[-1] for sums in prefix)


SHAPES: Final = {
    "home": Shape((5, 4, 4, 4, 4, 5, 8, 12, 10, 8, 8, 9, 12, 10, 8, 8, 9, 12, 18, 22, 20, 16, 11, 7)),
    "shop": Shape((4, 4, 4, 4, 4, 4, 5, 8, 14, 20, 22, 23, 22, 22, 23, 23, 22, 22, 23, 24, 20, 12, 6, 4)),
    "works": Shape((12, 12, 12, 12, 12, 13, 18, 26, 32, 34, 34, 33, 26, 32, 34, 34, 33, 30, 24, 20, 18, 15, 13, 12)),
    "roof": Shape((5, 4, 4, 4, 4, 5, 8, 10, 6, 0, 0, 0, 0, 0, 0, 0, 6, 12, 18, 22, 20, 16, 11, 7)),
    "sun": Shape((0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 20, 26, 28, 25, 18, 9, 0, 0, 0, 0, 0, 0, 0, 0)),
    "none": Shape((0,) * 24),
}
"""By name; "roof" imports when "sun" does not export."""


class Flow(ABC):
    """One direction through a meter."""

    __slots__ = ("_peak",)

    def __init__(self) -> None:
        self._peak: Peak | None = None

    @property
    @abstractmethod
    def most(self) -> int:
        """Watts that it never exceeds."""

    @abstractmethod
    def watts(self, second: int) -> int:
        """The power at that second: constant within a step."""

    @abstractmethod
    def energies(self, second: int) -> Counts:
        """Watt-seconds by rate, counted from some moment before the epoch."""

    def average(self, end: int) -> int:
        """Watts on the average of the demand period that ends at the second `end`, rounded down."""
        return (sum(self.energies(end)) - sum(self.energies(end - DEMAND_S))) // DEMAND_S

    @property
    def high(self) -> frozenset[int]:
        """Hours of a day in which the greatest demand of a month may be, where a whole day went before."""
        return _ALL_HOURS

    def peak(self, second: int) -> Peak:
        """The greatest demand of the month so far, in whole periods from its beginning."""
        first = settled(second)
        held = self._peak
        if held is None or held.first != first or held.through > second:
            held = Peak(first, first, 0, 0)
        watts, at, high, thorough = held.watts, held.at, self.high, first + _DAY_S
        for end in range(held.through + DEMAND_S, second + 1, DEMAND_S):
            if end <= thorough or (end - 1) % _DAY_S // 3600 in high:
                average = self.average(end)
                if average > watts:
                    watts, at = average, end
        self._peak = Peak(first, second - second % DEMAND_S, watts, at)
        return self._peak

    def forget(self) -> None:
        """What was worked out beforehand holds no more."""
        self._peak = None


class Curve(Flow):
    """A shape times `scale`, moved up and down by days and by minutes."""

    __slots__ = ("scale", "seed", "shape")

    def __init__(self, shape: Shape, scale: int, seed: int) -> None:
        super().__init__()
        if scale < 1:
            raise ValueError(f"scale is {scale}, expected at least 1")
        self.shape = shape
        self.scale = scale
        self.seed = seed

    def _up_to(self, step: int, rate: int) -> int:
        """Watts of the rate summed over all steps before `step`."""
        shape, scale, seed = self.shape, self.scale, self.seed
        total = shape.total[rate - 1]
        if not total:
            return 0
        day, minute = divmod(step, _STEPS)
        done = shape.prefix[rate - 1][minute]
        spread = scale * total // 5 + 1
        level = mixed(seed, day * RATES + rate) % spread
        next_level = mixed(seed, (day + 1) * RATES + rate) % spread
        watts = scale * (day * total + done) + level + (next_level - level) * done // total
        if shape.inside[minute] and shape.rate[minute] == rate:
            watts += mixed(~seed & _MASK, step) % (scale * shape.least // 2 + 1)
        return watts

    @property
    def most(self) -> int:
        return self.scale * (max(self.shape.hours) * 6 // 5 + self.shape.least // 2 + 1)

    def watts(self, second: int) -> int:
        step = second // STEP_S
        rate = self.shape.rate[step % _STEPS]
        return self._up_to(step + 1, rate) - self._up_to(step, rate)

    def energy(self, second: int, rate: int) -> int:
        """Watt-seconds of the rate (1..4), counted from some moment before the epoch."""
        step, rest = divmod(second, STEP_S)
        before = self._up_to(step, rate)
        if not rest:
            return before * STEP_S
        return before * STEP_S + (self._up_to(step + 1, rate) - before) * rest

    def energies(self, second: int) -> Counts:
        return self.energy(second, 1), self.energy(second, 2), self.energy(second, 3), self.energy(second, 4)

    @property
    def high(self) -> frozenset[int]:
        return _high(self.shape, self.scale)

    def average(self, end: int) -> int:
        rates = {self.shape.rate[(second // STEP_S) % _STEPS] for second in range(end - DEMAND_S, end, STEP_S)}
        return sum(self.energy(end, rate) - self.energy(end - DEMAND_S, rate) for rate in rates) // DEMAND_S


@lru_cache(maxsize=1024)
def _high(shape: Shape, scale: int) -> frozenset[int]:
    """A day differs from another by a fifth either way, a period by a thirtieth of the least; 2 W are for rounding."""
    most = max(shape.hours) * scale
    return frozenset(
        hour
        for hour, watts in enumerate(shape.hours)
        if 36 * watts * scale + scale * shape.least + 60 >= 24 * most - scale * shape.least - 60
    )


@dataclass(frozen=True, slots=True)
class Peak:
    """The greatest demand from the second `first` on `through` another one, and the second `at` which its period ended
    (0: there was none)."""

    first: int
    through: int
    watts: int
    at: int


NOTHING: Final = Curve(SHAPES["none"], 1, 0)


@dataclass(frozen=True, slots=True)
class Load:
    """What flows through one meter: import and export, never both at once; how it is spread over three phases, in
    percent; and the reactive part in thousandths of the active one."""

    taken: Flow
    given: Flow = NOTHING
    split: tuple[int, int, int] = (34, 33, 33)
    reactive: int = 250


def draw_load(seed: int, kind: str = "") -> Load:
    """A load of the kind ("home", "shop", "works", "roof"), or of one drawn: a tenth of the meters has a roof."""
    if not kind:
        kind = ("home", "home", "home", "home", "home", "home", "shop", "shop", "works", "roof")[mixed(seed, 1) % 10]
    scale = 60 + mixed(seed, 2) % 200 if kind == "works" else 10 + mixed(seed, 2) % 40
    first = 28 + mixed(seed, 3) % 12
    second = 28 + mixed(seed, 4) % 12
    given = Curve(SHAPES["sun"], 10 + mixed(seed, 5) % 60, mixed(seed, 6)) if kind == "roof" else NOTHING
    return Load(
        Curve(SHAPES[kind], scale, mixed(seed, 7)),
        given,
        (first, second, 100 - first - second),
        100 + mixed(seed, 8) % 300,
    )
