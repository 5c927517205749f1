"""What was released and sent lately, as caps and ramps count it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from headend.safety.command import UNSETTLED, CommandKey, State
from headend.safety.function import TRAITS, Effect, Function, Source
from headend.safety.order import Target, aware
from headend.safety.policy import Cap


@dataclass(frozen=True, slots=True)
class Dealt:
    """A command that was released or sent, and when that last was."""

    key: CommandKey
    function: Function
    target: Target
    source: Source
    state: State
    at: datetime

    def __post_init__(self) -> None:
        aware(self.at)


@dataclass(frozen=True, slots=True)
class Use:
    """`unknown`: commands whose load is not known."""

    commands: int = 0
    watts: int = 0
    unknown: int = 0

    def with_load(self, load_w: int | None) -> Use:
        if load_w is None:
            return Use(self.commands + 1, self.watts, self.unknown + 1)
        return Use(self.commands + 1, self.watts + load_w, self.unknown)


class Ledger(Protocol):
    """Asked for sums, so that whoever keeps many can keep sums."""

    @property
    def latest(self) -> datetime | None:
        """The last moment in it: time does not go back behind it."""

    def used(self, cap: Cap, place: str, since: datetime, besides: CommandKey | str) -> Use:
        """Released or sent after `since`, without one command, or without all of the order of that key."""

    def sent(self, effect: Effect, since: datetime, besides: CommandKey) -> Use:
        """What moves load and was sent after `since`."""

    def in_flight(self, effect: Effect, besides: CommandKey) -> int:
        """Sent and not settled."""

    def unsettled(self, meter: str, besides: CommandKey) -> CommandKey | None:
        """A command at this meter of which nobody knows yet what came of it."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A ledger that counts its rows at every question: for tests and for little."""

    rows: Sequence[Dealt]

    @property
    def latest(self) -> datetime | None:
        return max((row.at for row in self.rows), default=None)

    def used(self, cap: Cap, place: str, since: datetime, besides: CommandKey | str) -> Use:
        use = Use()
        for row in self.rows:
            if row.at <= since or besides in (row.key, row.key.order) or TRAITS[row.function].effect is not cap.effect:
                continue
            if place_of(cap, row.target) == place and cap.source in (None, row.source):
                use = use.with_load(row.target.load_w)
        return use

    def sent(self, effect: Effect, since: datetime, besides: CommandKey) -> Use:
        use = Use()
        for row in self.rows:
            traits = TRAITS[row.function]
            if row.at > since and row.key != besides and row.state is not State.RELEASED and traits.moves:
                use = use.with_load(row.target.load_w) if traits.effect is effect else use
        return use

    def in_flight(self, effect: Effect, besides: CommandKey) -> int:
        return sum(
            row.state in UNSETTLED and TRAITS[row.function].effect is effect and row.key != besides for row in self.rows
        )

    def unsettled(self, meter: str, besides: CommandKey) -> CommandKey | None:
        found = (r.key for r in self.rows if r.state in UNSETTLED and r.target.meter == meter and r.key != besides)
        return next(found, None)


def place_of(cap: Cap, target: Target) -> str:
    return {"": "", "area": target.area, "feeder": target.feeder}[cap.per]


MINUTE = timedelta(minutes=1)
