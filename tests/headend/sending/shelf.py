"""A book, an outlook and keys in memory, and a simulated meter that they are about."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from headend.safety.command import Command, CommandKey, State
from headend.safety.function import Function, ReasonCode
from headend.safety.ledger import Rows
from headend.safety.order import Approval, Order, Target, binding
from headend.safety.request import Request
from headend.safety.world import (
    Clock,
    Holds,
    MeterClock,
    ProtectionList,
    Recalls,
    Stops,
    Weather,
    World,
)
from headend.sending.book import Asked, Due, Told
from headend.sending.sender import Sender
from protocols.dlt645.services.access import Access
from storage.errors import DatabaseUnreachable
from tests.headend.clock.site import Site
from tests.headend.safety.site import POLICY, USERS, WORLD
from tests.headend.sending.vault import Vault

HOUR = timedelta(hours=1)


@dataclass
class Shelf:
    """`away`: so many questions find no database. `lists` holds what the world is changed to, by name;
    what can be called is told the time."""

    site: Site
    states: dict[CommandKey, Command] = field(default_factory=dict)
    claims: list[str] = field(default_factory=list)
    moves: list[tuple[State, State, Told]] = field(default_factory=list)
    lists: dict[str, Any] = field(default_factory=dict)
    away: int = 0
    secret: Access | None = field(default_factory=lambda: Access(0, bytes(3)))
    vault: Vault = field(init=False)

    def __post_init__(self) -> None:
        self.vault = Vault(self.secret)

    async def hold(self, due: Due, asked: Asked, after: State, told: Told) -> bool:
        return await self.move(due.key, State.RELEASED, after, told)

    async def claim(self, due: Due, asked: Asked, claim: str, told: Told) -> bool:
        self._reach()
        held = self.states[due.key]
        if held.state is not State.RELEASED:
            return False
        self.states[due.key] = held.claimed(claim)
        self.claims.append(claim)
        self.moves.append((State.RELEASED, State.SENT, told))
        return True

    async def move(self, key: CommandKey, before: State, after: State, told: Told) -> bool:
        self._reach()
        if self.states[key].state is not before:
            return False
        self.states[key] = self.states[key].to(after)
        self.moves.append((before, after, told))
        return True

    async def refresh(self, request: Request) -> None:
        await asyncio.sleep(0)

    def forget(self, request: Request) -> None:
        """Nothing is held."""

    def world(self, request: Request) -> World:
        now = self.site.now()
        told: dict[str, Any] = {
            "now": now,
            "registry": {t.meter: t for t in request.order.targets},
            "protection": ProtectionList((), now),
            "commands": self.states,
            "ledger": Rows(()),
            "zones": {"north": self.site.meters[0].zone},
            "weather": {"north": Weather(False, now)},
            "customers": {"north": 100, "": 100},
            "meter_clocks": {t.meter: MeterClock.RIGHT for t in request.order.targets},
            "users": USERS,
            "policy": POLICY,
            "stops": Stops(),
            "recalls": Recalls(),
            "holds": Holds({}, {}),
            "clock": Clock(True, "synchronised"),
            "holidays": WORLD.holidays,
        }
        return World(**(told | {name: value(now) if callable(value) else value for name, value in self.lists.items()}))

    def _reach(self) -> None:
        if self.away:
            self.away -= 1
            raise DatabaseUnreachable("away")

    def sender(self, **more: Any) -> Sender:
        return Sender(self, self, self.vault, self.site.now, **more)

    def due(self, function: Function = Function.TRIP, number: int = 0, key: str = "o1", **more: Any) -> Due:
        """A released command at meter `number`, approved and by `bo` let go."""
        meter, now = self.site.meters[number], self.site.now()
        target = Target(meter.name, meter.address, "line", "p1", "north", load_w=1000)
        cuts = function in (Function.TRIP, Function.UNPROTECT)
        given: dict[str, Any] = {
            "reason": ReasonCode.NON_PAYMENT if cuts else ReasonCode.PAYMENT,
            "requester": "ada",
            "notice": "letter 12",
            "not_before": now - HOUR,
            "expires": now + HOUR,
        }
        order = Order(key, function, (target,), **(given | more))
        approval = Approval("dee", binding(order, POLICY.version), now - timedelta(minutes=1), now + HOUR)
        name = CommandKey(key, meter.name)
        self.states.setdefault(name, Command(name, order.digest, State.RELEASED))
        return Due(name, order, (approval,), "bo", self.states[name].state, 1, 2, now)

    def at(self, due: Due) -> Due:
        """The same command as the book has it now."""
        return replace(due, state=self.states[due.key].state)
