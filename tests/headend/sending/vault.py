"""Passwords in memory, as those who send know them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from headend.collection.survey import MeterPath
from headend.safety.command import CommandKey
from headend.safety.passwords import InForce, Outcome, Try
from headend.secrets.held import Held
from headend.secrets.making import new_password
from protocols.dlt645.services.access import Access
from protocols.dlt645.services.signer import PlainPassword
from protocols.errors import NotPermitted


@dataclass
class Vault:
    """`first` of all meters, until theirs are changed; None: none is known."""

    first: Access | None = field(default_factory=lambda: Access(2, bytes(3)))
    rows: dict[str, list[tuple[str, Held]]] = field(default_factory=dict)
    tried: dict[CommandKey, list[Try]] = field(default_factory=dict)

    def of(self, meter: str) -> list[tuple[str, Held]]:
        """With the order that each was made for."""
        first = [] if self.first is None else [("", Held("current", self.first))]
        return self.rows.setdefault(meter, first)

    async def access(self, meter: MeterPath) -> Access | None:
        held = await self.held(meter.name)
        if held and held[0].state == "next":
            raise NotPermitted("which of two it takes is not known")
        return held[0].access if held else None

    async def held(self, meter: str) -> list[Held]:
        rows = [held for _, held in self.of(meter)]
        found = [held for state in ("next", "current") for held in rows if held.state == state]
        return found if len(found) != 1 else found + self._given_up(meter)[:1]

    def _given_up(self, meter: str) -> list[Held]:
        """Behind the current one, the last first."""
        rows = [held for _, held in self.of(meter)]
        at = next(number for number, held in enumerate(rows) if held.state == "current")
        return [held for held in reversed(rows[at + 1 :]) if held.state == "past"]

    async def take_up(self, meter: str) -> None:
        last = self._given_up(meter)[0]
        self.rows[meter] = [
            (whose, replace(held, state="next") if held is last else held) for whose, held in self.of(meter)
        ]

    async def make(self, key: CommandKey, old: Access) -> Access:
        assert all(held.state != "next" for _, held in self.of(key.meter))
        new = new_password(PlainPassword(old.level, old.secret[::-1].hex().upper())).access
        self.of(key.meter).append((key.order, Held("next", new)))
        return new

    async def made(self, key: CommandKey) -> Held | None:
        return next((held for order, held in self.of(key.meter) if order == key.order), None)

    async def confirm(self, meter: str) -> bool:
        if all(held.state != "next" for _, held in self.of(meter)):
            return False
        self._put(meter, "current", "past")
        self._put(meter, "next", "current")
        return True

    async def give_up(self, meter: str, order: str = "") -> None:
        self._put(meter, "next", "past", order)

    async def tries(self, key: CommandKey) -> list[Try]:
        return list(self.tried.get(key, ()))

    async def begin_try(self, key: CommandKey, number: int, of: InForce) -> None:
        tries = self.tried.setdefault(key, [])
        assert len(tries) == number - 1
        tries.append(Try(of, Outcome.SILENT))

    async def end_try(self, key: CommandKey, number: int, outcome: Outcome) -> None:
        self.tried[key][number - 1] = replace(self.tried[key][number - 1], outcome=outcome)

    def _put(self, meter: str, before: str, after: str, order: str = "") -> None:
        self.rows[meter] = [
            (whose, replace(held, state=after) if held.state == before and order in ("", whose) else held)
            for whose, held in self.of(meter)
        ]
