"""What analyses out of the database hold in memory: two weeks of hours, areas of fifty points with a total meter.

    python -m benchmarks.analyses [POINTS] [--only lineloss ...] [--json]

Each command runs as people run it, for a quarter of the points and for all (2,500 and 10,000). A row is the megabytes
of the largest of its processes for all points, beside that for a quarter (limit): 1 is flat, 4 holds everything.
Seconds go to stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

import numpy as np
import psycopg

from benchmarks.report import Row, show
from benchmarks.store import SETTINGS, STARTED_WITH
from protocols.model import POSITIONS
from protocols.quantities import BY_NAME
from storage.columns import CaptureColumns, time_us
from storage.entries import Additions, NewInstallation, NewLine, NewMeter, NewPlan, NewUsagePoint
from storage.registry import Registry
from storage.topology_entries import Area, AreaFeeder, AreaPoint, Feeder, TotalMeter
from storage.writer import Writer
from tests.servers import plain_server

BEGIN: Final = datetime(2026, 3, 2, tzinfo=UTC)
DAYS: Final = 14
AREA: Final = 50
HOURS: Final = DAYS * 24
_PERIOD: Final = ("--from", "2026-03-02", "--to", "2026-03-16")
COMMANDS: Final = {
    "lineloss": ("lineloss", "report", *_PERIOD, "--csv"),
    "theft": ("theft", "scan", *_PERIOD),
    "forecast": ("forecast", "run", *_PERIOD),
    "label": ("label", "run", *_PERIOD, "--dry-run"),
}


async def plant(conninfo: str, points: int) -> None:
    """Every tenth area has a thief from the eighth day on."""
    areas = [f"A{n:05}" for n in range(-(-points // AREA))]
    names = [f"{n:07}" for n in range(points)]
    totals = [f"T-{area}" for area in areas]
    async with Registry(conninfo) as registry:
        await registry.add(
            Additions(
                lines=(NewLine(name="line", url="tcp://192.0.2.1:1", protocol="dlt645"),),
                feeders=tuple(Feeder(name=f"F{n}") for n in range(-(-len(areas) // 20))),
                areas=tuple(Area(name=area) for area in areas),
                meters=tuple(
                    NewMeter(name=name, address=str(n), model="dlt645_2007", line="line", created=BEGIN)
                    for n, name in enumerate((*names, *totals), 1)
                ),
                points=tuple(NewUsagePoint(name=f"P{name}") for name in names),
                installations=tuple(NewInstallation(point=f"P{n}", meter=n, start=BEGIN) for n in names),
                area_feeders=tuple(
                    AreaFeeder(area=area, feeder=f"F{n // 20}", start=BEGIN) for n, area in enumerate(areas)
                ),
                area_points=tuple(
                    AreaPoint(point=f"P{name}", area=areas[n // AREA], start=BEGIN) for n, name in enumerate(names)
                ),
                totals=tuple(
                    TotalMeter(meter=total, area=area, start=BEGIN) for total, area in zip(totals, areas, strict=True)
                ),
            )
        )
        energy = BY_NAME["active_energy_import"]
        plan = NewPlan(name="curve", period_s=3600, quantities=(energy,), valid_from=BEGIN)
        await registry.keep_plans([plan], BEGIN)
        ids = {meter.name: meter.id for meter in await registry.meters()}
    random = np.random.default_rng(1)
    day = 300 + 250 * np.sin(np.arange(HOURS) * 2 * np.pi / 24 - 2)
    async with Writer(conninfo) as writer:
        for n, total in enumerate(totals):
            own = names[n * AREA : (n + 1) * AREA]
            used = np.round(random.gamma(3, 1 / 3, (len(own), HOURS)) * day * random.uniform(0.4, 2, (len(own), 1)))
            told = used.copy()
            if n % 10 == 0:
                told[1, HOURS // 2 :] = np.round(told[1, HOURS // 2 :] * 0.4)
            lost = np.round(used.sum(axis=0, keepdims=True) * 1.02 + 100)
            rows = np.concatenate([told, lost])
            await _write(writer, [ids[name] for name in (*own, total)], rows)


async def _write(writer: Writer, meters: list[int], wh: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
    steps = np.concatenate([np.zeros((len(wh), 1)), np.cumsum(wh * 10, axis=1)], axis=1).astype(np.int64)
    n = steps.size
    values = np.zeros((n, POSITIONS), np.int64)
    values[:, 0] = steps.ravel()
    present = np.broadcast_to(np.arange(POSITIONS) < 1, values.shape).copy()
    times = np.tile([time_us(BEGIN + timedelta(hours=h)) for h in range(HOURS + 1)], len(meters))
    await writer.write_columns(
        CaptureColumns(
            meter_id=np.repeat(np.array(meters, np.int32), HOURS + 1), layout=np.full(n, 1, np.int16),
            source=np.full(n, 3, np.int16), time_us=times, received_us=times, values=values, present=present,
            quality=np.zeros(n, np.int64),
        )
    )  # fmt: skip


def measured(points: int, wanted: list[str]) -> dict[str, float]:
    """Command to MB of the largest of its processes."""
    found = {}
    with (
        plain_server(SETTINGS | STARTED_WITH) as server,
        TemporaryDirectory() as folder,
        server.fresh(asyncio.run(server.template())) as conninfo,
    ):
        asyncio.run(plant(conninfo, points))
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        site = Path(folder) / "headend.toml"
        site.write_text(f'timezone = "UTC"\n[database]\ndsn = "{conninfo}"\n', encoding="utf-8")
        for name in wanted:
            out = str(Path(folder) / f"{name}.csv")
            began = perf_counter()
            words = [sys.executable, "-m", "headend", "--config", str(site), *COMMANDS[name], "-o", out]
            running = subprocess.Popen(words, stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(running.pid, 0)
            running.returncode = os.waitstatus_to_exitcode(status)
            if running.returncode:
                raise SystemExit(f"{name} ended with {running.returncode}")
            found[name] = usage.ru_maxrss / 1000
            took, busy = perf_counter() - began, usage.ru_utime + usage.ru_stime
            load = os.getloadavg()[0]
            told = f"{took:.1f} s, {busy:.1f} s of processors, {found[name]:.0f} MB, load {load:.1f}"
            print(f"{name}: {points} points, {told}", file=sys.stderr)
    return found


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("points", type=int, nargs="?", default=10_000)
    parser.add_argument("--only", nargs="+", choices=list(COMMANDS), default=list(COMMANDS))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    small, large = (measured(points, options.only) for points in (options.points // 4, options.points))
    show(
        [Row(f"{n}_memory", "MB", large[n], limit=small[n], limit_name="a quarter of the points") for n in large], argv
    )


if __name__ == "__main__":
    main(sys.argv[1:])
