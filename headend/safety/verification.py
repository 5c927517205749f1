"""What came of a switch, from what the meter shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from headend.safety.command import State
from headend.safety.function import Effect, Function
from headend.safety.order import Order
from headend.safety.passwords import InForce

_VOLTS_OFF = 30
"""Volts behind an open relay that are nobody's supply but coupling."""

_SHOWN = frozenset({Function.TRIP, Function.TRIP_RECLOSE, Function.CLOSE})
"""What a relay shows. A permit to close waits for the customer: its word alone tells."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Read after the command; None was not told. Of status word 3: `relay_open` b4, `told_to_trip` b6, `alarm` b7.
    `load_volts`: behind the relay. `as_written`: what was written, or reset, reads so now. `password`: which one the
    meter takes."""

    relay_open: bool | None = None
    load_volts: int | None = None
    power_w: int | None = None
    told_to_trip: bool | None = None
    alarm: bool | None = None
    as_written: bool | None = None
    password: InForce | None = None

    @property
    def supplied(self) -> bool | None:
        """Whether the customer has power. None: nothing tells, or one thing says the contrary of another.

        No power drawn says nothing: he may have switched everything off.
        """
        told = set()
        if self.relay_open is not None:
            told.add(not self.relay_open)
        if self.load_volts is not None:
            told.add(self.load_volts > _VOLTS_OFF)
        if self.power_w:
            told.add(True)
        return told.pop() if len(told) == 1 else None

    @property
    def is_contradictory(self) -> bool:
        """Two things are told that cannot both be: an open relay, and power drawn behind it."""
        open_ = self.relay_open is True
        return (open_ and (bool(self.power_w) or (self.load_volts or 0) > _VOLTS_OFF)) or (
            self.relay_open is False and self.load_volts is not None and self.load_volts <= _VOLTS_OFF
        )


def settled(before: State, order: Order, seen: Seen, now: datetime) -> State:
    """Where a command that is `before` goes by what was seen; it stays where it is while that is too early to say.

    An unanswered command whose meter shows the old state may still arrive until it expires. Raises `ValueError` for a
    state in which nothing is to be seen.
    """
    if before not in (State.ACKNOWLEDGED, State.UNKNOWN):
        raise ValueError(f"nothing is read back for a command that is {before}")
    if order.function is Function.CHANGE_PASSWORD:
        return _of_password(before, seen.password)
    if order.function in _SHOWN and seen.is_contradictory:
        return State.CONTRADICTED
    is_so = _is_as_ordered(order, seen)
    if is_so is None:
        return State.UNVERIFIABLE
    if is_so:
        return State.VERIFIED
    if order.function is Function.TRIP_RECLOSE:
        return State.UNVERIFIABLE  # it may have closed again already
    if before is State.ACKNOWLEDGED:
        return State.CONTRADICTED
    return State.FAILED if order.expires is not None and now >= order.expires else State.UNKNOWN


def _of_password(before: State, found: InForce | None) -> State:
    """That the old one is taken behind the change says that its frame is lost: that it comes later still is rare, and
    what it would bring stays sealed."""
    if found is None:
        return State.UNVERIFIABLE
    if found is InForce.NEW:
        return State.VERIFIED
    return State.FAILED if found is InForce.OLD and before is State.UNKNOWN else State.CONTRADICTED


def _is_as_ordered(order: Order, seen: Seen) -> bool | None:
    function = order.function
    if function in _SHOWN:
        return None if seen.supplied is None else seen.supplied is (order.traits.effect is Effect.RESTORES)
    if function is Function.PERMIT_CLOSE:
        return None if seen.told_to_trip is None else not seen.told_to_trip
    if function in (Function.ALARM, Function.ALARM_OFF):
        return None if seen.alarm is None else seen.alarm is (function is Function.ALARM)
    if function in (Function.WRITE_PARAMETER, Function.RESET_DEMAND):
        return seen.as_written
    return None
