"""What happened to a meter: from when on its supply was open or down, what was used behind it and what it counted of
that, and what was set to zero.

A meter to which nothing happened has no eras, and its values are its load's alone. An era counts on from where the last
one ended, so counters stay exact integers; two eras agree at the second where they meet. Seconds are those of
`simulators.load`.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from simulators.load import DEMAND_S, Counts, Flow, Load, Peak, settled
from simulators.wiring import ALL, HONEST, Wiring

Way: TypeAlias = Literal["import", "export"]

_NOTHING: Final[Counts] = (0, 0, 0, 0)
_NEVER: Final = -(1 << 62)
_WHOLE: Final = 1000


class Meant(NamedTuple):
    """What a counter of an era goes on from: what its flow had, and what had been counted, when the era began."""

    flow: Counts
    counted: Counts


@dataclass(frozen=True, slots=True)
class Era:
    """Holds from `since` (`second` of the load) until the next one begins.

    `connected`: the relay is closed. `powered`: there is a supply. `word_3`: the status word 3. `faults`: the bits of
    all status words that something sets while it lasts, word 1 in the lowest 16. `load`: what is used here, `use`
    thousandths of what it takes. `seen`: the load that the meter measures, `seen_use` thousandths of it, where that is
    another one. `wiring`: how it measures, `counts` of it in hundred-thousandths. `zero_...`: what the counters were
    set back by. `demand_from`: the second at which maximum demands were set to zero. `used_...`, `counted_...`: where
    counting goes on from.
    """

    since: datetime
    second: int
    load: Load
    connected: bool = True
    powered: bool = True
    word_3: int = 0
    faults: int = 0
    use: int = _WHOLE
    seen: Load | None = None
    seen_use: int = _WHOLE
    wiring: Wiring = HONEST
    counts: int = ALL
    zero_taken: Counts = _NOTHING
    zero_given: Counts = _NOTHING
    demand_from: int = _NEVER
    used_taken: Meant | None = None
    used_given: Meant | None = None
    counted_taken: Meant | None = None
    counted_given: Meant | None = None

    @property
    def flows(self) -> bool:
        return self.connected and self.powered

    @property
    def awake(self) -> bool:
        """Whether the meter has voltage."""
        return self.powered and not self.wiring.blind

    @property
    def steals(self) -> bool:
        return self.counts != ALL or self.seen is not None

    @property
    def measured(self) -> Load:
        return self.seen or self.load

    @property
    def measured_use(self) -> int:
        """Thousandths of what `measured` takes."""
        return self.use if self.seen is None else self.seen_use

    def used(self, way: Way, second: int) -> Counts:
        """Behind the meter, from `second` on of this era."""
        share = self.use if way == "import" else _WHOLE
        return self._counted(_flow(self.load, way), self.used_taken if way == "import" else self.used_given,
                             second, share, _WHOLE)  # fmt: skip

    def counted(self, way: Way, second: int) -> Counts:
        """By the meter."""
        share = self.measured_use if way == "import" else _WHOLE
        return self._counted(_flow(self.measured, way), self.counted_taken if way == "import" else self.counted_given,
                             second, share * self.counts, _WHOLE * ALL)  # fmt: skip

    def _counted(self, flow: Flow, meant: Meant | None, second: int, share: int, of: int) -> Counts:
        if meant is None:  # nothing has ever happened
            return flow.energies(second)
        if not self.flows or second == self.second:
            return meant.counted
        now = flow.energies(second)
        one, two, three, four = (
            had + (ws - began) * share // of
            for had, ws, began in zip(meant.counted, now, meant.flow, strict=True)
        )  # fmt: skip
        return one, two, three, four


def _flow(load: Load, way: Way) -> Flow:
    return load.taken if way == "import" else load.given


class Past:
    """One meter's eras, the oldest first."""

    __slots__ = ("_load", "_peaks", "eras")

    def __init__(self, load: Load) -> None:
        self._load = load
        self.eras: tuple[Era, ...] = ()
        self._peaks: dict[Way, Peak] = {}

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
        era = replace(last, since=first.since, second=second, **traits)
        era = replace(
            era,
            used_taken=Meant(era.load.taken.energies(second), last.used("import", second)),
            used_given=Meant(era.load.given.energies(second), last.used("export", second)),
            counted_taken=Meant(era.measured.taken.energies(second), last.counted("import", second)),
            counted_given=Meant(era.measured.given.energies(second), last.counted("export", second)),
        )
        self.eras += (era,)
        self._peaks = {way: peak for way, peak in self._peaks.items() if peak.through <= second}
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
        """What the meter has counted up to `second`, which is of `era`."""
        return _flow(self._load, way).energies(second) if era is None else era.counted(way, second)

    def used(self, way: Way, second: int) -> Counts:
        """What was used behind the meter up to `second`, whatever it counted."""
        era = self.at_second(second)
        return _flow(self._load, way).energies(second) if era is None else era.used(way, second)

    def stolen(self, second: int) -> int | None:
        """Watt-seconds that were used up to `second` and not counted; None: nobody has stolen by then. Negative where
        more was counted."""
        if not any(era.steals for era in self.eras):
            return None
        return sum(self.used("import", second)) - sum(self.flowed("import", second, self.at_second(second)))

    def average(self, way: Way, end: int) -> int:
        """Watts on the average of the demand period that ends at the second `end`, rounded down."""
        return (self._sum(way, end) - self._sum(way, end - DEMAND_S)) // DEMAND_S

    def peak(self, way: Way, second: int) -> Peak:
        """The greatest demand of the month so far, in periods that ended after demands were last set to zero."""
        era = self.at_second(second)
        first = settled(second) if era is None else max(settled(second), era.demand_from)
        held = self._peaks.get(way)
        if held is None or held.first != first or held.through > second:
            held = Peak(first, first - first % DEMAND_S, 0, 0)
        watts, at, had = held.watts, held.at, self._sum(way, held.through)
        for end in range(held.through + DEMAND_S, second + 1, DEMAND_S):
            has = self._sum(way, end)
            if (has - had) // DEMAND_S > watts:
                watts, at = (has - had) // DEMAND_S, end
            had = has
        self._peaks[way] = found = Peak(first, second - second % DEMAND_S, watts, at)
        return found

    def _sum(self, way: Way, second: int) -> int:
        """Watt-seconds that the meter has counted."""
        return sum(self.flowed(way, second, self.at_second(second)))

    def at_second(self, second: int) -> Era | None:
        """The last that began up to that second; `at` is finer."""
        place = bisect_right(self.eras, second, key=_second)
        return self.eras[place - 1] if place else None


def _since(era: Era) -> datetime:
    return era.since


def _second(era: Era) -> int:
    return era.second


def _sum(one: Counts, other: Counts) -> Counts:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]


def _difference(one: Counts, other: Counts) -> Counts:
    return one[0] - other[0], one[1] - other[1], one[2] - other[2], one[3] - other[3]
