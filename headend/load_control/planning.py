"""An event as rounds and orders: what would be asked for, and the orders that ask for it. Nothing is asked for here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from analytics.load_control.choice import Candidate, Round, choose, rotate
from analytics.load_control.event import Event
from analytics.load_control.programme import Kind, Programme, ProgrammeFault
from headend.safety.function import Function, ReasonCode
from storage.load_control import CallRow, EventRow

_BACK_FOR: Final = timedelta(hours=12)
"""How long giving back is tried after a round."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order to be drafted."""

    key: str
    function: Function
    meters: tuple[str, ...]
    reason: ReasonCode
    notice: str
    not_before: datetime
    expires: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """`missing_w`: in the round in which most was missing. `left_out`: (usage point, why) of who is in no round."""

    event: Event
    programme: Programme
    rounds: tuple[Round, ...]
    missing_w: int
    left_out: tuple[tuple[str, str], ...]

    @property
    def calls(self) -> list[CallRow]:
        return [
            CallRow(number, part.start, part.end, c.point, c.meter, c.available_w or 0, cut_key(self.event, number))
            for number, part in enumerate(self.rounds, 1)
            for c in part.choice.members
        ]

    def row(self, by: str, at: datetime) -> EventRow:
        e = self.event
        return EventRow(
            e.id, e.programme, e.start, e.end, e.kw, e.areas, e.reason, self.missing_w, by, at, None, 0, None
        )

    @property
    def orders(self) -> list[Wanted]:
        """For each round a cut and what gives it back, both to be approved beforehand: nobody stays off because
        nobody was there to approve. A cut that comes late is not sent in the last quarter of its round."""
        found = []
        for number, part in enumerate(self.rounds, 1):
            meters = tuple(sorted(c.meter for c in part.choice.members))
            if not meters:
                continue
            last = part.end - (part.end - part.start) / 4
            notice = f"event {self.event.id} of programme {self.programme.name}"
            found += [
                Wanted(cut_key(self.event, number), Function.TRIP, meters, ReasonCode.LOAD_CONTROL, notice,
                       part.start, last),
                Wanted(back_key(self.event, number), Function.CLOSE, meters, ReasonCode.LOAD_CONTROL, notice,
                       part.end, part.end + _BACK_FOR),
            ]  # fmt: skip
        return found


def plan(event: Event, programme: Programme, candidates: Sequence[Candidate]) -> Plan:
    """Raises `ProgrammeFault` for a programme that calls nobody."""
    if programme.kind not in (Kind.DIRECT, Kind.ORDERLY):
        raise ProgrammeFault(f"programme {programme.name} is of {programme.kind}: events are of direct or orderly ones")
    needed = event.needed_w
    if programme.round is None:
        choice = choose(candidates, needed, programme, event.start, event.end, event.id)
        rounds = [Round(event.start, event.end, choice)]
    else:
        rounds = rotate(candidates, needed, programme, event.start, event.end, event.id)
    called = {c.point for part in rounds for c in part.choice.members}
    left_out = {point: why for part in rounds for point, why in part.choice.left_out.items() if point not in called}
    missing = max(part.choice.missing_w for part in rounds)
    return Plan(event, programme, tuple(rounds), missing, tuple(sorted(left_out.items())))


def cut_key(event: Event, number: int) -> str:
    return f"{event.id}.{number}.cut"


def back_key(event: Event, number: int) -> str:
    return f"{event.id}.{number}.back"
