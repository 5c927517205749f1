"""What all meters of a line begin with, and whom they tell what they do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from protocols.dlt645.services.order import Ordered
from protocols.dlt645.services.security import Security
from simulators.dlt645.quirks import Quirks
from simulators.meter import VirtualMeter

FACTORY_PASSWORD: Final = "000000"  # noqa: S105  # well known, and nothing hangs on a simulated meter
PROFILE_RECORDS: Final = 2880
"""Thirty days of quarter-hours."""
PROFILE_MINUTES: Final = 15


class Verifier(Protocol):
    """A meter's security module: without one, ciphertext levels and the security service are refused."""

    def open(self, address: str, ordered: Ordered[Any]) -> bytes | None:
        """The body in clear of an order that was sealed for the meter; None if the seal is wrong."""

    def security(self, address: str, request: Security) -> bytes | int:
        """The answer's body; or the bits SERR of a refusal."""


@dataclass(frozen=True, slots=True)
class Setup:
    """`passwords`: six hex digits by level, P2 first; levels that are not named have the factory's. `key_pressed`: the
    programming key. `profile_records`: how many load records a class keeps,
    one every `profile_minutes` until somebody sets it otherwise."""

    quirks: Quirks = field(default_factory=Quirks)
    passwords: Mapping[int, str] = field(default_factory=dict)
    key_pressed: bool = False
    profile_records: int = PROFILE_RECORDS
    profile_minutes: int = PROFILE_MINUTES
    verifier: Verifier | None = None


def _nobody(_meter: VirtualMeter, _moment: datetime) -> None:
    """Nobody wants to know."""


def _untold(_meter: VirtualMeter, _event: str, _moment: datetime) -> None:
    """Nobody is told."""


def _never(_moment: datetime, _act: Callable[[datetime], None]) -> None:
    """Meters catch up with what was due when they are next asked."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """`changed`: from that moment on the meter's values are other ones than they would have been. `later`: call it
    back at that moment. `told`: what a meter pushes of itself, ``last_gasp`` or ``power_restored``."""

    changed: Callable[[VirtualMeter, datetime], None] = _nobody
    later: Callable[[datetime, Callable[[datetime], None]], None] = _never
    told: Callable[[VirtualMeter, str, datetime], None] = _untold
