"""At which moments a meter stores something by its own clock, worked out when it is asked.

Nothing is stored: the value of a moment is what the meter had then. Where its clock jumps over a moment, or the meter
has no voltage, that moment is missed; where the clock is set back over one, it is there twice.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

from simulators.dlt645.dial import Dial, Stretch
from simulators.load import EPOCH
from simulators.meter import VirtualMeter

DAY: Final = 1440
_ZERO: Final = EPOCH.replace(tzinfo=None)
_MINUTE: Final = timedelta(minutes=1)


class Stamp(NamedTuple):
    """`own`: what the clock showed; `at`: when that was; `word`: the mode word that held then."""

    own: datetime
    at: datetime
    word: int


@dataclass(frozen=True, slots=True)
class Every:
    """Each `minutes`, counted from `phase` minutes past midnight."""

    minutes: int
    phase: int = 0

    def between(self, first: int, end: int) -> Sequence[int]:
        """Own minutes (since 2026) from `first` on before `end`."""
        start = first + (self.phase - first) % self.minutes
        return range(start, end, self.minutes)


@dataclass(frozen=True, slots=True)
class Monthly:
    """Once a month; a month without that day has none."""

    day: int = 1
    hour: int = 0
    minute: int = 0

    def between(self, first: int, end: int) -> Sequence[int]:
        """As `Every.between`."""
        found = []
        month = (_ZERO + first * _MINUTE).replace(day=1, hour=0, minute=0)
        while (minute := (month - _ZERO) // _MINUTE) < end:
            following = (month + timedelta(days=32)).replace(day=1)
            moment = minute + ((self.day - 1) * 24 + self.hour) * 60 + self.minute
            if first <= moment < end and moment < (following - _ZERO) // _MINUTE:
                found.append(moment)
            month = following
        return found


Rhythm: TypeAlias = Every | Monthly


class Rule(NamedTuple):
    """When, and the mode word that says what. `rhythm` None: never."""

    rhythm: Rhythm | None
    word: int = 0


class _Run(NamedTuple):
    """Moments within which nothing changed."""

    minutes: Sequence[int]
    stretch: Stretch
    word: int

    def stamp(self, index: int) -> Stamp:
        own = _ZERO + self.minutes[index] * _MINUTE
        return Stamp(own, self.stretch.when(own), self.word)


class Schedule:
    """What a meter stores by one rule, the last `most` times. It begins with `since`, long before it is first asked."""

    def __init__(self, meter: VirtualMeter, dial: Dial, rule: Rule, most: int, since: datetime) -> None:
        self._meter = meter
        self._dial = dial
        self._most = most
        self._begin = max(since, EPOCH)
        self._rules = [(self._begin, rule)]

    @property
    def rule(self) -> Rule:
        return self._rules[-1][1]

    def change(self, now: datetime, rule: Rule) -> None:
        """From now on by another rule."""
        if rule != self.rule:
            self._rules.append((now, rule))

    def erase(self, now: datetime) -> None:
        """All that was stored up to now is gone."""
        self._begin = now
        self._rules = [(now, self.rule)]

    def back(self, number: int, now: datetime) -> Stamp | None:
        """The latest (1), the one before it (2) ..."""
        if number > self._most:
            return None
        for run in reversed(self._runs(now)):
            if number <= len(run.minutes):
                return run.stamp(len(run.minutes) - number)
            number -= len(run.minutes)
        return None

    def earliest(self, now: datetime, since: datetime | None = None) -> Iterator[Stamp]:
        """All that are kept, the oldest first; of these the ones that the clock showed as `since` or later."""
        runs = self._runs(now)
        over = sum(len(run.minutes) for run in runs) - self._most
        for run in runs:
            skip = min(max(over, 0), len(run.minutes))
            over -= skip
            if since is not None:
                skip = max(skip, bisect_left(run.minutes, -((_ZERO - since) // _MINUTE)))
            for index in range(skip, len(run.minutes)):
                yield run.stamp(index)

    def _runs(self, now: datetime) -> list[_Run]:
        """What was stored up to now, between the moments at which rule, clock or voltage changed."""
        end = now + timedelta(microseconds=1)
        starts = [at for at, _ in self._rules] + [s.at for s in self._dial.stretches] + self._power_changes()
        cuts = sorted({start for start in starts if self._begin <= start < end} | {self._begin, end})
        runs = []
        for start, stop in pairwise(cuts):
            rule = self._rules[max(bisect_right(self._rules, start, key=lambda row: row[0]) - 1, 0)][1]
            if rule.rhythm is None or not self._meter.era(start).awake:
                continue
            stretches = self._dial.stretches
            stretch = stretches[max(bisect_right(stretches, start, key=lambda one: one.at) - 1, 0)]
            minutes = rule.rhythm.between(_minute_from(stretch, start), _minute_from(stretch, stop))
            if minutes:
                runs.append(_Run(minutes, stretch, rule.word))
        return runs

    def _power_changes(self) -> list[datetime]:
        return [era.since for era in self._meter.past.eras]


def _minute_from(stretch: Stretch, moment: datetime) -> int:
    """The first whole own minute that does not begin before `moment`."""
    return -((_ZERO - stretch.own(moment)) // _MINUTE)
