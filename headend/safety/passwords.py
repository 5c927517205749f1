"""Changing a meter's password: the one frame that does, and how it is found out which of two a meter takes.

A try is the same service from a password to itself: it changes nothing, but a wrong one counts at the meter, and a few
of them lock it. So each try is written down before it goes out, and there are few.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from headend.safety.function import Function
from headend.safety.one_frame import only, request_in
from headend.safety.order import Order, Target
from protocols.dlt645.services.access import LOWEST_LEVEL, Access
from protocols.dlt645.services.password import ChangePassword
from protocols.errors import NotPermitted
from protocols.exchange import Ask


class InForce(StrEnum):
    """Which password a meter takes."""

    NEW = "new"
    OLD = "old"
    NEITHER = "neither"


class Outcome(StrEnum):
    TAKEN = "taken"
    REFUSED = "refused"
    SILENT = "silent"
    """No answer, or whoever asked died before it was written down."""


@dataclass(frozen=True, slots=True)
class Try:
    """`of` the new or the old one."""

    of: InForce
    outcome: Outcome


_MOST: Final[Mapping[InForce, int]] = MappingProxyType({InForce.NEW: 2, InForce.OLD: 1})
"""The new one is tried again where the first try had no answer. Where either is in force two are wrong at most: meters
lock at three."""


def next_try(tries: Sequence[Try]) -> InForce | None:
    """The new one, unless it was refused or tried often enough; then the old one. None: no more."""
    if any(one.outcome is Outcome.TAKEN for one in tries):
        return None
    for which, most in _MOST.items():
        mine = [one.outcome for one in tries if one.of is which]
        if Outcome.REFUSED not in mine and len(mine) < most:
            return which
    return None


def found(tries: Sequence[Try]) -> InForce | None:
    """What all tries together say. One password is in force only where the meter has taken it: a refusal may mean
    something else, such as a programming key that nobody presses."""
    for one in tries:
        if one.outcome is Outcome.TAKEN:
            return one.of
    refused = {one.of for one in tries if one.outcome is Outcome.REFUSED}
    return InForce.NEITHER if refused == set(_MOST) else None


@dataclass(frozen=True, slots=True)
class Change:
    """From `old` to `new`, of one level, neither of them shown. Raises `NotPermitted` for what is no change."""

    old: Access
    new: Access

    def __post_init__(self) -> None:
        if self.old.level != self.new.level or self.new.level > LOWEST_LEVEL or self.old == self.new:
            raise NotPermitted("a password is changed to another one of the same plain level")

    @property
    def request(self) -> ChangePassword:
        return ChangePassword(self.old, self.new)


@dataclass(frozen=True, slots=True)
class NewPassword:
    """18H from which password to which, out of the safe, never the order."""

    change: Change

    def check(self, data: bytes, order: Order, target: Target, zone: ZoneInfo) -> None:
        only(order, Function.CHANGE_PASSWORD)
        if request_in(data, target.address) != self.change.request:
            raise NotPermitted("the frame changes another password than that, or to another one")


@dataclass(slots=True)
class OneTry:
    """A `Permit` for one try of `access` at `target`."""

    target: Target
    access: Access
    used: bool = field(default=False, init=False)
    frame: bytes = field(default=b"", init=False)
    """What it let through."""

    def __call__(self, ask: Ask[Any]) -> None:
        """Raises `NotPermitted`."""
        if self.used:
            raise NotPermitted("a permit is for one frame, and was used")
        self.used = True
        if ask.repeatable or not ask.acts:
            raise NotPermitted("a password is never tried again by itself: the request says that it may be")
        if request_in(ask.data, self.target.address) != ChangePassword(self.access, self.access):
            raise NotPermitted("the frame does something else than to try a password")
        self.frame = ask.data
