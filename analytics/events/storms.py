"""Many events of one kind at once are one storm: it groups them, so that an operator is told once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final, Literal, TypeAlias

Scope: TypeAlias = Literal["meter", "line", "area", "system"]
_WIDEST_FIRST: Final[tuple[Scope, ...]] = ("system", "area", "line", "meter")
_by_start: Final = attrgetter("start", "event_id")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An event as storms see it. `storm_id` is of the storm that it is in already."""

    event_id: int
    kind: str
    start: datetime
    meter: str
    line: str | None = None
    area: str | None = None
    storm_id: int | None = None

    def within(self, scope: Scope) -> str | None:
        """What it is called in that scope; None where it has no such place."""
        return {"meter": self.meter, "line": self.line, "area": self.area, "system": ""}[scope]


@dataclass(frozen=True, slots=True)
class StormRule:
    """More than so many events of one kind in one place within `window`."""

    scope: Scope
    more_than: int
    window: timedelta


RULES: Final = (
    StormRule("system", 1000, timedelta(minutes=15)),
    StormRule("area", 50, timedelta(minutes=15)),
    StormRule("line", 20, timedelta(minutes=15)),
    StormRule("meter", 10, timedelta(hours=1)),
)
"""Where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Storm:
    """`scope` and `place`: the narrowest that holds all of it. `known`: ids of the storms that it goes on from."""

    kind: str
    scope: Scope
    place: str
    first: datetime
    last: datetime
    events: tuple[int, ...]
    meters: int
    known: tuple[int, ...] = ()


def storms(occurrences: Iterable[Occurrence], rules: Sequence[StormRule] = RULES) -> list[Storm]:
    """The storms among `occurrences`, by time; an event is in one storm at most, in the widest that there is.

    A storm that holds events of an earlier one goes on from it: it is not to be told again.
    """
    ordered = sorted(rules, key=lambda rule: _WIDEST_FIRST.index(rule.scope))
    by_kind: dict[str, list[Occurrence]] = {}
    for occurrence in sorted(occurrences, key=_by_start):
        by_kind.setdefault(occurrence.kind, []).append(occurrence)
    found = [storm for held in by_kind.values() for storm in _of_kind(held, ordered)]
    return sorted(found, key=lambda storm: (storm.first, storm.kind, storm.scope, storm.place))


def _of_kind(held: list[Occurrence], rules: Sequence[StormRule]) -> Iterator[Storm]:
    for rule in rules:
        places: dict[str, list[Occurrence]] = {}
        for occurrence in held:
            place = occurrence.within(rule.scope)
            if place is not None:
                places.setdefault(place, []).append(occurrence)
        taken: set[int] = set()
        for members in places.values():
            for first, behind in _dense(members, rule):
                yield _storm(members[first:behind])
                taken.update(member.event_id for member in members[first:behind])
        held = [occurrence for occurrence in held if occurrence.event_id not in taken]


def _dense(members: Sequence[Occurrence], rule: StormRule) -> list[tuple[int, int]]:
    """Stretches of `members` (by time) in which every event is in some window that holds too many."""
    stretches: list[tuple[int, int]] = []
    left = 0
    for right, member in enumerate(members):
        while member.start - members[left].start > rule.window:
            left += 1
        if right - left + 1 > rule.more_than:
            if stretches and stretches[-1][1] > left:
                stretches[-1] = (stretches[-1][0], right + 1)
            else:
                stretches.append((left, right + 1))
    return stretches


def _storm(members: Sequence[Occurrence]) -> Storm:
    scope: Scope = "system"
    place = ""
    for narrower in reversed(_WIDEST_FIRST):
        names = {member.within(narrower) for member in members}
        if len(names) == 1 and None not in names:
            scope, place = narrower, str(names.pop())
            break
    return Storm(
        members[0].kind,
        scope,
        place,
        members[0].start,
        members[-1].start,
        tuple(member.event_id for member in members),
        len({member.meter for member in members}),
        tuple(sorted({member.storm_id for member in members if member.storm_id is not None})),
    )
