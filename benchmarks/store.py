"""Captures into the database, values a second: idempotent, committed, fsync and synchronous_commit on.

Sorted batches of 1,250 captures of 8 values, one connection; TimescaleDB where it can be started (hypertable, a chunk
a day), and plain PostgreSQL (`..._plain`). A round writes one day of 2,500 meters; the sides take turns every 16
batches, each in a database of its own.

- `store_idempotent`: `Writer.write_columns`. The limit is a binary COPY of ready bytes into an ordinary table without
  an index; the peer writes the same values as narrow rows under a unique key, the same way.
- `store_captures`: `Writer.write` with `Capture` objects; the same limit and peer.
- `store_replay`: the same batches given again; the limit is their first load.
- `store_bytes`, `store_wal`: bytes a value of table and index, and of write-ahead log, less is better; peer as above.

    python -m benchmarks.store [--json] [--rounds 5] [--meters 2500]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median
from typing import Final

import psycopg
import pytest

from benchmarks.report import Row, show
from benchmarks.store_batches import CAPTURES, day
from benchmarks.store_sides import Bare, Captures, Columns, Narrow, Side, Turn, check
from tests.servers import PostgresServer, plain_server, timescale_server

SETTINGS: Final = {"fsync": "on", "synchronous_commit": "on"}
STARTED_WITH: Final = {"shared_buffers": "256MB", "max_wal_size": "2GB", "checkpoint_timeout": "15min"}
"""What `storage.cluster` writes into the settings of a server of our own: both levels run with the same."""
_SHARE: Final = 16
"""Batches that a side writes before it is the next one's turn: a busy neighbour hits all alike."""
_PEER: Final = "narrow rows, idempotent"
_LIMIT: Final = "binary COPY, no index"


@dataclass
class Measured:
    """All turns by side (`replay` is the columns' writer, given the same again), and bytes a value in tables."""

    turns: dict[str, list[Turn]]
    values: int
    """In a turn."""
    bytes_per_value: dict[str, float]

    def rates(self, name: str) -> list[float]:
        return [self.values / one.seconds for one in self.turns[name]]

    def rate(self, name: str) -> float:
        return median(self.rates(name))

    def wal(self, name: str) -> float:
        return median(one.wal / self.values for one in self.turns[name])


async def measured(server: PostgresServer, hypertables: bool, rounds: int, meters: int) -> Measured:
    """Load, replay, check; the sides take turns. Chunks, caches and code are warmed by a day of few meters."""
    makers: dict[str, Callable[[str], Side]] = {
        "bare": Bare,
        "columns": Columns,
        "captures": Captures,
        "narrow": lambda conninfo: Narrow(conninfo, hypertables),
    }
    found = Measured({name: [] for name in (*makers, "replay")}, day(1, meters).values, {})
    async with AsyncExitStack() as stack:
        watch = stack.enter_context(psycopg.connect(server.conninfo, autocommit=True))
        sides: dict[str, Side] = {}
        for name, make in makers.items():
            sides[name] = make(stack.enter_context(server.fresh()))
            await sides[name].open()
            stack.push_async_callback(sides[name].close)
        stored = 0
        for number in range(rounds + 1):
            today = day(number, meters if number else CAPTURES)
            stored += today.values
            taken = {name: Turn() for name in found.turns}
            for start in range(0, len(today.batches), _SHARE):
                share = today.batches[start : start + _SHARE]
                for name, side in sides.items():
                    await taken[name].take(side, share, watch)
                await taken["replay"].take(sides["columns"], share, watch)
            for side in sides.values():
                check(side, today)
            for name, one in taken.items():
                if one.new != (0 if name == "replay" else today.values):
                    raise SystemExit(f"{name} stored {one.new} of {today.values} values")
                if number:
                    found.turns[name].append(one)
        for name, side in sides.items():
            found.bytes_per_value[name] = table_bytes(side) / stored
    return found


def told(found: Measured, level: str) -> None:
    """To stderr: the spread, and whose CPU it was."""
    for name, turns in found.turns.items():
        rates = [rate / 1e6 for rate in found.rates(name)]
        client, server = (1e6 * cpu / found.values for cpu in (_median(turns, "client_s"), _median(turns, "server_s")))
        size = f", tables {found.bytes_per_value[name]:.1f} B/value" if name in found.bytes_per_value else ""
        print(
            f"{level} {name}: {min(rates):.3f} .. {median(rates):.3f} .. {max(rates):.3f} M values/s; "
            f"CPU client {client:.2f}, session {server:.2f} us/value; WAL {found.wal(name):.1f} B/value{size}",
            file=sys.stderr,
        )


def _median(turns: list[Turn], name: str) -> float:
    return float(median(getattr(one, name) for one in turns))


def table(found: Measured, suffix: str) -> list[Row]:
    """What was found as rows."""
    peer, limit = found.rate("narrow"), found.rate("bare")
    sizes = found.bytes_per_value
    wal = (found.wal("columns"), found.wal("narrow"), _PEER, found.wal("bare"), _LIMIT)
    return [
        Row(f"store_idempotent{suffix}", "values/s", found.rate("columns"), peer, _PEER, limit, _LIMIT),
        Row(f"store_captures{suffix}", "values/s", found.rate("captures"), peer, _PEER, limit, _LIMIT),
        Row(f"store_replay{suffix}", "values/s", found.rate("replay"), None, None, found.rate("columns"), "first load"),
        Row(f"store_bytes{suffix}", "bytes/value", sizes["captures"], sizes["narrow"], _PEER, sizes["bare"], _LIMIT),
        Row(f"store_wal{suffix}", "bytes/value", *wal),
    ]


def rows(rounds: int, meters: int) -> list[Row]:
    """Measure; TimescaleDB first, where the chroot is."""
    found = []
    for suffix, start in (("", timescale_server), ("_plain", plain_server)):
        level = "plain PostgreSQL" if suffix else "TimescaleDB"
        try:
            with start(SETTINGS if suffix else SETTINGS | STARTED_WITH) as server:
                print(f"{level}: {safe(server)}", file=sys.stderr)
                taken = asyncio.run(measured(server, not suffix, rounds, meters))
        except pytest.skip.Exception as reason:
            print(f"{level} is left out: {reason}", file=sys.stderr)
            continue
        told(taken, level)
        found += table(taken, suffix)
    return found


def safe(server: PostgresServer) -> str:
    """The version, of a server that keeps what it acknowledged."""
    with psycopg.connect(server.conninfo) as connection:
        for name, value in SETTINGS.items():
            if connection.execute(f"SHOW {name}".encode()).fetchone() != (value,):
                raise SystemExit(f"{name} is not {value}")
        row = connection.execute("SELECT version()").fetchone()
        assert row is not None
        return str(row[0])


def table_bytes(side: Side) -> int:
    """Chunks or partitions, with their indexes."""
    tables = "relkind = 'r' AND relname ~ '^(capture|narrow|_hyper)'"
    query = f"SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE {tables}"
    with psycopg.connect(side.conninfo) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--meters", type=int, default=2_500)
    options = parser.parse_args()
    show(rows(options.rounds, options.meters), sys.argv)
