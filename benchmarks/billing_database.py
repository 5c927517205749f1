"""A month billed out of a database and kept in it, by as many processes as there are processors.

Nine households (steps of the year, peak and valley) to one large industry (two-part tariff, four bands, power factor,
demand). The registers stand at the bounds of January to March and at the other quarter days around; February is billed
first and not measured, so that March goes on from kept bills, as months do. Bills are final, with registers,
determinants and lines. All lines and registers are then added up and held against what was put in.

- `bill_database`: bills a second by the clock, the limit is 100,000 in 60 s.
- `bill_database_cpu`: the same by processor time, of our processes and the database's backends together.
- `bill_database_memory`: MB that the largest of the processes held that bill, beside that after a tenth (limit).
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import resources
from multiprocessing import active_children
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
from numpy.typing import NDArray

from benchmarks.ingest_sides import postmaster
from benchmarks.report import Row
from benchmarks.store import SETTINGS, STARTED_WITH
from headend.billing.keeping import Order
from headend.billing.reckoning import NOTHING
from headend.billing.run import Site, bill_all
from protocols.model import POSITIONS
from storage.columns import CaptureColumns, Ints, time_us
from storage.entries import Additions, NewInstallation, NewLine, NewMeter, NewUsagePoint
from storage.registry import Registry
from storage.writer import Writer
from tests.servers import plain_server

TARGET: Final = 100_000 / 60
ZONE: Final = ZoneInfo("Asia/Shanghai")
MONTHS: Final = tuple(datetime(2025, month, 1, tzinfo=ZONE).astimezone(UTC) for month in (1, 2, 3, 4))
AROUND: Final = tuple(timedelta(hours=6 * n) for n in range(4))
TARIFFS: Final = ("cn_residential_year_steps.toml", "cn_large_industry.toml")
ENERGY, REACTIVE, DEMAND = 1, 3, 7
Ids = NDArray[np.int32]


def prepare(conninfo: str, points: int) -> None:
    """Points, meters, and their registers in steps of 0.0001."""
    asyncio.run(_registry(conninfo, points))
    with psycopg.connect(conninfo) as connection:
        ids = np.array(connection.execute("SELECT id FROM meter ORDER BY id").fetchall(), np.int32)[:, 0]
    asyncio.run(_captures(conninfo, ids))
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


async def _registry(conninfo: str, points: int) -> None:
    start = MONTHS[0]
    industry = {"capacity_kva": "630", "contract_kw": "600"}

    def point(n: int) -> NewUsagePoint:
        if n % 10:
            return NewUsagePoint(name=f"P{n}", tariff="cn-residential-year-steps")
        choice = "demand" if n % 20 else "capacity"
        return NewUsagePoint(name=f"P{n}", tariff="cn-large-industry", options={**industry, "basic_charge": choice})

    async with Registry(conninfo) as registry:
        await registry.add(
            Additions(
                lines=(NewLine(name="bus", url="tcp://192.0.2.1:1", protocol="dlt645"),),
                meters=tuple(
                    NewMeter(
                        name=f"M{n}", address=str(n), model="dlt645_2007", line="bus", created=start,
                        multiplier=Decimal(1) if n % 10 else Decimal(80),
                    )
                    for n in range(points)
                ),
                points=tuple(map(point, range(points))),
                installations=tuple(
                    NewInstallation(point=f"P{n}", meter=f"M{n}", start=start) for n in range(points)
                ),
            )
        )  # fmt: skip


async def _captures(conninfo: str, ids: Ids) -> None:
    random = np.random.default_rng(1)
    number = np.arange(len(ids))
    plants = ids[number % 10 == 0]
    rates = random.integers(0, 10_000_000, (len(ids), 4))  # T1 to T4
    reactive = random.integers(0, 1_000_000, (len(plants), 4))
    async with Writer(conninfo) as writer:
        for month in MONTHS:
            for since in AROUND:
                at = time_us(month + since)
                total = rates.sum(axis=1, keepdims=True)
                await _write(writer, ids, ENERGY, at, np.hstack([total, rates]))
                blank = np.zeros((len(plants), 2), np.int64)
                await _write(writer, plants, REACTIVE, at, np.hstack([blank, reactive]))
                await _write(writer, plants, DEMAND, at, random.integers(4_000_000, 8_000_000, (len(plants), 1)))
                rates += random.integers(0, 300_000, rates.shape) * np.array([0, 1, 0, 1])
                reactive += random.integers(0, 30_000, reactive.shape)


async def _write(writer: Writer, ids: Ids, layout: int, at: int, steps: Ints) -> None:
    for first in range(0, len(ids), 20_000):
        own = slice(first, first + 20_000)
        n = len(ids[own])
        values = np.zeros((n, POSITIONS), np.int64)
        values[:, : steps.shape[1]] = steps[own]
        present = np.broadcast_to(np.arange(POSITIONS) < steps.shape[1], values.shape).copy()
        time = np.full(n, at)
        await writer.write_columns(
            CaptureColumns(
                meter_id=ids[own], layout=np.full(n, layout, np.int16), source=np.full(n, 3, np.int16), time_us=time,
                received_us=time, values=values, present=present, quality=np.zeros(n, np.int64),
            )
        )  # fmt: skip


async def bill(site: Site, cycle: date, points: int) -> tuple[dict[str, int], float]:
    """Bills by state; in processes of their own, however few they are, and the MB that the largest of them held."""
    with psycopg.connect(site.conninfo) as connection:
        rows = connection.execute("SELECT id, tariff FROM usage_point ORDER BY id LIMIT %s", (points,)).fetchall()
    count: dict[str, int] = {}
    largest = 0.0
    order = Order(cycle, "benchmark", True, "", NOTHING)
    async for outcomes in bill_all(site, rows, order, os.cpu_count() or 1):
        largest = max([largest, *(_most_mb(process.pid or 0) for process in active_children())])
        for each in outcomes:
            count[each.state] = count.get(each.state, 0) + 1
            if each.state == "refused" and count[each.state] == 1:
                print(f"{each.point}: {each.reason}", file=sys.stderr)
    return count, largest


def check(conninfo: str, points: int) -> None:
    """What was billed is what the registers say, to the last step, and bills are what their lines come to."""
    with psycopg.connect(conninfo) as connection:
        energy = connection.execute("SELECT sum(energy) FROM bill WHERE cycle = '2025-03-01'").fetchone()
        meant = connection.execute(
            "SELECT sum((e.v1 - b.v1) * 0.0001 * m.multiplier) FROM capture b JOIN capture e USING (meter_id, layout)"
            " JOIN meter m ON m.id = b.meter_id WHERE layout = 1 AND b.time = %s AND e.time = %s",
            MONTHS[2:4],
        ).fetchone()
        wrong = connection.execute(
            "SELECT count(*) FROM bill WHERE exact <> (SELECT sum((l ->> 'amount')::numeric)"
            " FROM json_array_elements(lines) l WHERE l ->> 'post' = 'bill')"
        ).fetchone()
        size = connection.execute("SELECT pg_total_relation_size('bill') / count(*) FROM bill").fetchone()
    print(f"{points} bills: {energy} kWh, {size} bytes each", file=sys.stderr)
    if energy != meant or wrong != (0,):
        raise SystemExit(f"billed {energy} kWh of {meant}, {wrong} bills are not the sum of their lines")


def rows(points: int) -> list[Row]:
    """Measure."""
    with plain_server(SETTINGS | STARTED_WITH) as server, TemporaryDirectory() as folder:
        for name in TARIFFS:
            text = (resources.files("analytics.billing.tariffs") / name).read_text(encoding="utf-8")
            (Path(folder) / name).write_text(text, encoding="utf-8")
        with server.fresh(asyncio.run(server.template())) as conninfo:
            prepare(conninfo, points)
            site = Site(conninfo, Path(folder), timedelta(hours=12))
            _, small = asyncio.run(bill(site, date(2025, 2, 1), points // 10))
            print(f"February: {asyncio.run(bill(site, date(2025, 2, 1), points))}", file=sys.stderr)
            began, busy, database = perf_counter(), _busy_s(), _backends_s(conninfo)
            count, largest = asyncio.run(bill(site, date(2025, 3, 1), points))
            took, busy = perf_counter() - began, _busy_s() - busy
            database = _backends_s(conninfo) - database
            load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
            processors = f"{busy:.1f} s of our processors, {database:.1f} s of the database's"
            print(f"March: {count} in {took:.1f} s, {processors}, load {load}", file=sys.stderr)
            check(conninfo, points)
            if count != {"billed": points}:
                raise SystemExit("not every point was billed")
    name = "100,000 points in 60 s"
    return [
        Row("bill_database", "bills/s", points / took, limit=TARGET, limit_name=name),
        Row(
            "bill_database_cpu",
            "bills/s of a processor",
            points / (busy + database),
            limit=TARGET / 2,
            limit_name=f"{name}, two processors",
        ),
        Row("bill_database_memory", "MB", largest, limit=small, limit_name="after a tenth of the points"),
    ]


def _busy_s() -> float:
    """Processor seconds of our processes so far; those of children count when they have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _backends_s(conninfo: str) -> float:
    """Processor seconds of the server's backends that have ended."""
    stat = Path(f"/proc/{postmaster(conninfo)}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(stat[13]) + int(stat[14])) / os.sysconf("SC_CLK_TCK")


def _most_mb(pid: int) -> float:
    """The most that a process has held; 0: it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1000
