"""What may befall a meter: the kinds of events that a scenario or a test lets happen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from simulators.dlt645 import journal
from simulators.dlt645.disturbances import BATTERY_LOW, DISTURBANCES, disturb, drain_battery

if TYPE_CHECKING:
    from simulators.dlt645.memory import Memory

_Event: TypeAlias = Callable[["Memory", datetime, float | None], None]


def _power_down(memory: Memory, now: datetime, seconds: float | None) -> None:
    memory.lose_power(now, seconds)


def _cover(kind: str) -> _Event:
    return lambda memory, now, seconds: memory.open_cover(kind, now, seconds)


def _programming_key(memory: Memory, now: datetime, seconds: float | None) -> None:
    memory.press_programming_key(True, now)
    if seconds is not None:
        memory.later(now + timedelta(seconds=seconds), lambda at: memory.press_programming_key(False, at))


def _close_key(memory: Memory, now: datetime, seconds: float | None) -> None:
    memory.press(now)


def _stuck(memory: Memory, now: datetime, seconds: float | None) -> None:
    memory.stick(True, now)
    if seconds is not None:
        memory.later(now + timedelta(seconds=seconds), lambda at: memory.stick(False, at))


def _disturbance(code: str, memory: Memory, now: datetime, seconds: float | None) -> None:
    disturb(memory, code, now, seconds)


KINDS: Final[Mapping[str, _Event]] = {
    "power_down": _power_down,
    "cover_open": _cover(journal.COVER_OPEN),
    "terminal_cover_open": _cover(journal.TERMINAL_COVER_OPEN),
    "programming_key": _programming_key,
    "close_key": _close_key,
    "relay_stuck": _stuck,
    BATTERY_LOW: drain_battery,
    **{code: partial(_disturbance, code) for code in DISTURBANCES},
}


def befall(memory: Memory, kind: str, now: datetime, seconds: float | None) -> None:
    """Let it happen, for so long or for good. Raises `ValueError` for an unknown kind."""
    if kind not in KINDS:
        raise ValueError(f"unknown event {kind!r}, expected one of {', '.join(KINDS)}")
    KINDS[kind](memory, now, seconds)
