"""What was released and sent lately, as sums that the database has counted for one question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from headend.safety.command import CommandKey
from headend.safety.function import Effect
from headend.safety.ledger import Use
from headend.safety.policy import Cap


@dataclass(frozen=True, slots=True)
class Sums:
    """`besides`: what it was counted without. `uses` by cap and place. Raises `ValueError` for another question."""

    besides: CommandKey | str
    latest: datetime | None
    uses: Mapping[str, Mapping[str, Use]]
    effect: Effect
    within_minute: Use
    flying: int
    open: Mapping[str, CommandKey]

    def used(self, cap: Cap, place: str, since: datetime, besides: CommandKey | str) -> Use:
        self._same(besides)
        return self.uses[cap.name].get(place, Use())

    def sent(self, effect: Effect, since: datetime, besides: CommandKey) -> Use:
        self._same(besides)
        if effect is not self.effect:
            raise ValueError(f"counted for {self.effect}, asked for {effect}")
        return self.within_minute

    def in_flight(self, effect: Effect, besides: CommandKey) -> int:
        self._same(besides)
        if effect is not self.effect:
            raise ValueError(f"counted for {self.effect}, asked for {effect}")
        return self.flying

    def unsettled(self, meter: str, besides: CommandKey) -> CommandKey | None:
        self._same(besides)
        return self.open.get(meter)

    def _same(self, besides: CommandKey | str) -> None:
        if besides != self.besides:
            raise ValueError(f"counted without {self.besides!r}, asked for without {besides!r}")
