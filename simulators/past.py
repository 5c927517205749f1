"""What happened to a meter: from when on its supply was open or down, and what was set to zero.

A meter to which nothing happened has no eras, and its values are its load's alone. Energy that did not flow is
subtracted from the integral of the load, so that the counters stay exact integers; two eras agree at the second where
they meet. Seconds are those of `simulators.load`.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from simulators.load import DEMAND_S, RATES, Curve, Load, Peak

Counts: TypeAlias = tuple[int, int, int, int]
"""Watt-seconds by rate."""
Way: TypeAlias = Literal["import", "export"]

_NOTHING: Final[Counts] = (0, 0, 0, 0)
_NEVER: Final = -(1 << 62)


@dataclass(frozen=True, slots=True)
class Era:
    """Holds from `since` (`second` of the load) until the next one begins.

    `connected`: the relay is closed. `powered`: there is voltage. `word_3`: the status word 3. `faults`: the bits of
    all status words that something sets while it lasts, word 1 in the lowest 16. `missed_...`: what the
    load has up to `second` and did not flow. `zero_...`: what the counters were set back by. `demand_from`: the second
    at which maximum demands were set to zero.
    """

    since: datetime
    second: int
    connected: bool = True
    powered: bool = True
    word_3: int = 0
    faults: int = 0
    missed_taken: Counts = _NOTHING
    missed_given: Counts = _NOTHING
    zero_taken: Counts = _NOTHING
    zero_given: Counts = _NOTHING
    demand_from: int = _NEVER

    @property
    def flows(self) -> bool:
        return self.connected and self.powered


class Past:
    """One meter's eras, the oldest first."""

    __slots__ = ("_load", "eras")

    def __init__(self, load: Load) -> None:
        self._load = load
        self.eras: tuple[Era, ...] = ()

    def at(self, moment: datetime) -> Era | None:
        """None where nothing had happened yet."""
        place = bisect_right(self.eras, moment, key=_since)
        return self.eras[place - 1] if place else None

    def begin(self, first: Era, **traits: Any) -> Era:
        """A new era that goes on as the last one did, but for `traits`; `first` says when, and what was so before the
        first of all. Raises `ValueError` where it would be older than the last."""
        last = self.eras[-1] if self.eras else first
        if first.since < last.since:
            raise ValueError(f"an era cannot begin at {first.since}, before the last one")
        second = first.second
        era = replace(
            last,
            since=first.since,
            second=second,
            missed_taken=_missed(last, last.missed_taken, self._load.taken, second),
            missed_given=_missed(last, last.missed_given, self._load.given, second),
            **traits,
        )
        self.eras += (era,)
        return era

    def zero(self, taken: Counts, given: Counts) -> None:
        """The last era counts from here on as if `taken` and `given` had been 0 when it began."""
        last = self.eras[-1]
        zeroed = replace(
            last,
            zero_taken=_sum(last.zero_taken, taken),
            zero_given=_sum(last.zero_given, given),
            demand_from=last.second,
        )
        self.eras = (*self.eras[:-1], zeroed)

    def flowed(self, way: Way, second: int, era: Era | None) -> Counts:
        """What the load has up to `second`, which is of `era`, less what did not flow."""
        curve = self._load.taken if way == "import" else self._load.given
        if era is None:
            return _energies(curve, second)
        return _difference(_energies(curve, second if era.flows else era.second), _missed_of(era, way))

    def average(self, way: Way, end: int) -> int:
        """Watts on the average of the demand period that ends at the second `end`, rounded down."""
        begin = end - DEMAND_S
        after = self.flowed(way, end, self.at_second(end))
        return sum(_difference(after, self.flowed(way, begin, self.at_second(begin)))) // DEMAND_S

    def peak(self, way: Way, second: int) -> Peak:
        """The greatest demand of the local day so far, in periods that ended after demands were last set to zero."""
        day, rest = divmod(second, 86400)
        era = self.at_second(second)
        best = Peak(day, rest // DEMAND_S, 0, 0)
        for end in range(day * 86400 + DEMAND_S, second + 1, DEMAND_S):
            if era is not None and end <= era.demand_from:
                continue
            watts = self.average(way, end)
            if watts > best.watts:
                best = replace(best, watts=watts, end=end)
        return best

    def at_second(self, second: int) -> Era | None:
        """The last that began up to that second; `at` is finer."""
        place = bisect_right(self.eras, second, key=_second)
        return self.eras[place - 1] if place else None


def _since(era: Era) -> datetime:
    return era.since


def _second(era: Era) -> int:
    return era.second


def _missed_of(era: Era, way: Way) -> Counts:
    return era.missed_taken if way == "import" else era.missed_given


def _missed(last: Era, missed: Counts, curve: Curve, second: int) -> Counts:
    if last.flows or second == last.second:
        return missed
    return _sum(missed, _difference(_energies(curve, second), _energies(curve, last.second)))


def _energies(curve: Curve, second: int) -> Counts:
    first, peak, flat, valley = (curve.energy(second, rate) for rate in range(1, RATES + 1))
    return first, peak, flat, valley


def _sum(one: Counts, other: Counts) -> Counts:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]


def _difference(one: Counts, other: Counts) -> Counts:
    return one[0] - other[0], one[1] - other[1], one[2] - other[2], one[3] - other[3]
