"""Whom to call: enough load, from those who were called least, and nobody who must not or need not be."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from analytics.load_control.programme import Programme, ProgrammeFault


@dataclass(frozen=True, slots=True)
class Call:
    """That a member was off, [start, end)."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None or self.start >= self.end:
            raise ProgrammeFault("a call is from a time to a later one, both with a zone")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A usage point with its meter. `available_w` None: not known. `excluded`: why it is never called (protected,
    outage-sensitive, opted out ...), empty where it may be. `calls`: those that it has had."""

    point: str
    meter: str
    area: str
    available_w: int | None
    excluded: str = ""
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """`left_out`: usage point to why it is not called."""

    members: tuple[Candidate, ...]
    needed_w: int
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def available_w(self) -> int:
        return sum(member.available_w or 0 for member in self.members)

    @property
    def missing_w(self) -> int:
        return max(0, self.needed_w - self.available_w)


@dataclass(frozen=True, slots=True)
class Round:
    """Who is off in [start, end)."""

    start: datetime
    end: datetime
    choice: Choice


def choose(
    candidates: Iterable[Candidate], needed_w: int, programme: Programme, start: datetime, end: datetime, event: str
) -> Choice:
    """Those who were off for the shortest time within the year go first; of equals, whose last call is longest ago;
    of equals the order is drawn anew for each `event`, the same for the same event.

    Raises `ProgrammeFault` for a call that the programme does not allow anybody.
    """
    if end - start > programme.longest:
        raise ProgrammeFault(f"a call of {end - start} is longer than the {programme.longest} of {programme.name}")
    if needed_w <= 0:
        raise ProgrammeFault(f"{needed_w} W are needed, expected more than nothing")
    left_out: dict[str, str] = {}
    able = []
    for candidate in candidates:
        why = against(candidate, programme, start, end)
        if why:
            left_out[candidate.point] = why
        else:
            able.append(candidate)
    able.sort(key=lambda candidate: _turn(candidate, start, event))
    members: list[Candidate] = []
    got = 0
    for candidate in able:
        if got >= needed_w:
            left_out[candidate.point] = "not needed"
            continue
        members.append(candidate)
        got += candidate.available_w or 0
    return Choice(tuple(members), needed_w, left_out)


def rotate(
    candidates: Sequence[Candidate], needed_w: int, programme: Programme, start: datetime, end: datetime, event: str
) -> list[Round]:
    """Rounds one after the other, each by `choose`; who was off in a round has had that call in the next.

    Raises `ProgrammeFault` where the programme has no rounds.
    """
    if programme.round is None:
        raise ProgrammeFault(f"programme {programme.name} has no rounds")
    rounds: list[Round] = []
    now = list(candidates)
    while start < end:
        until = min(start + programme.round, end)
        choice = choose(now, needed_w, programme, start, until, event)
        rounds.append(Round(start, until, choice))
        called = {member.point for member in choice.members}
        now = [_called(c, start, until) if c.point in called else c for c in now]
        start = until
    return rounds


def against(candidate: Candidate, programme: Programme, start: datetime, end: datetime) -> str:
    """Why it is not called; empty where it may be."""
    if candidate.excluded:
        return candidate.excluded
    if programme.areas and candidate.area not in programme.areas:
        return "not in an area of the programme"
    if candidate.available_w is None:
        return "its load is not known"
    if candidate.available_w <= 0:
        return "it draws nothing at that time"
    for call in candidate.calls:
        if call.start < end and start < call.end:
            return "called at that time already"
        if abs(_between(call, start, end)) < programme.rest:
            return "rests after a call"
    day, month = start - timedelta(days=1), start - timedelta(days=30)
    if sum(call.start > day for call in candidate.calls) >= programme.calls_per_day:
        return "called often enough within a day"
    if sum(call.start > month for call in candidate.calls) >= programme.calls_per_month:
        return "called often enough within thirty days"
    return ""


def _between(call: Call, start: datetime, end: datetime) -> timedelta:
    return start - call.end if call.end <= start else call.start - end


def _turn(candidate: Candidate, start: datetime, event: str) -> tuple[timedelta, float, str]:
    year = start - timedelta(days=365)
    lately = [call for call in candidate.calls if call.end > year]
    off = sum((call.end - call.start for call in lately), timedelta(0))
    last = max((call.end.timestamp() for call in lately), default=0.0)
    drawn = hashlib.sha256(f"{event}\n{candidate.point}".encode()).hexdigest()
    return off, last, drawn


def _called(candidate: Candidate, start: datetime, end: datetime) -> Candidate:
    return Candidate(
        candidate.point, candidate.meter, candidate.area, candidate.available_w, candidate.excluded,
        (*candidate.calls, Call(start, end)),
    )  # fmt: skip
