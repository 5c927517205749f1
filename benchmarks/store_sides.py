"""Who writes in `benchmarks.store`: the product's writer, and what stands beside it on the same server.

Each side has a database of its own, takes one batch at a time, and has it committed when `write` returns. The server
runs on this machine: CPU seconds of its process are read from /proc.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final, Protocol

import numpy as np
import psycopg

from benchmarks.store_batches import QUANTITIES, Day, objects
from protocols.model import POSITIONS, Capture
from storage.columns import CaptureColumns, from_us
from storage.copy_format import payload
from storage.migrate import migrate
from storage.writer import Writer, Written

_POSTGRES_EPOCH_US: Final = 946_684_800_000_000
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Side(Protocol):
    """`prepared` is off the clock, `write` on it."""

    conninfo: str
    count_and_sum: str
    """SQL that gives values, and the sum of value times quantity, from %s on."""

    async def open(self) -> None: ...

    def prepared(self, columns: CaptureColumns) -> Any:
        """A batch in the form in which this side is given it."""

    async def write(self, batch: Any) -> int:
        """Values that were new."""

    async def close(self) -> None: ...


@dataclass(slots=True)
class Turn:
    """What one side took for a day, in all its shares."""

    seconds: float = 0.0
    client_s: float = 0.0
    """CPU of this process."""
    server_s: float = 0.0
    """CPU of the session's process."""
    wal: int = 0
    new: int = 0

    async def take(self, side: Side, share: Sequence[CaptureColumns], watch: psycopg.Connection[Any]) -> None:
        """Write some batches."""
        batches = [side.prepared(columns) for columns in share]
        pids = _sessions(watch, side)
        wal, server_s, client_s, began = _wal(watch), _cpu_s(pids), process_time(), perf_counter()
        for batch in batches:
            self.new += await side.write(batch)
        self.seconds += perf_counter() - began
        self.client_s += process_time() - client_s
        self.server_s += _cpu_s(pids) - server_s
        self.wal += _wal(watch) - wal


def check(side: Side, day: Day) -> None:
    """Every value of the day is there, once, and right."""
    with psycopg.connect(side.conninfo) as connection:
        found = connection.execute(side.count_and_sum.encode(), (from_us(day.first_us),)).fetchone()
    if found != (day.values, day.weighted):
        raise SystemExit(f"{type(side).__name__} holds {found}, given were {(day.values, day.weighted)}")


class Columns:
    """The product's writer, given columns, as the push path does."""

    count_and_sum = "SELECT count(*), sum(value * quantity) FROM reading WHERE time >= %s"

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        self._writer = Writer(conninfo)

    async def open(self) -> None:
        await migrate(self.conninfo)
        await self._writer.write_misses([])
        async with self._writer.use():
            pass

    def prepared(self, columns: CaptureColumns) -> Any:
        return columns

    async def write(self, batch: Any) -> int:
        return _values(await self._writer.write_columns(batch))

    async def close(self) -> None:
        await self._writer.close()


class Captures(Columns):
    """The same writer, given objects, as the pull path does."""

    def prepared(self, columns: CaptureColumns) -> Sequence[Capture]:
        return objects(columns)

    async def write(self, batch: Any) -> int:
        return _values(await self._writer.write(batch))


class Bare:
    """Binary COPY of ready bytes into an ordinary table without an index: nothing is sorted, merged or looked up."""

    _DDL: Final = (
        "CREATE TABLE capture (meter_id integer NOT NULL, layout smallint NOT NULL, source smallint NOT NULL,"
        " time timestamptz NOT NULL, received timestamptz NOT NULL,"
        " v1 bigint, v2 bigint, v3 bigint, v4 bigint, v5 bigint, v6 bigint, v7 bigint, v8 bigint, quality bigint)"
    )
    _WEIGHTS: Final = " + ".join(f"v{position} * {q}" for position, q in enumerate(QUANTITIES, 1))
    count_and_sum = f"SELECT count(*) * {POSITIONS}, sum({_WEIGHTS}) FROM capture WHERE time >= %s"

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        self._connection: psycopg.AsyncConnection[Any]

    async def open(self) -> None:
        self._connection = await psycopg.AsyncConnection.connect(self.conninfo, application_name="headend")
        await self._connection.execute(self._DDL.encode())
        await self._connection.commit()

    def prepared(self, columns: CaptureColumns) -> Any:
        return len(columns) * POSITIONS, payload(columns)

    async def write(self, batch: Any) -> int:
        values: int
        values, stream = batch
        async with self._connection.cursor().copy("COPY capture FROM STDIN (FORMAT BINARY)") as copy:
            await copy.write(stream)
        await self._connection.commit()
        return values

    async def close(self) -> None:
        await self._connection.close()


