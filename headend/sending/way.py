"""How an order is done at a meter, and how it is found out whether it was: a way for each kind of order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from headend.collection.line import Line
from headend.collection.survey import MeterPath
from headend.safety.command import State
from headend.safety.verification import Seen
from headend.safety.world import World
from headend.sending.acts import Act
from headend.sending.book import Due
from headend.sending.gate import Gate

Prepared: TypeAlias = Callable[[Gate], Awaitable[Act]]
"""What is done once the command is claimed. Raises `NotPermitted` and what the line raises."""


class Doing(Protocol):
    """One command at one meter, which has just been read."""

    @property
    def seen(self) -> Seen:
        """What the meter shows before."""

    def onto(self, world: World) -> World:
        """`world` with that, as of this moment."""

    async def prepare(self, zone: ZoneInfo) -> Prepared:
        """Before the claim; nothing else acts on the line. Raises `NotPermitted`, `StorageError`, `HeadendError`."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a meter shows behind a command. Not `is_over`: more is to be asked. `frames` went out for it; they stand
    in the book, as does `more`."""

    seen: Seen
    is_over: bool = True
    frames: Sequence[bytes] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


class Way(Protocol):
    """All raise `StorageError`, and `CommunicationError` where the meter says nothing."""

    async def begin(self, line: Line, meter: MeterPath, due: Due) -> Doing: ...

    async def find(self, line: Line, meter: MeterPath, due: Due, turn: asyncio.Lock) -> Found:
        """`turn`: of what acts on the line."""

    async def settle(self, due: Due, after: State) -> None:
        """Before it is written down that the command is `after`."""
