"""The book and the queue of commands in the database, and what is known for a last look."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from headend.commands.gather import Gathering, approvals_of, order_of
from headend.commands.writing import write_decision
from headend.safety.command import CommandKey, State
from headend.safety.function import Function
from headend.safety.order import Order
from headend.safety.request import Request
from headend.safety.world import World
from headend.sending.book import Asked, Due, Told
from headend.sending.dispatch import Waiting
from storage import commands, sending
from storage.audit import append
from storage.commands import Connection, Move
from storage.connection import Session
from storage.errors import AlreadyThere, NotFound

FRESH_S: Final = 1.0
"""How long what was read may be looked at; then nothing is known any more."""
_ORDERS: Final = 64


class StoredBook(Session):
    """`name`: the daemon's, as the audit has it."""

    def __init__(self, source: str | Session, name: str, gathering: Gathering) -> None:
        super().__init__(source)
        self._by = f"daemon {name}"
        self._gathering = gathering

    async def hold(self, due: Due, asked: Asked, after: State, told: Told) -> bool:
        return await self._go_on(due, after, told, asked)

    async def claim(self, due: Due, asked: Asked, claim: str, told: Told) -> bool:
        return await self._go_on(due, State.SENT, told, asked, claim)

    async def _go_on(self, due: Due, after: State, told: Told, asked: Asked, claim: str = "") -> bool:
        move = Move(due.key.order, due.key.meter, due.number, due.version, State.RELEASED)
        try:
            async with self.transaction() as connection:
                now = await self._gathering.moment(connection)
                await commands.move(connection, [move], after, by=self._by, at=now, why=told.why, claim=claim)
                more = {"state": after, "claim": claim, "by_daemon": self._by, **told.more}
                await write_decision(connection, asked.request, due.version, asked.world, asked.decision, **more)
        except (AlreadyThere, NotFound):
            return False
        return True

    async def move(self, key: CommandKey, before: State, after: State, told: Told) -> bool:
        try:
            async with self.transaction() as connection:
                found = (await commands.commands_of(connection, key.order, [key.meter])).get(key.meter)
                if found is None or found.state != before:
                    return False
                now = await self._gathering.moment(connection)
                move = Move(key.order, key.meter, found.number, found.version, found.state)
                await commands.move(connection, [move], after, by=self._by, at=now, why=told.why)
                body: dict[str, Any] = {"state": after, "before": before, "why": told.why, **told.more}
                if told.frames:
                    body["frames"] = [list(frame) for frame in told.frames]
                await append(connection, self._by, "result", key.order, meter=key.meter, body=body)
        except (AlreadyThere, NotFound):
            return False
        return True


class StoredQueue(Session):
    """One connection, and another for the bell."""

    def __init__(self, conninfo: str) -> None:
        super().__init__(conninfo)
        self._bell = sending.CommandBell(conninfo)
        self._orders: OrderedDict[tuple[str, int], Order] = OrderedDict()

    async def waiting(self, meters: Collection[str]) -> list[Waiting]:
        async with self.use() as connection:
            rows = await sending.waiting(connection, meters)
        return [
            Waiting(
                CommandKey(row.key, row.meter), State(row.state), row.since, row.not_before, Function(row.function),
                row.claim, row.among,
            )
            for row in rows
        ]  # fmt: skip

    async def due(self, key: CommandKey) -> Due | None:
        async with self.use() as connection:
            found = await sending.command(connection, key.order, key.meter)
            if found is None:
                return None
            order = await self._order(connection, key.order, found.version)
            approvals = await approvals_of(connection, key.order)
        return Due(key, order, approvals, found.by, State(found.state), found.version, found.number, found.since)

    async def _order(self, connection: Connection, key: str, version: int) -> Order:
        """A version never changes, and has its targets by the thousand: it is read once."""
        known = self._orders.get((key, version))
        if known is None:
            found = await order_of(connection, key, version)
            assert found is not None, "a command without its order"
            known = self._orders[key, version] = found[0]
            while len(self._orders) > _ORDERS:
                self._orders.popitem(last=False)
        return known

    async def ring(self, timeout_s: float) -> None:
        await self._bell.wait(timeout_s)

    async def close(self) -> None:
        await self._bell.close()
        await super().close()


class StoredOutlook(Session):
    """What was read last for each question, with the time gone on since."""

    def __init__(
        self, source: str | Session, gathering: Gathering, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(source)
        self._gathering = gathering
        self._monotonic = monotonic
        self._known: dict[tuple[str, str], tuple[World, float]] = {}

    async def refresh(self, request: Request) -> None:
        self.forget(request)
        async with self.use() as connection:
            began = self._monotonic()
            now = await self._gathering.moment(connection)
            world = await self._gathering.world(connection, request, now)
        self._known[request.key] = world, began

    def world(self, request: Request) -> World:
        world, at = self._known.get(request.key, (World(), 0.0))
        gone = self._monotonic() - at
        if world.now is None or gone > FRESH_S:
            return World()
        return replace(world, now=world.now + timedelta(seconds=gone))

    def forget(self, request: Request) -> None:
        self._known.pop(request.key, None)
