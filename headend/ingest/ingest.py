"""All sources of pushed readings of one daemon, from their brokers to the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from headend.config import Config
from headend.duration import seconds
from headend.ingest.connection import Status, Terms
from headend.ingest.hold import Hold
from headend.ingest.intake import LANES, Intake
from headend.ingest.meters import Meters
from headend.ingest.news import Noter
from headend.ingest.settings import PushTable
from headend.ingest.sorting import Sorter
from headend.ingest.subscriber import Subscriber
from protocols.push.payloads import PAYLOADS
from storage.dead_letters import DeadLetters
from storage.meter_keys import MeterKeys
from storage.writer import Writer

_log = structlog.get_logger("ingest")


class Source:
    """One ``[[push]]``: its subscription, its hold and its writers. Raises `UsageFault`."""

    def __init__(
        self,
        table: PushTable,
        *,
        daemon: str,
        folder: Path,
        zone: ZoneInfo,
        conninfo: str,
        revive: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.table = table
        self.hold = Hold(table.messages, table.bytes)
        self._stopping = False
        self._keys = MeterKeys(conninfo)
        self._letters = DeadLetters(conninfo)
        self._writers = [Writer(conninfo) for _ in range(LANES)]
        self._noter = Noter(conninfo)
        broker = table.broker_settings(folder)
        self.subscriber = Subscriber(table.name, broker, terms(table, daemon, broker), self.hold)
        sorter = Sorter(table, PAYLOADS[table.payload](table.payload_settings(zone)), Meters(self._keys).look_up, zone)
        self.intake = Intake(
            table, self.hold, sorter, self._writers, self._letters, seconds(table.linger), revive, note=self._noter.note
        )

    def stop(self) -> None:
        self._stopping = True
        self.subscriber.stop()
        self.intake.stop()

    async def run(self) -> None:
        """Until `stop`: then what is held is committed and acknowledged, and the broker told good-bye."""
        try:
            async with asyncio.TaskGroup() as group:
                subscribing = group.create_task(self.subscriber.run(), name=f"subscriber {self.table.name}")
                await self.intake.run()
                if not self._stopping:
                    raise RuntimeError(f"the intake of push {self.table.name} ended and nobody told it to")
                await self.subscriber.close()
                await subscribing
        finally:
            self.subscriber.drop()
            for session in (*self._writers, self._letters, self._keys):
                await session.close()
            await self._noter.close()

    @property
    def counters(self) -> dict[str, Any]:
        subscriber, intake = self.subscriber, self.intake
        oldest = self.hold.oldest_us
        return {
            **asdict(subscriber.counters),
            "intake": {**asdict(intake.counters), "dead": dict(intake.counters.dead)},
            "connected": subscriber.is_connected,
            "paused": subscriber.is_paused,
            "unacknowledged": subscriber.unacknowledged,
            "held": self.hold.messages,
            "held_bytes": self.hold.bytes,
            "lag_s": round(time.time() - oldest / 1e6, 3) if oldest else 0.0,
            "database_away": intake.waiting,
        }


class Ingest:
    """Runs until `stop`, which may be called from a signal. Raises `UsageFault` for a source that cannot be."""

    def __init__(self, config: Config, conninfo: str, revive: Callable[[], Awaitable[None]] | None = None) -> None:
        self.sources = [
            Source(
                table, daemon=config.daemon.name, folder=config.folder, zone=config.zone, conninfo=conninfo,
                revive=revive,
            )
            for table in config.push
        ]  # fmt: skip
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Read no more; commit and acknowledge what is held; return from `run`."""
        self._stopping.set()
        for source in self.sources:
            source.stop()

    async def run(self) -> None:
        if self.sources:
            _log.info("receiving", sources=len(self.sources))
        async with asyncio.TaskGroup() as group:
            for source in self.sources:
                group.create_task(source.run(), name=f"push {source.table.name}")
            await self._stopping.wait()

    @property
    def counters(self) -> dict[str, Any]:
        """By source."""
        return {source.table.name: source.counters for source in self.sources}


def terms(table: PushTable, daemon: str, broker: Any) -> Terms:
    """How a source's session introduces itself."""
    status = None
    if table.status_topic:
        status = Status(table.status_topic, table.status_online, table.status_offline, table.status_retain)
    return Terms(
        client_id=table.identity(daemon),
        username=broker.username,
        password=broker.password,
        version=table.version,
        keepalive_s=table.keepalive_s,
        session_expiry_s=table.session_expiry_s,
        receive_maximum=table.receive_maximum,
        filters=(table.subscription,),
        status=status,
    )