class Narrow:
    """One row a value under a unique key, written as the writer does: one COPY, else through staging."""

    _DDL: Final = (
        "CREATE TABLE narrow (meter_id integer NOT NULL, quantity smallint NOT NULL, time timestamptz NOT NULL,"
        " value bigint NOT NULL, quality smallint NOT NULL)"
    )
    _KEY: Final = "CREATE UNIQUE INDEX ON narrow (meter_id, quantity, time)"
    _ROW: Final = np.dtype(
        [
            *(("fields", ">i2"), ("l1", ">i4"), ("meter_id", ">i4"), ("l2", ">i4"), ("quantity", ">i2"), ("l3", ">i4")),
            *(("time", ">i8"), ("l4", ">i4"), ("value", ">i8"), ("l5", ">i4"), ("quality", ">i2")),
        ]
    )
    _INSERT: Final = (
        "INSERT INTO narrow SELECT * FROM staged ORDER BY meter_id, quantity, time"
        " ON CONFLICT (meter_id, quantity, time) DO NOTHING"
    )
    count_and_sum = "SELECT count(*), sum(value * quantity) FROM narrow WHERE time >= %s"

    def __init__(self, conninfo: str, hypertable: bool) -> None:
        self.conninfo = conninfo
        self._hypertable = hypertable
        self._repeated = False
        self._connection: psycopg.AsyncConnection[Any]

    async def open(self) -> None:
        connection = await psycopg.AsyncConnection.connect(self.conninfo, autocommit=True, application_name="headend")
        self._connection = connection
        await connection.execute(self._DDL.encode())
        if self._hypertable:
            await connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
            chunks = "by_range('time', INTERVAL '1 day'), create_default_indexes => false"
            await connection.execute(f"SELECT create_hypertable('narrow', {chunks})".encode())
        await connection.execute(self._KEY.encode())
        await connection.execute("CREATE TEMPORARY TABLE staged (LIKE narrow) ON COMMIT DELETE ROWS")

    def prepared(self, columns: CaptureColumns) -> Any:
        return columns

    async def write(self, batch: Any) -> int:
        stream = self._payload(batch)
        if not self._repeated:
            try:
                await self._copy("COPY narrow FROM STDIN (FORMAT BINARY)", stream)
            except psycopg.errors.UniqueViolation:
                self._repeated = True
            else:
                return len(batch) * POSITIONS
        async with self._connection.transaction():
            await self._copy("COPY staged FROM STDIN (FORMAT BINARY)", stream)
            new = (await self._connection.execute(self._INSERT)).rowcount
        self._repeated = new == 0
        return new

    async def _copy(self, statement: str, stream: bytes) -> None:
        async with self._connection.cursor().copy(statement.encode()) as copy:
            await copy.write(stream)

    async def close(self) -> None:
        await self._connection.close()

    def _payload(self, columns: CaptureColumns) -> bytes:
        """Sorted by key. Eight quantities of one moment: the batch's own order is the key's once it is checked."""
        order = np.lexsort((columns.time_us, columns.meter_id))
        rows = np.zeros((len(columns), POSITIONS), dtype=self._ROW)
        rows["fields"] = 5
        for name, size in (("l1", 4), ("l2", 2), ("l3", 8), ("l4", 8), ("l5", 2)):
            rows[name] = size
        rows["meter_id"] = columns.meter_id[order, None]
        rows["quantity"] = QUANTITIES
        rows["time"] = columns.time_us[order, None] - _POSTGRES_EPOCH_US
        rows["value"] = columns.values[order]
        return b"PGCOPY\n\xff\r\n\x00" + bytes(8) + rows.tobytes() + b"\xff\xff"


def _values(written: Written) -> int:
    return written.stored * POSITIONS


def _sessions(watch: psycopg.Connection[Any], side: Side) -> list[int]:
    name = psycopg.conninfo.conninfo_to_dict(side.conninfo)["dbname"]
    query = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND application_name = 'headend'"
    return [pid for (pid,) in watch.execute(query, (name,))]


def _cpu_s(pids: Sequence[int]) -> float:
    """User and system seconds; proc(5), fields 14 and 15 of stat."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(field[11]) + int(field[12]) for field in fields) / _TICKS


def _wal(watch: psycopg.Connection[Any]) -> int:
    row = watch.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone()
    assert row is not None
    return int(row[0])
