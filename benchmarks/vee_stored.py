"""VEE through the database: registers of a month of quarter-hours are read, judged, estimated and stored.

Each meter has a day's worth of good registers but for a short gap and one of half a day, and 45 validated days before;
one in ten counts export, too. Nothing was validated of the month before the clock starts. Wall time, of one process and
its server on the same machine; what the processes took of the processors goes to stderr.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import psycopg

from analytics.vee.validated import Method, Source
from headend.validation.commit import Order
from headend.validation.run import validate
from headend.validation.settings import Rules
from protocols.model import POSITIONS
from protocols.quantities import BY_NAME
from storage.columns import CaptureColumns
from storage.copy_format import payload
from storage.entries import Additions, NewInstallation, NewLine, NewMeter, NewUsagePoint
from storage.registry import Registry
from storage.validated import NewRun, Validated
from storage.validated_days import Days
from tests.servers import plain_server

ZONE: Final = ZoneInfo("Asia/Shanghai")
FIRST, UNTIL = date(2026, 5, 1), date(2026, 6, 1)
_HISTORY: Final = 45
_A_DAY: Final = 96
_IMPORT: Final = BY_NAME["active_energy_import"]
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_COPY: Final = (
    b"COPY capture (meter_id, layout, source, time, received, v1, v2, v3, v4, v5, v6, v7, v8, quality)"
    b" FROM STDIN (FORMAT BINARY)"
)


async def measured(meters: int, rules: Rules) -> float:
    """Seconds of wall time."""
    with plain_server({}) as server, server.fresh(await server.template()) as conninfo:
        await _registry(conninfo, meters)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            _captures(connection, meters)
            await _history(conninfo, meters, rules)
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")
            postmaster = _postmaster(connection)
        order = Order("benchmark", rules.parameters.version, rules.contents)
        before = _forget_peak()
        spent, server_s, began = process_time(), _cpu_s(postmaster), perf_counter()
        outcome = await validate(conninfo, rules, ZONE, None, (FIRST, UNTIL), order)
        took = perf_counter() - began
        peak = _peak_mb()
        ours_s, server_s = process_time() - spent, _cpu_s(postmaster) - server_s
        days = (UNTIL - FIRST).days * (meters + meters // 10)
        if (outcome.first, outcome.changed, outcome.refused) != (days, 0, []):
            raise SystemExit(f"{outcome}, expected {days} first days")
        with psycopg.connect(conninfo) as connection:
            _check(connection, meters)
    print(
        f"vee_stored: {meters} meters in {took:.1f} s, {ours_s:.1f} s of ours and {server_s:.1f} s of the server's on "
        f"processors, {peak} MB at most ({before} MB before), {len(outcome.runs)} runs",
        file=sys.stderr,
    )
    return took


async def _registry(conninfo: str, meters: int) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    names = [f"{number:05}" for number in range(1, meters + 1)]
    async with Registry(conninfo) as registry:
        await registry.add(
            Additions(
                lines=(NewLine(name="line", url="tcp://127.0.0.1:1", protocol="dlt645"),),
                meters=tuple(
                    NewMeter(name=f"m{n}", address=n.zfill(12), model="dlt645_2007", line="line", created=since)
                    for n in names
                ),
                points=tuple(NewUsagePoint(name=f"p{n}", capacity_kw=Decimal(8)) for n in names),
                installations=tuple(NewInstallation(point=f"p{n}", meter=f"m{n}", start=since) for n in names),
            )
        )


def _captures(connection: psycopg.Connection[Any], meters: int) -> None:
    """From a day before the month to a day after it, in the order in which rounds of collection would store them."""
    random = np.random.default_rng(7)
    begins = int(datetime(2026, 4, 30, tzinfo=ZONE).timestamp())
    ids = np.array([row[0] for row in connection.execute("SELECT id FROM meter ORDER BY name")], np.int32)
    first, last = _A_DAY, 32 * _A_DAY
    short, long = (random.integers(first + 100, last - 200, meters) for _ in range(2))
    register = random.integers(10_000_000, 90_000_000, meters)
    peaks = random.integers(60, 80, meters)
    for day in range(33):
        connection.execute("SELECT capture_partition(d::date) FROM generate_series(%s::date, %s::date, '1 day') d", (
            datetime.fromtimestamp(begins + day * 86_400, UTC).date(),
            datetime.fromtimestamp(begins + day * 86_400 + 86_399, UTC).date(),
        ))  # fmt: skip
        used = 200 + (800 * np.exp(-(((np.arange(_A_DAY)[:, None] - peaks) / 10.0) ** 2))).astype(np.int64)
        used = (used * random.lognormal(0, 0.5, used.shape)).astype(np.int64) + 1
        registers = register + np.cumsum(used, axis=0) - used
        register = register + used.sum(axis=0)
        at = day * _A_DAY + np.arange(_A_DAY)[:, None]
        read = ~(((at >= short) & (at < short + 6)) | ((at >= long) & (at < long + 48)))
        cell, meter = np.nonzero(read)
        values = np.zeros((len(cell), POSITIONS), np.int64)
        values[:, 0] = registers[cell, meter]
        values[:, 5] = registers[cell, meter] // 10
        present = np.zeros(values.shape, np.bool_)
        present[:, 0], present[:, 5] = True, meter % 10 == 9
        time = (begins + day * 86_400 + cell * 900) * 1_000_000
        columns = CaptureColumns(
            ids[meter], np.ones(len(cell), np.int16), np.ones(len(cell), np.int16), time, time + 3_000_000, values,
            present, np.zeros(len(cell), np.int64),
        )  # fmt: skip
        with connection.cursor().copy(_COPY) as copy:
            copy.write(payload(columns))


async def _history(conninfo: str, meters: int, rules: Rules) -> None:
    """What was validated of the days before, so that like days are there."""
    random = np.random.default_rng(8)
    run = NewRun(actor="benchmark", kind="first", parameters=rules.parameters.version, contents=rules.contents)
    async with Validated(conninfo) as store:
        for at in range(0, meters, 1000):
            points = np.arange(at + 1, min(at + 1000, meters) + 1)
            made = Days.empty(rules.step_s, len(points) * _HISTORY, _A_DAY)
            made.point[:], made.quantity[:] = np.repeat(points, _HISTORY), _IMPORT.id
            days = np.tile(np.arange(_HISTORY), len(points))
            made.day[:] = np.datetime64(FIRST - timedelta(days=_HISTORY)) + days
            begins = int(datetime(2026, 5, 1, tzinfo=ZONE).timestamp()) - _HISTORY * 86_400
            made.start[:], made.count[:], made.version[:] = begins + days * 86_400, _A_DAY, 1
            made.steps[:] = made.raw[:] = random.integers(200, 1000, made.steps.shape)
            made.present[:] = made.raw_present[:] = True
            made.source[:], made.method[:] = Source.ACTUAL, Method.RAW
            async with store.writing() as writing:
                await writing.add(run, made)


def _check(connection: psycopg.Connection[Any], meters: int) -> None:
    """Each point's month is what its register counted, to the last step."""
    span = [datetime(2026, month, 1, tzinfo=ZONE) for month in (5, 6)]
    found = connection.execute(
        "SELECT count(*), sum(v.steps - (b.v1 - a.v1)) FILTER (WHERE v.steps <> b.v1 - a.v1) FROM ("
        " SELECT usage_point_id, sum(s)::bigint AS steps FROM validated_day, unnest(steps) s"
        " WHERE quantity = %(quantity)s AND day >= %(first)s GROUP BY 1) v"
        " JOIN meter_installation i ON i.usage_point_id = v.usage_point_id"
        " JOIN capture a ON a.meter_id = i.meter_id AND a.time = %(start)s"
        " JOIN capture b ON b.meter_id = i.meter_id AND b.time = %(end)s",
        {"quantity": _IMPORT.id, "first": FIRST, "start": span[0], "end": span[1]},
    ).fetchone()
    if found != (meters, None):
        raise SystemExit(f"{found}: months are not what the registers counted")


def _postmaster(connection: psycopg.Connection[Any]) -> int:
    return int(_stat(connection.info.backend_pid)[1])


def _forget_peak() -> int:
    """What is held now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _peak_mb()


def _peak_mb() -> int:
    """Since it was forgotten."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024


def _stat(pid: int) -> list[str]:
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()


def _cpu_s(postmaster: int) -> float:
    """Of the server's processes that have ended and that run."""
    ticks = sum(map(int, _stat(postmaster)[13:15]))
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = _stat(int(pid))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
        if int(fields[1]) == postmaster:
            ticks += sum(map(int, fields[11:13]))
    return ticks / _TICKS
