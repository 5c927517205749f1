"""The switch in a meter: what it was told, and where it really stands.

Word 3 of the status: b3 programming permitted, b4 relay open, b6 last command was to trip, b7 alarm,
b12 supply is kept, where the meter tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from protocols.dlt645.services.control import Command
from protocols.dlt645.services.field import NO_OPERATOR

RECLOSE_STEP: Final = timedelta(minutes=5)
"""N2 of a trip that closes again by itself counts these (State Grid supplement, as it is said to be; unverified)."""
PROGRAMMING_PERMITTED: Final = 1 << 3
_OPEN: Final = 1 << 4
_TOLD_TO_TRIP: Final = 1 << 6
_ALARM: Final = 1 << 7
_KEPT: Final = 1 << 12


@dataclass(slots=True)
class Relay:
    """`permitted`: closed as soon as somebody presses the meter's key. `protected`: it refuses to trip. `stuck`: it
    does what it is told, but does not move."""

    closed: bool = True
    told_to_trip: bool = False
    permitted: bool = False
    protected: bool = False
    alarm: bool = False
    stuck: bool = False
    operator: str = NO_OPERATOR
    """Of the last command."""

    def obey(self, command: Command, operator: str) -> bool:
        """False where it refuses. What is told here, `moved` does."""
        if command in _TRIPS:
            if self.protected:
                return False
            self.told_to_trip, self.permitted = True, False
        elif command is Command.CLOSE:
            self.told_to_trip, self.permitted = False, False
        elif command is Command.PERMIT_CLOSE:
            self.told_to_trip, self.permitted = False, not self.closed
        elif command in (Command.ALARM, Command.ALARM_OFF):
            self.alarm = command is Command.ALARM
        else:
            self.protected = command is Command.PROTECT
        if command in _SWITCHING:
            self.operator = operator
        return True

    def moved(self) -> bool:
        """Go where it was told to; whether it moved. A permission alone moves nothing."""
        goal = not self.told_to_trip
        if self.stuck or self.permitted or goal == self.closed:
            return False
        self.closed = goal
        return True

    def press(self) -> None:
        """The customer's key."""
        self.permitted = False

    def word(self, key_pressed: bool, tells_kept: bool) -> int:
        return (
            PROGRAMMING_PERMITTED * key_pressed
            | _OPEN * (not self.closed)
            | _TOLD_TO_TRIP * self.told_to_trip
            | _ALARM * self.alarm
            | _KEPT * (tells_kept and self.protected)
        )


_TRIPS: Final = frozenset((Command.TRIP, Command.TRIP_RECLOSE, Command.TRIP_RECLOSE_SILENTLY))
_SWITCHING: Final = _TRIPS | {Command.CLOSE, Command.PERMIT_CLOSE}
