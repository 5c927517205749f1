"""Questions while 50,000 values/s flow in: milliseconds at the 95th percentile, beside the target. Less is better.

10,000 meters, a day of quarter-hours of 8 registers each, stored and rolled up; a process of its own then writes the
following day through `Writer`, five batches of 1,250 captures a second. TimescaleDB where it can be started, or plain.

- `queries_meter_day`: one meter's day with all its values (768), through `Reader.readings`.
- `queries_latest`: the latest of one register of 10,000 meters, through `Reader.latest`, within a day.
- `queries_day_energy`: a day's energy of 10,000 meters, through `Rollups.energies`.

    python -m benchmarks.queries [--json] [--meters 10000] [--rounds 100]
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import random
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Event
from os import getloadavg
from time import monotonic, perf_counter, sleep
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg
import pytest

from benchmarks.report import Row, show
from benchmarks.store import SETTINGS, STARTED_WITH, safe
from benchmarks.store_batches import CAPTURES, LAYOUT, SLOTS, day
from protocols.model import POSITIONS
from storage.buckets import Bucket, Span
from storage.columns import DAY_US, from_us
from storage.migrate import migrate
from storage.reader import Reader
from storage.rollup_reader import Rollups
from storage.rollups import Roller
from storage.writer import Writer
from tests.servers import PostgresServer, plain_server, timescale_server

VALUES_PER_S: Final = 50_000
ZONE: Final = ZoneInfo("UTC")


def flow(conninfo: str, meters: int, number: int, stop: Event, sent: Any) -> None:
    """Write the `number`-th day at the rate, in a process of its own; `sent` counts values."""
    asyncio.run(_flow(conninfo, meters, number, stop, sent))


async def _flow(conninfo: str, meters: int, number: int, stop: Event, sent: Any) -> None:
    batches = day(number, meters).batches[meters // CAPTURES :]  # the first moment is stored: it ends the day before
    async with Writer(conninfo) as writer:
        due = monotonic()
        for batch in batches:
            if stop.is_set():
                return
            await writer.write_columns(batch)
            sent.value += len(batch) * POSITIONS
            due += CAPTURES * POSITIONS / VALUES_PER_S
            await asyncio.sleep(max(0.0, due - monotonic()))
    raise SystemExit("the day is over before the questions are")


async def prepare(conninfo: str, meters: int) -> datetime:
    """Store and roll up a day, and the moment that ends it; returns when it began."""
    await migrate(conninfo)
    async with Writer(conninfo) as writer:
        batches = day(1, meters).batches
        for batch in batches:
            await writer.write_columns(batch)
        for batch in batches[-(meters // CAPTURES) :]:  # the registers of the midnight that ends the day
            await writer.write_columns(replace(batch, time_us=batch.time_us + DAY_US // SLOTS))
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    start = from_us(day(1, CAPTURES).first_us)
    async with Roller(conninfo, ZONE) as roller:
        print(await roller.roll(start + timedelta(days=1, hours=3)), file=sys.stderr)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return start


async def asked(conninfo: str, meters: int, start: datetime, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each question, warmed by one of each."""
    end = start + timedelta(days=1)
    every = list(range(1, meters + 1))
    one = [LAYOUT.quantities[0]]
    dice = random.Random(1)
    async with Reader(conninfo) as reader, Rollups(conninfo, ZONE) as rollups:
        questions: dict[str, Callable[[], Awaitable[Sequence[object]]]] = {
            "queries_meter_day": lambda: reader.readings([dice.choice(every)], start, end),
            "queries_latest": lambda: reader.latest(every, end + timedelta(hours=12), timedelta(days=1), one),
            "queries_day_energy": lambda: rollups.energies(every, one[0], Bucket(start, end), Span.DAY),
        }
        expected = {"queries_meter_day": 96 * POSITIONS, "queries_latest": meters, "queries_day_energy": meters}
        taken: dict[str, list[float]] = {name: [] for name in questions}
        for number in range(rounds + 1):
            for name, question in questions.items():
                began = perf_counter()
                found = len(await question())
                if number:
                    taken[name].append(1000 * (perf_counter() - began))
                if found != expected[name]:
                    raise SystemExit(f"{name} gave {found} rows, expected were {expected[name]}")
        known = await rollups.energies(every, one[0], Bucket(start, end), Span.DAY)
        if any(steps is None for _, steps in known):
            raise SystemExit("a day's energy is not known")
    return taken


def measured(server: PostgresServer, meters: int, rounds: int) -> dict[str, list[float]]:
    """All questions while the other process writes."""
    with server.fresh() as conninfo:
        start = asyncio.run(prepare(conninfo, meters))
        context = multiprocessing.get_context("spawn")
        stop, sent = context.Event(), context.Value("q", 0, lock=False)
        writer = context.Process(target=flow, args=(conninfo, meters, 2, stop, sent))
        writer.start()
        try:
            while not sent.value and writer.is_alive():
                sleep(0.05)
            before, began = sent.value, perf_counter()
            taken = asyncio.run(asked(conninfo, meters, start, rounds))
            rate = (sent.value - before) / (perf_counter() - began)
        finally:
            stop.set()
            writer.join()
        if rate < 0.95 * VALUES_PER_S:
            raise SystemExit(f"only {rate:,.0f} values/s flowed in: the figures mean nothing")
        print(f"{datetime.now(UTC):%F %R} {rate:,.0f} values/s flowed in; load {getloadavg()}", file=sys.stderr)
        return taken


LIMITS: Final = {"queries_meter_day": 5.0, "queries_latest": 150.0, "queries_day_energy": 20.0}


def rows(meters: int, rounds: int) -> list[Row]:
    """Measure on the best level that there is."""
    try:
        with timescale_server(SETTINGS | STARTED_WITH) as server:
            print(safe(server), file=sys.stderr)
            taken = measured(server, meters, rounds)
    except pytest.skip.Exception as reason:
        print(f"TimescaleDB is left out: {reason}", file=sys.stderr)
        with plain_server(SETTINGS) as server:
            taken = measured(server, meters, rounds)
    found = []
    for name, times in taken.items():
        times.sort()
        high = times[int(len(times) * 0.95)]
        print(f"{name}: {times[0]:.1f} .. {times[len(times) // 2]:.1f} .. {times[-1]:.1f} ms", file=sys.stderr)
        found.append(Row(name, "ms", high, limit=LIMITS[name], limit_name="target, 95th percentile"))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--meters", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    show(rows(options.meters, options.rounds), sys.argv)
