"""The book and the queue of commands in the database."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Any, Final

from headend.commands.gather import approvals_of, order_of
from headend.commands.record import record
from headend.commands.writing import told_of
from headend.safety.command import UNSETTLED, CommandKey, State
from headend.safety.function import Function
from headend.safety.order import Order
from headend.safety.request import Request
from headend.safety.verification import COMPARED, Seen
from headend.sending.book import Asked, Due, Told
from headend.sending.dispatch import Waiting
from storage import sending
from storage.audit import spelled
from storage.bell import Bell
from storage.commands import Connection
from storage.connection import Session
from storage.errors import AlreadyThere, NotFound

_ORDERS: Final = 64


class StoredBook(Session):
    """`name`: the daemon's, as the audit has it. `claimed` is told of every command that is."""

    def __init__(self, source: str | Session, name: str, claimed: Callable[[Request], None]) -> None:
        super().__init__(source)
        self._by = f"daemon {name}"
        self._claimed = claimed

    async def hold(self, due: Due, asked: Asked, after: State, told: Told) -> bool:
        return await self._go_on(due, after, told, asked)

    async def claim(self, due: Due, asked: Asked, claim: str, told: Told) -> bool:
        won = await self._go_on(due, State.SENT, told, asked, claim)
        if won:
            self._claimed(asked.request)
        return won

    async def _go_on(self, due: Due, after: State, told: Told, asked: Asked, claim: str = "") -> bool:
        kept = record(asked.request, due.version, asked.world)
        body = told_of(asked.request, due.version, asked.world, asked.decision, kept.digest)
        step = sending.Step(
            key=due.key.order, meter=due.key.meter, number=due.number, before=State.RELEASED, after=after,
            by=self._by, why=told.why, claim=claim, action=asked.request.step.value,
            body=spelled(body | {"state": after, "claim": claim, "released_by": due.by, **told.more}),
            digest=kept.digest, document=kept.document,
        )  # fmt: skip
        return await self._step(step)

    async def move(self, key: CommandKey, before: State, after: State, told: Told) -> bool:
        body: dict[str, Any] = {"state": after, "before": before, "why": told.why, **told.more}
        if told.frames:
            body["frames"] = [list(frame) for frame in told.frames]
        step = sending.Step(
            key=key.order, meter=key.meter, before=before, after=after, by=self._by, why=told.why, action="result",
            body=spelled(body),
        )  # fmt: skip
        return await self._step(step)

    async def _step(self, step: sending.Step) -> bool:
        try:
            async with self.use() as connection:
                return await sending.go_on(connection, step)
        except (AlreadyThere, NotFound):
            return False


class StoredQueue(Session):
    """One connection, and another for the bell."""

    def __init__(self, conninfo: str) -> None:
        super().__init__(conninfo)
        self._bell = Bell(conninfo, "command", "command_stop")
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
            is_compared = order.function in COMPARED and found.state in UNSETTLED
            seen = await sending.seen_before(connection, key.order, key.meter) if is_compared else None
        return Due(
            key, order, approvals, found.by, State(found.state), found.version, found.number, found.since,
            None if seen is None else Seen.of(seen),
        )  # fmt: skip

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
