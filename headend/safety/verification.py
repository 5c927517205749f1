"""What came of a switch, from what the meter shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from headend.safety.command import State
from headend.safety.function import Function
from headend.safety.order import Order
from headend.safety.passwords import InForce

_Tells: TypeAlias = Callable[["Seen", "Seen"], bool | None]
_VOLTS_OFF = 30
"""Volts behind an open relay that are nobody's supply but coupling."""

_SHOWN = frozenset({Function.TRIP, Function.TRIP_RECLOSE, Function.CLOSE})
"""What a relay shows. A permit to close waits for the customer: its word alone tells."""

COMPARED: Final = frozenset({Function.FREEZE, Function.UNPROTECT, Function.SET_TIME})
"""What is told by what the meter showed before, too."""
FREEZES: Final = 3
"""Freezes at once that a meter keeps (DL/T 645-2007, Table A.6)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Read of a meter; None was not told. Of status word 3: `relay_open` b4, `told_to_trip` b6, `alarm` b7, `kept` b12,
    which not every meter has; `has_kept`: its model says that it has. `load_volts`: behind the relay. `as_written`:
    what was written, or reset, reads so now. `frozen`: when it froze at once, as it shows that, the latest first; empty
    where it refuses to say. `limit_kw`: above it the meter opens its relay. `password`: which one the meter takes.
    `off_ms`: how far its clock is ahead, give or take `unsure_ms`, and `leave_ms`: as it is to be once the time was
    told."""

    relay_open: bool | None = None
    load_volts: int | None = None
    power_w: int | None = None
    told_to_trip: bool | None = None
    alarm: bool | None = None
    as_written: bool | None = None
    kept: bool | None = None
    has_kept: bool | None = None
    frozen: tuple[str, ...] | None = None
    limit_kw: Decimal | None = None
    password: InForce | None = None
    off_ms: int | None = None
    unsure_ms: int | None = None
    leave_ms: int | None = None

    @property
    def told(self) -> dict[str, Any]:
        """What was told, as JSON holds it."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: str(v) if isinstance(v, Decimal) else v for name, v in named.items() if v is not None}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Seen:
        """The reverse; what is not known any more is left out."""
        known: dict[str, Any] = {field.name: told[field.name] for field in fields(cls) if field.name in told}
        if "frozen" in known:
            known["frozen"] = tuple(known["frozen"])
        if "limit_kw" in known:
            known["limit_kw"] = Decimal(known["limit_kw"])
        if "password" in known:
            known["password"] = InForce(known["password"])
        return cls(**known)

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


def settled(before: State, order: Order, seen: Seen, now: datetime, earlier: Seen | None = None) -> State:
    """Where a command that is `before` goes by what was seen; it stays where it is while that is too early to say.
    `earlier`: what was seen before the frame.

    An unanswered command whose meter shows the old state may still arrive until it expires. Raises `ValueError` for a
    state in which nothing is to be seen.
    """
    if before not in (State.ACKNOWLEDGED, State.UNKNOWN):
        raise ValueError(f"nothing is read back for a command that is {before}")
    if order.function is Function.CHANGE_PASSWORD:
        return _of_password(before, seen.password)
    if order.function in _SHOWN and seen.is_contradictory:
        return State.CONTRADICTED
    is_so = _TELLS[order.function](seen, earlier or Seen())
    if is_so is None:
        return State.UNVERIFIABLE
    if is_so:
        return State.VERIFIED
    if order.function is Function.TRIP_RECLOSE:
        return State.UNVERIFIABLE  # it may have closed again already
    if before is State.ACKNOWLEDGED or order.function is Function.SET_TIME:
        return State.CONTRADICTED  # 08H is never answered: only the clock tells, and it was not set
    return State.FAILED if order.expires is not None and now >= order.expires else State.UNKNOWN


def _of_password(before: State, found: InForce | None) -> State:
    """That the old one is taken behind the change says that its frame is lost: that it comes later still is rare, and
    what it would bring stays sealed."""
    if found is None:
        return State.UNVERIFIABLE
    if found is InForce.NEW:
        return State.VERIFIED
    return State.FAILED if found is InForce.OLD and before is State.UNKNOWN else State.CONTRADICTED


def _is_kept(seen: Seen, earlier: Seen, wanted: bool) -> bool | None:
    """A bit that is not set says something only where the meter has that bit."""
    has_it = seen.kept or seen.has_kept or earlier.kept
    return seen.kept is wanted if seen.kept is not None and has_it else None


def _is_set(seen: Seen, earlier: Seen) -> bool | None:
    """Whether the clock is nearer to where it was to be than to where it was; None where both are too near to tell."""
    if seen.off_ms is None or earlier.off_ms is None or earlier.leave_ms is None:
        return None
    moved = abs(earlier.off_ms - earlier.leave_ms)
    if moved <= 2 * ((seen.unsure_ms or 0) + (earlier.unsure_ms or 0)):
        return None
    return 2 * abs(seen.off_ms - earlier.leave_ms) <= moved


def _has_frozen(seen: Seen, earlier: Seen) -> bool | None:
    """A new freeze moves those before it down. Their times are whole minutes: where all are of one, nothing tells."""
    if not seen.frozen or earlier.frozen is None:
        return None
    if seen.frozen != earlier.frozen:
        return True
    return None if len(seen.frozen) == FREEZES and len(set(seen.frozen)) == 1 else False


def _is_supplied(wanted: bool) -> _Tells:
    return lambda seen, _: None if seen.supplied is None else seen.supplied is wanted


def _has_alarm(wanted: bool) -> _Tells:
    return lambda seen, _: None if seen.alarm is None else seen.alarm is wanted


def _as_written(seen: Seen, _: Seen) -> bool | None:
    return seen.as_written


_TELLS: Final[Mapping[Function, _Tells]] = MappingProxyType(
    {
        Function.TRIP: _is_supplied(False),
        Function.TRIP_RECLOSE: _is_supplied(False),
        Function.CLOSE: _is_supplied(True),
        Function.PERMIT_CLOSE: lambda seen, _: None if seen.told_to_trip is None else not seen.told_to_trip,
        Function.ALARM: _has_alarm(True),
        Function.ALARM_OFF: _has_alarm(False),
        Function.WRITE_PARAMETER: _as_written,
        Function.RESET_DEMAND: _as_written,
        Function.LIMIT_LOAD: _as_written,
        Function.RAISE_LIMIT: _as_written,
        Function.PROTECT: lambda seen, earlier: _is_kept(seen, earlier, True),
        Function.UNPROTECT: lambda seen, earlier: _is_kept(seen, earlier, False),
        Function.FREEZE: _has_frozen,
        Function.SET_TIME: _is_set,
    }
)
"""Whether it was done, by what the meter shows now and showed before; None: nothing tells."""
assert _TELLS.keys() | {Function.CHANGE_PASSWORD} == set(Function)
