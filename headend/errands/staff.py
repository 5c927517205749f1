"""Who does which kind of work that is no reading."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from headend.clock.doubt import Doubts
from headend.clock.sync import ClockSync
from headend.collection.poller import utc_now
from headend.collection.survey import MeterPath
from headend.collection.turn import Errand
from headend.config import Config
from headend.errands.clocks import ClockErrand
from headend.errands.events import EventErrand
from headend.errors import HeadendError
from headend.place import Store
from headend.registry.known import meter_path_of
from headend.work.plan import Kind
from storage import entries
from storage.clocks import ClockStore
from storage.errors import StorageError
from storage.events import EventStore

_log = structlog.get_logger("clock")
REFRESH_S: Final = 300.0
"""How often it is looked at what others, too, have read of clocks."""


@dataclass(frozen=True, slots=True)
class Staff:
    """`errands` by kind of work; `doubts`: meters whose clocks are far off."""

    errands: Mapping[Kind, Errand]
    doubts: Doubts


@asynccontextmanager
async def employed(config: Config, opened: Store) -> AsyncIterator[Staff]:
    """Connections are made at the first use and closed behind the block."""
    policy = config.clock.policy
    async with EventStore(opened.conninfo) as events, ClockStore(opened.conninfo) as clocks:

        async def on_line(name: str) -> Sequence[MeterPath]:
            names = [one.meter for one in await clocks.latest(utc_now(), lines=[name])]
            return _paths(config, await opened.registry.meters(names))

        doubts = Doubts(policy)
        limit_ms = round(policy.quarantine / timedelta(milliseconds=1))
        sync = ClockSync(clocks, policy, utc_now, f"daemon {config.daemon.name}")
        watching = asyncio.create_task(_watch(doubts, clocks, limit_ms), name="clocks")
        try:
            yield Staff(
                {
                    Kind.EVENTS: EventErrand(events, utc_now),
                    Kind.CLOCK: ClockErrand(clocks, policy, doubts, sync, utc_now, on_line),
                },
                doubts,
            )
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching


def _paths(config: Config, meters: Sequence[entries.Meter]) -> list[MeterPath]:
    """Those whose model is there; the others are told where lines are made of them."""
    found = []
    for meter in meters:
        with suppress(HeadendError):
            found.append(meter_path_of(meter, config.zone))
    return found


async def _watch(doubts: Doubts, clocks: ClockStore, limit_ms: int) -> None:
    """Until cancelled."""
    while True:
        try:
            doubts.learn(await clocks.far(limit_ms))
        except StorageError as error:
            _log.debug("what is known of clocks is not renewed", reason=str(error))
        await asyncio.sleep(REFRESH_S)
