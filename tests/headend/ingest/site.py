"""A site for tests of the push path: meters that only push, one source, a publisher, and what is stored."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiomqtt
import psycopg

from headend.ingest.ingest import Source
from headend.ingest.settings import PushTable
from protocols.dlt645 import frame
from storage.entries import Additions, NewLine, NewMeter
from storage.registry import Registry
from tests.servers import Mosquitto

T0 = datetime(2026, 3, 1, tzinfo=UTC)
ENERGY = bytes.fromhex("00000100")
"""00010000, total active energy, as it stands in a frame; 0.01 kWh."""


def answer(address: str, hundredths: int) -> bytes:
    """A meter's answer with its energy, as on the wire."""
    value = int(f"{hundredths:08d}", 16).to_bytes(4, "little")
    return frame.encode(bytes.fromhex(address)[::-1], 0x91, ENERGY + value)


def stamped(address: str, number: int) -> bytes:
    """The answer in an envelope with a time of its own: `number` minutes after T0, `number` hundredths of a kWh."""
    at = (T0 + timedelta(minutes=number)).isoformat()
    return json.dumps({"time": at, "data": answer(address, number).hex()}).encode()


def address_of(meter: int) -> str:
    return f"{meter:012d}"


def table(broker: str, **more: Any) -> PushTable:
    settings: dict[str, Any] = {
        "name": "site", "broker": broker, "topic": "hes/{line}/{address}/up", "payload": "json-base64", **more,
    }  # fmt: skip
    return PushTable(**settings)


async def register(conninfo: str, meters: Iterable[int], line: str = "dtu") -> None:
    """Meters that only push, on one line."""
    async with Registry(conninfo) as known:
        lines = [] if line in [known.name for known in await known.lines()] else [
            NewLine(name=line, url="push:", protocol="dlt645")
        ]  # fmt: skip
        await known.add(
            Additions(
                lines=tuple(lines),
                meters=tuple(
                    NewMeter(name=f"m{n}", address=address_of(n), model="dlt645_2007", line=line) for n in meters
                ),
            )
        )


@asynccontextmanager
async def running(
    conninfo: str, source: PushTable, *, daemon: str = "test", folder: Path = Path()
) -> AsyncIterator[Source]:
    """The source at work; ended in order, as on SIGTERM."""
    made = Source(source, daemon=daemon, folder=folder, zone=ZoneInfo("Asia/Shanghai"), conninfo=conninfo)
    task = asyncio.create_task(made.run())
    try:
        await until(lambda: made.subscriber.is_connected or task.done(), "the subscription")
        yield made
    finally:
        made.stop()
        await task


async def until(condition: Callable[[], bool], what: str, patience_s: float = 120.0) -> None:
    async with asyncio.timeout(patience_s):
        while not condition():  # noqa: ASYNC110 - it is a server's doing, or of another task that tells nobody
            await asyncio.sleep(0.01)


@asynccontextmanager
async def publisher(broker: Mosquitto, **more: Any) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client(broker.host, broker.port, max_inflight_messages=1000, **more) as client:
        client.pending_calls_threshold = 100_000
        yield client


async def publish(client: aiomqtt.Client, meter: int, numbers: Iterable[int], line: str = "dtu") -> None:
    """Returns when the broker has all of it."""
    address = address_of(meter)
    topic = f"hes/{line}/{address}/up"
    for number in numbers:
        await client.publish(topic, stamped(address, number), qos=1)


def rows(conninfo: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(conninfo) as connection:
        return connection.execute(query.encode()).fetchall()


def stored(conninfo: str) -> list[tuple[str, int, int]]:
    """(meter, minutes after T0, hundredths of a kWh), sorted."""
    found = rows(
        conninfo,
        "SELECT meter, extract(epoch FROM time), value FROM reading_named WHERE quantity = 'active_energy_import'",
    )
    return sorted((meter, int(at - int(T0.timestamp())) // 60, int(value * 100)) for meter, at, value in found)


def dead(conninfo: str) -> list[tuple[Any, ...]]:
    """(reason, state, count, topic, payload), by id."""
    return rows(conninfo, "SELECT reason, state, count, topic, payload FROM dead_letter ORDER BY id")
