"""What can be ordered of a meter, what that does to people, and why it is ordered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Function(StrEnum):
    TRIP = "trip"
    TRIP_RECLOSE = "trip_reclose"
    """Trip, and close again by itself."""
    LIMIT_LOAD = "limit_load"
    """A lower limit, at which the meter trips."""
    CLOSE = "close"
    PERMIT_CLOSE = "permit_close"
    """The customer must press the meter's key."""
    RAISE_LIMIT = "raise_limit"
    ALARM = "alarm"
    ALARM_OFF = "alarm_off"
    PROTECT = "protect"
    """Keep supply: the meter itself refuses a trip."""
    UNPROTECT = "unprotect"
    FREEZE = "freeze"
    RESET_DEMAND = "reset_demand"
    WRITE_PARAMETER = "write_parameter"
    CHANGE_PASSWORD = "change_password"  # noqa: S105
    """To one that nobody ever sees: made and sealed by who sends."""
    SET_TIME = "set_time"


class Effect(StrEnum):
    CUTS = "cuts"
    """Takes power, or makes it possible to take it."""
    RESTORES = "restores"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Traits:
    """`approvals`: persons needed besides the requester. `lane`: the lower is sent first. `moves`: load goes or
    comes at once."""

    effect: Effect
    approvals: int
    lane: int
    moves: bool


TRAITS: Final[Mapping[Function, Traits]] = MappingProxyType(
    {
        Function.TRIP: Traits(Effect.CUTS, 1, 2, True),
        Function.TRIP_RECLOSE: Traits(Effect.CUTS, 1, 2, True),
        Function.LIMIT_LOAD: Traits(Effect.CUTS, 1, 2, True),
        Function.UNPROTECT: Traits(Effect.CUTS, 1, 2, False),
        Function.CLOSE: Traits(Effect.RESTORES, 0, 0, True),
        Function.PERMIT_CLOSE: Traits(Effect.RESTORES, 0, 0, True),
        Function.RAISE_LIMIT: Traits(Effect.RESTORES, 0, 0, True),
        Function.PROTECT: Traits(Effect.NEUTRAL, 0, 1, False),
        Function.ALARM: Traits(Effect.NEUTRAL, 0, 3, False),
        Function.ALARM_OFF: Traits(Effect.NEUTRAL, 0, 3, False),
        Function.FREEZE: Traits(Effect.NEUTRAL, 0, 3, False),
        Function.RESET_DEMAND: Traits(Effect.NEUTRAL, 1, 3, False),
        Function.WRITE_PARAMETER: Traits(Effect.NEUTRAL, 1, 3, False),
        Function.CHANGE_PASSWORD: Traits(Effect.NEUTRAL, 1, 3, False),
        Function.SET_TIME: Traits(Effect.NEUTRAL, 0, 3, False),
    }
)


class ReasonCode(StrEnum):
    """Why; the policy says for each what may be done for it."""

    MOVE_IN = "move_in"
    MOVE_OUT = "move_out"
    NON_PAYMENT = "non_payment"
    PAYMENT = "payment"
    LOAD_CONTROL = "load_control"
    EMERGENCY = "emergency"
    DANGER = "danger"
    SUSPICION = "suspicion"
    """A model's score. Never enough to act on, whatever the policy says."""
    MAINTENANCE = "maintenance"


class Source(StrEnum):
    PERSON = "person"
    AUTOMATIC = "automatic"
    """Cost control, demand response, theft scoring: may only propose."""
