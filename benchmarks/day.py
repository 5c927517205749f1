"""A day of a million meters at a quarter-hour, projected from a tenth of it really run: stored, rolled up, on disk.

Each capture holds 8 registers: 100,000 meters x 96 = 9.6 million captures, 76.8 million values, through `Writer` on one
connection in batches of 1,250 captures, each committed; then all hours and the day by `Roller`. A fill of the database
that is never read; the figures of time, disk and memory are printed as they come, rows hold them for a million meters:

- `day_load_s`, `day_rollup_s`: seconds, ten times what the tenth took; the limit is the day itself.
- `day_captures_gb`, `day_rollups_gb`: tables with indexes.
- `day_memory`: this process's resident memory after the last hour of the day, beside that after the first (limit).

    python -m benchmarks.day [--json] [--meters 100000] [--plain]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import dataclass, replace
from datetime import timedelta
from os import getloadavg
from pathlib import Path
from time import perf_counter
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import psycopg

from benchmarks.report import Row, show
from benchmarks.store import SETTINGS, STARTED_WITH, safe
from benchmarks.store_batches import CAPTURES, LAYOUT, SLOTS, day
from protocols.model import POSITIONS
from storage.buckets import Bucket, Span
from storage.columns import DAY_US, Ints, from_us
from storage.migrate import migrate
from storage.retention import Retention
from storage.rollup_reader import Rollups
from storage.rollups import Roller
from storage.writer import Writer
from tests.servers import PostgresServer, plain_server, timescale_server

MILLION: Final = 1_000_000
ZONE: Final = ZoneInfo("UTC")


@dataclass
class Measured:
    """Of the meters that were really run."""

    load_s: float
    rollup_s: float
    captures: int
    rollups: int
    rss: list[int]
    """Bytes: after each hour of loading, then after the rollup."""


def resident() -> int:
    """This process's memory, bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def measured(conninfo: str, meters: int) -> Measured:
    """Load, roll up, and check that every meter's energy is what its registers say."""
    await migrate(conninfo)
    first = day(1, CAPTURES)
    start = from_us(first.first_us)
    random = np.random.default_rng(1)
    registers: Ints = random.integers(0, 400_000_000, (meters, POSITIONS))
    begun = registers.copy()
    template = first.batches[0]
    load_s, rss = 0.0, []
    async with Writer(conninfo) as writer:
        for slot in range(SLOTS + 1):  # the last is the midnight that ends the day
            time_us = np.full(CAPTURES, first.first_us + slot * (DAY_US // SLOTS))
            for at in range(0, meters, CAPTURES):
                meter_id = np.arange(at + 1, at + CAPTURES + 1, dtype=np.int32)
                values = registers[at : at + CAPTURES]
                batch = replace(template, meter_id=meter_id, time_us=time_us, received_us=time_us, values=values)
                began = perf_counter()
                await writer.write_columns(batch)
                load_s += perf_counter() - began
            if slot < SLOTS:
                registers += random.poisson(2_000, registers.shape)
            if slot % 4 == 3:
                rss.append(resident())
                print(f"{slot + 1} of {SLOTS} slots, {load_s:.0f} s, {rss[-1] / 1e6:.0f} MB", file=sys.stderr)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE capture")
    async with Roller(conninfo, ZONE) as roller, Retention(conninfo) as retention, Rollups(conninfo, ZONE) as rollups:
        began = perf_counter()
        rolled = await roller.roll(start + timedelta(days=1, minutes=30))
        rollup_s = perf_counter() - began
        rss.append(resident())
        print(f"{rolled}, {rollup_s:.0f} s, {rss[-1] / 1e6:.0f} MB", file=sys.stderr)
        sizes = await retention.sizes()
        whole = Bucket(start, start + timedelta(days=1))
        known = dict(await rollups.energies(range(1, meters + 1), LAYOUT.quantities[0], whole, Span.DAY))
    if known != dict(enumerate((registers - begun)[:, 0].tolist(), 1)):
        raise SystemExit("the days' energies are not what was written")
    return Measured(load_s, rollup_s, sizes["capture"], sum(b for t, b in sizes.items() if t.startswith("rollup")), rss)


def rows(server: PostgresServer, meters: int) -> list[Row]:
    print(safe(server), file=sys.stderr)
    with server.fresh() as conninfo:
        found = asyncio.run(measured(conninfo, meters))
    print(f"load {getloadavg()}", file=sys.stderr)
    times = MILLION / meters
    return [
        Row("day_load_s", "s", times * found.load_s, limit=86_400, limit_name="the day"),
        Row("day_rollup_s", "s", times * found.rollup_s, limit=86_400, limit_name="the day"),
        Row("day_captures_gb", "GB", times * found.captures / 1e9),
        Row("day_rollups_gb", "GB", times * found.rollups / 1e9),
        Row("day_memory", "MB", found.rss[-2] / 1e6, limit=found.rss[0] / 1e6, limit_name="after the first hour"),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--meters", type=int, default=100_000)
    parser.add_argument("--plain", action="store_true", help="plain PostgreSQL, not TimescaleDB")
    options = parser.parse_args()
    with plain_server(SETTINGS) if options.plain else timescale_server(SETTINGS | STARTED_WITH) as running:
        show(rows(running, options.meters), sys.argv)
