"""Who does which kind of work that is no reading."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from headend.config import Config
from headend.errands.events import EventErrand
from headend.place import Store
from headend.poller import utc_now
from headend.turn import Errand
from headend.work.plan import Kind
from storage.events import EventStore


@asynccontextmanager
async def errands(config: Config, opened: Store) -> AsyncIterator[Mapping[Kind, Errand]]:
    """By kind of work; their connections are made at the first use and closed behind the block."""
    async with EventStore(opened.conninfo) as events:
        yield {Kind.EVENTS: EventErrand(events, utc_now)}
