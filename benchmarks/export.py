"""A million validated intervals from the database into files for billing systems, reads a second of wall time.

350 usage points with 30 days of quarter-hours, one interval in a hundred estimated, on plain PostgreSQL. What is timed
is `headend.batches` writing a batch anew: rows of days by binary COPY, cut into series, formatted, counted, hashed,
onto the disk with fsync. The limit is PostgreSQL's own `COPY narrow TO '/dev/null' (FORMAT csv)` of the same reads, a
row each of point, quantity, time, value and source; sides take turns. Peak memory of a process that writes a quarter of
them, and all, goes to stderr.

    python -m benchmarks.export [--json] [--rounds 5] [--points 350] [--days 30] [--format csv ...]
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
import shutil
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import psycopg

from analytics.vee.validated import Method, Source
from benchmarks.report import Row, rate, show
from headend.batches.asked import Asked, asked
from headend.batches.gather import gathered
from headend.batches.make import again, made
from headend.batches.settings import ExportTable
from protocols.quantities import BY_NAME
from storage.entries import Additions, NewInstallation, NewLine, NewMeter, NewUsagePoint
from storage.exports import Exports
from storage.migrate import migrate
from storage.registry import Registry
from storage.validated import NewRun, Validated
from storage.validated_days import Days
from tests.servers import plain_server

ZONE: Final = ZoneInfo("Australia/Brisbane")
"""Its days are those of NEM12."""
FIRST: Final = date(2026, 5, 1)
LONG_AGO: Final = datetime(2026, 1, 1, tzinfo=UTC)
FORMATS: Final = ("csv", "nem12", "espi", "parquet")
_LIMIT: Final = "COPY narrow TO csv"
TABLE: Final = ExportTable()
IMPORT: Final = BY_NAME["active_energy_import"]
_A_DAY: Final = 96
_NARROW: Final = """
CREATE TABLE narrow AS
SELECT usage_point_id AS point, quantity, "time", value, CASE source WHEN 'actual' THEN 1 ELSE 2 END::smallint AS source
FROM validated ORDER BY 1, 2, 3
"""


async def fill(conninfo: str, points: int, days: int) -> None:
    await migrate(conninfo)
    names = [f"{at:05}" for at in range(points)]
    async with Registry(conninfo) as registry:
        await registry.add(
            Additions(
                lines=(NewLine(name="l", url="tcp://127.0.0.1:1", protocol="dlt645"),),
                meters=tuple(
                    NewMeter(name=f"M{n}", address=n.zfill(12), model="dlt645_2007", line="l", created=LONG_AGO)
                    for n in names
                ),
                points=tuple(NewUsagePoint(name=f"P{n}", options={"nmi": f"60010{n}"}) for n in names),
                installations=tuple(NewInstallation(point=f"P{n}", meter=f"M{n}", start=LONG_AGO) for n in names),
            )
        )
        ids = [point.id for point in await registry.usage_points()]
    random = np.random.default_rng(5)
    async with Validated(conninfo) as store, store.writing() as writing:
        await writing.add(
            NewRun(actor="benchmark", kind="first", parameters="1", contents={}),
            Days.joined(900, [_days(point, days, random) for point in ids]),
        )
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(_NARROW.encode())
        connection.execute("VACUUM ANALYZE")


def _days(point: int, days: int, random: np.random.Generator) -> Days:
    made = Days.empty(900, days, _A_DAY)
    made.point[:], made.quantity[:], made.count[:], made.version[:] = point, IMPORT.id, _A_DAY, 1
    made.day[:] = np.arange(days) + np.datetime64(FIRST, "D")
    made.start[:] = int(datetime(2026, 5, 1, tzinfo=ZONE).timestamp()) + 86_400 * np.arange(days)
    made.steps[:] = made.raw[:] = random.integers(0, 3000, made.steps.shape) * 10
    made.present[:] = made.raw_present[:] = True
    estimated = random.random(made.steps.shape) < 0.01
    made.source[:] = np.where(estimated, Source.SUBSTITUTED, Source.ACTUAL)
    made.method[:] = np.where(estimated, Method.LIKE_DAY, Method.RAW)
    made.reason[:] = np.where(estimated, 9, 0)
    return made


async def ask(conninfo: str, form: str, points: int, days: int) -> Asked:
    start = datetime(2026, 5, 1, tzinfo=ZONE)
    async with Registry(conninfo) as registry:
        known = (await registry.usage_points())[:points]
    return asked(form, "intervals", (start, start + timedelta(days=days)), tuple(known), TABLE, ((IMPORT,), 900), ZONE)


async def export(conninfo: str, form: str, points: int, days: int, out: Path) -> str:
    """The batch's name. The first time it is made, then made again."""
    request = await ask(conninfo, form, points, days)
    async with Registry(conninfo) as registry, Exports(conninfo) as exports:
        given = await gathered(request, TABLE, conninfo, registry, exports, None, timedelta(hours=12))
        done = await made(request, given.content, given.as_of, out, exports, conninfo, "benchmark")
    if done.manifest["counts"]["reads"] != points * days * _A_DAY:
        raise SystemExit(f"{form}: {done.manifest['counts']}")
    return done.name


async def timed(conninfo: str, name: str, out: Path) -> float:
    shutil.rmtree(out, ignore_errors=True)
    since = perf_counter()
    async with Exports(conninfo) as exports:
        await again(name, out, exports, conninfo)
    return perf_counter() - since


def copied(conninfo: str) -> float:
    """By the server alone: no client that could be slow."""
    with psycopg.connect(conninfo) as connection:
        since = perf_counter()
        connection.execute("COPY narrow TO '/dev/null' (FORMAT csv)")
        return perf_counter() - since


def peak_mb(conninfo: str, form: str, points: int, days: int, out: str) -> float:
    """Of a process of its own."""
    asyncio.run(export(conninfo, form, points, days, Path(out)))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def measured(conninfo: str, forms: list[str], points: int, days: int, rounds: int, out: Path) -> list[Row]:
    reads = points * days * _A_DAY
    names = {form: await export(conninfo, form, points, days, out / form) for form in forms}
    spent: dict[str, list[float]] = {form: [] for form in (*forms, "copy")}
    for _ in range(rounds):
        spent["copy"].append(copied(conninfo))
        for form in forms:
            spent[form].append(await timed(conninfo, names[form], out / form))
    limit = rate(reads, spent["copy"])
    return [Row(f"export_{form}", "reads/s", rate(reads, spent[form]), None, None, limit, _LIMIT) for form in forms]


def rows(options: argparse.Namespace) -> list[Row]:
    with plain_server() as server, server.fresh() as conninfo, tempfile.TemporaryDirectory() as folder:
        asyncio.run(fill(conninfo, options.points, options.days))
        with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            for form in options.format:
                sizes = [options.points // 4, options.points]
                peaks = [pool.apply(peak_mb, (conninfo, form, points, options.days, folder)) for points in sizes]
                told = ", ".join(
                    f"{points * options.days * _A_DAY:,} reads {peak:.0f} MB"
                    for points, peak in zip(sizes, peaks, strict=True)
                )
                print(f"peak memory, {form}: {told}", file=sys.stderr)
        return asyncio.run(
            measured(conninfo, options.format, options.points, options.days, options.rounds, Path(folder) / "out")
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--points", type=int, default=350)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--format", nargs="+", choices=FORMATS, default=list(FORMATS))
    show(rows(parser.parse_args()), sys.argv)
