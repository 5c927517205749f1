"""What came of a switch, from what the meter shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from headend.safety.command import State
from headend.safety.function import Effect, Function
from headend.safety.order import Order

_VOLTS_OFF = 30
"""Volts behind an open relay that are nobody's supply but coupling."""

_SHOWN = frozenset({Function.TRIP, Function.TRIP_RECLOSE, Function.CLOSE})
"""What a relay shows; a permit to close waits for the customer, a limit for the load."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Read after the command; None was not told. `relay_open`: b4 of status word 3. `load_volts`: behind the relay."""

    relay_open: bool | None = None
    load_volts: int | None = None
    power_w: int | None = None

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
    if order.function not in _SHOWN:
        return State.UNVERIFIABLE
    if seen.is_contradictory:
        return State.CONTRADICTED
    if seen.supplied is None:
        return State.UNVERIFIABLE
    if seen.supplied is (order.traits.effect is Effect.RESTORES):
        return State.VERIFIED
    if order.function is Function.TRIP_RECLOSE:
        return State.UNVERIFIABLE  # it may have closed again already
    if before is State.ACKNOWLEDGED:
        return State.CONTRADICTED
    return State.FAILED if order.expires is not None and now >= order.expires else State.UNKNOWN
