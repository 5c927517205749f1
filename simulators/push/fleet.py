"""Meters that push, running: a fleet's messages at their time over a few connections, counted until acknowledged."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from protocols.links.url import parse_broker
from simulators.push.accounts import Accounts
from simulators.push.payloads import Publications
from simulators.push.publisher import PublishCounters, Publisher
from simulators.push.schedule import sendings
from simulators.push.values import PushTruth, Values

_BREATH: Final = 50
"""Messages after which acknowledgements get their turn."""
_PATIENCE_S: Final = 10.0
"""For the last acknowledgements, when the fleet is told to end."""


def fleet_seed(seed: int, name: str) -> int:
    """Of one fleet of a scenario: it follows from the scenario's seed and the fleet's name alone."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=6).digest(), "big")


class PushFleet:
    """`run` until all slots are published and acknowledged, or cancelled; then `close`. `broker`: its URL where the
    table names the embedded one; `number` tells the fleets of a scenario apart. Raises `OSError` for the account."""

    def __init__(
        self,
        values: Values,
        now: Callable[[], datetime],
        *,
        number: int = 0,
        broker: str = "",
        folder: Path = Path(),
    ) -> None:
        table = values.table
        self.table = table
        self.truth = PushTruth(values)
        self.publications = Publications(values, number)
        self.since = now()
        self.done = asyncio.Event()
        """All slots that the table asks for are published and acknowledged, or it has failed."""
        self.broker = broker or table.broker
        self._seed = values.seed
        self._now = now
        self._accounts = Accounts(table, folder / table.accounts if table.accounts else None)
        settings = parse_broker(self.broker)
        share = -(-table.in_flight // table.connections)
        self._publishers = [
            Publisher(settings, f"simulator-{table.name}-{number}-{place}", share, self._accounts.acknowledged)
            for place in range(table.connections)
        ]

    @property
    def counters(self) -> dict[str, Any]:
        """Over all connections, with `readings` acknowledged slot by slot, and `missing` messages."""
        total = {
            field.name: sum(getattr(one.counters, field.name) for one in self._publishers)
            for field in fields(PublishCounters)
        }
        return total | {"slots": self._accounts.slots, "missing": self._accounts.missing}

    async def run(self) -> None:
        """Publishes; the connections stand as long as it runs."""
        async with asyncio.TaskGroup() as group:
            paths = [group.create_task(one.run()) for one in self._publishers]
            try:
                await self._publish()
                for one in self._publishers:
                    await one.drained()
                self.done.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await self._last()
                raise
            finally:
                self.done.set()
                for path in paths:
                    path.cancel()

    async def _last(self) -> None:
        """What is on its way has a little time to be acknowledged."""
        waiting = [asyncio.ensure_future(one.drained()) for one in self._publishers]
        _, pending = await asyncio.wait(waiting, timeout=_PATIENCE_S)
        for task in pending:
            task.cancel()

    def close(self) -> None:
        """Writes the account of what is not complete."""
        self._accounts.close()

    async def _publish(self) -> None:
        for count, sending in enumerate(sendings(self.table, self._seed, self.since)):
            if self.table.paced:
                wait = sending.due_us / 1e6 - self._now().astimezone(UTC).timestamp()
                if wait > 0:
                    await asyncio.sleep(wait)
            if count % _BREATH == 0:
                await asyncio.sleep(0)
            publication = self.publications.of(sending.gateway, sending.slot)
            self._accounts.sent(sending)
            path = self._publishers[sending.gateway % len(self._publishers)]
            await path.publish(publication.topic, publication.payload, sending)
