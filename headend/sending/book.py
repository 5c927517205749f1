"""What sending needs of those who keep commands, know the world and hold the passwords."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from headend.collection.survey import MeterPath
from headend.safety.command import CommandKey, State
from headend.safety.decision import Decision
from headend.safety.order import Approval, Order, Target
from headend.safety.passwords import InForce, Outcome, Try
from headend.safety.request import Request
from headend.safety.verification import Seen
from headend.safety.world import World
from headend.secrets.held import Held
from protocols.dlt645.services.access import Access


@dataclass(frozen=True, slots=True)
class Due:
    """A command that wants something done: released, to be sent; else to be looked after. `by` released it. `version`
    of the order, `number` of the transition that it stands at, `since` when. `earlier`: what the meter showed before it
    was sent, where that is held against what it shows now (`COMPARED`)."""

    key: CommandKey
    order: Order
    approvals: tuple[Approval, ...]
    by: str
    state: State
    version: int
    number: int
    since: datetime
    earlier: Seen | None = None

    @property
    def target(self) -> Target:
        return self.order.by_meter[self.key.meter]


@dataclass(frozen=True, slots=True)
class Told:
    """Why a command moved on, for the audit. `frames`: (direction, hex), passwords hidden."""

    why: str
    frames: tuple[tuple[str, str], ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to the core with all that it was told, and the answer."""

    request: Request
    world: World
    decision: Decision


class Book(Protocol):
    """Raises `StorageError`."""

    async def hold(self, due: Due, asked: Asked, after: State, told: Told) -> bool:
        """A released command that the core holds back for good, with what that rested on. False as below."""

    async def claim(self, due: Due, asked: Asked, claim: str, told: Told) -> bool:
        """Write down that `claim` sends it: from released to sent. False where it is not released any more."""

    async def move(self, key: CommandKey, before: State, after: State, told: Told) -> bool:
        """False where somebody else has moved it on."""


class Outlook(Protocol):
    """What is known, for one command at a time."""

    async def refresh(self, request: Request) -> None:
        """Read anew what it rests on. Raises `StorageError`."""

    def world(self, request: Request) -> World:
        """As it is known at this moment; what could not be read lately is not known."""

    def forget(self, request: Request) -> None:
        """It is asked no more."""


class Keys(Protocol):
    """Raises `StorageError`, and `HeadendError` where none can be opened."""

    async def access(self, meter: MeterPath) -> Access | None:
        """The password that a meter wants; None where none is known. Raises `NotPermitted` where a change of it came to
        no end: nobody knows which of two it takes."""

    async def held(self, meter: str) -> list[Held]:
        """One of a change that came to no end, if there is one; the current one; else one that was given up since."""

    async def make(self, key: CommandKey, old: Access) -> Access:
        """A new one for a command that is being sent: sealed before it is told. Raises `NotPermitted`."""

    async def made(self, key: CommandKey) -> Held | None:
        """What was made for a command."""

    async def confirm(self, meter: str) -> bool:
        """The meter takes the next one: it is the current one now."""

    async def give_up(self, meter: str, order: str = "") -> None:
        """The meter takes the current one: the next one, made for `order` or for any, is past."""

    async def take_up(self, meter: str) -> None:
        """What was given up last is next again."""

    async def tries(self, key: CommandKey) -> list[Try]:
        """Those that are written down for a command."""

    async def begin_try(self, key: CommandKey, number: int, of: InForce) -> None:
        """Written down before it goes out."""

    async def end_try(self, key: CommandKey, number: int, outcome: Outcome) -> None:
        """What came of it."""
