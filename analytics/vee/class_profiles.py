"""The day of a class, from days of many usage points: exact sums, rounded once. It must not tell of one customer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, NamedTuple, TypeVar

import numpy as np

from analytics.vee.frame import Steps
from analytics.vee.share import nearest

LEAST_POINTS: Final = 15
"""Usage points of a class, where nobody states another number."""
FLOOR: Final = 10
"""Nobody can state a lower one."""
MOST_PERCENT: Final = 15
"""Of a class's energy that may be one usage point's: a greater share shows through the mean."""

K = TypeVar("K", bound=Hashable)


class TooFew(NamedTuple):
    """A class that would tell of single customers."""

    why: str


@dataclass(frozen=True, slots=True)
class Profile:
    """The mean of `days` days of `points` usage points by slot, rounded half-even to whole steps."""

    steps: tuple[int, ...]
    points: int
    days: int


@dataclass(slots=True)
class _Sum:
    steps: Steps
    by_point: dict[int, int] = field(default_factory=dict)
    days: int = 0


@dataclass(slots=True)
class Sums(Generic[K]):
    """Of days of `slots` intervals, by class; what is kept is as small as classes and points are few."""

    slots: int
    _sums: defaultdict[K, _Sum] = field(init=False)

    def __post_init__(self) -> None:
        self._sums = defaultdict(lambda: _Sum(np.zeros(self.slots, np.int64)))

    def add(self, of: K, point: int, steps: Steps) -> None:
        """Some days (day, slot) of one point."""
        own = self._sums[of]
        own.steps += steps.sum(axis=0)
        own.by_point[point] = own.by_point.get(point, 0) + int(steps.sum())
        own.days += len(steps)

    def profiles(self, least: int) -> Iterator[tuple[K, Profile | TooFew]]:
        """Each class's, in the order in which they came; `least`: usage points."""
        for of, own in self._sums.items():
            points, whole, most = len(own.by_point), sum(own.by_point.values()), max(own.by_point.values())
            if points < least:
                yield of, TooFew(f"{points} usage points with sound days, at least {least} are needed")
            elif most * 100 > whole * MOST_PERCENT:
                yield of, TooFew(f"one usage point is {most * 100 // whole} % of it, at most {MOST_PERCENT} % may be")
            else:
                steps = tuple(nearest(each, own.days) for each in own.steps.tolist())
                yield of, Profile(steps, points, own.days)
