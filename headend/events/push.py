"""Pushed events as events of known meters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from protocols.errors import ProtocolError
from protocols.events import EventSource, MeterEvent
from protocols.events.push import PushedEvent, parse_pushed

FindMeter = Callable[[PushedEvent], Sequence[int]]
"""Ids of the meters of that name or address: one, or it is not known whose event it is."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What messages held. `rejected`: the message and why nothing of it, or not all, could be taken."""

    events: tuple[MeterEvent, ...]
    rejected: tuple[tuple[bytes, str], ...]


def pushed_events(messages: Iterable[bytes], find: FindMeter, received: datetime, zone: tzinfo) -> Pushed:
    """Every message is an event, or is rejected with a reason: nothing vanishes. Pure."""
    events: list[MeterEvent] = []
    rejected: list[tuple[bytes, str]] = []
    for message in messages:
        try:
            parsed = parse_pushed(message, zone)
        except ProtocolError as error:
            rejected.append((message, str(error)))
            continue
        for one in parsed:
            meters = find(one)
            if len(meters) == 1:
                events.append(pushed_event(one, meters[0], received))
            else:
                who = one.meter or one.address
                rejected.append((message, f"{'no' if not meters else 'more than one'} meter {who}"))
    return Pushed(tuple(events), tuple(rejected))


def pushed_event(said: PushedEvent, meter_id: int, received: datetime) -> MeterEvent:
    """What was said, as an event of that meter; without a time of its own it was when it came."""
    time = received if said.time is None else said.time
    return MeterEvent(meter_id, said.kind, time, received, EventSource.LAST_GASP, values=said.values)
