"""Day-ahead forecasts: how well on loads that are given, beside the same hour of last week, and how long.

    python -m benchmarks.forecast [--data DIR] [--zone Australia/Melbourne] [--seeds 5] [--size 1] [--json]

DIR may hold `*load*.parquet`: energies of homes, a column each, local time: homes, areas of 26 and aggregates of 300
are drawn from them, `--seeds` times; and `*elec*.parquet`: a system's Time (UTC, told in `--zone`), Demand,
Temperature, Holiday: its last half is forecast, with and without temperature. Every figure is of a rolling origin: each
day from what was known at the end of the day before, learned anew every 7 days (28 of long series). Without DIR only
the time is measured, on random loads of 10,000 meters times `--size`.
"""

from __future__ import annotations

import argparse
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from os import cpu_count
from pathlib import Path
from time import perf_counter, process_time
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from analytics.forecast import Level, Panel, backtest, forward, panel, summed
from analytics.theft.words import Frame
from benchmarks.report import Row, show
from headend.forecasting.given import local
from headend.theft.files import frame

_AREA: Final = 26
_AGGREGATE: Final = 300


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--zone", default="Australia/Melbourne")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--size", type=float, default=1.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    rows: list[Row] = []
    if options.data:
        for file in sorted(options.data.glob("*load*.parquet")):
            rows += _homes(file, options.seeds)
        for file in sorted(options.data.glob("*elec*.parquet")):
            rows += _system(file, ZoneInfo(options.zone))
    rows += _time(int(10_000 * options.size))
    show(rows, argv)


def _homes(file: Path, seeds: int) -> list[Row]:
    given, _ = panel(frame(str(file))[0], None, 0)
    start = given.days * 6 // 13
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(seeds):
        drawn = np.random.default_rng(seed).permutation(len(given.names))
        half = given.only(np.sort(drawn[: len(drawn) // 2]))
        areas = {f"A{k}": drawn[k * _AREA : (k + 1) * _AREA].tolist() for k in range(len(drawn) // _AREA)}
        for name, series, level, keys in (
            ("homes, MASE", half, Level.METER, ("mase", "naive_mase")),
            (f"areas of {_AREA}, MAPE", summed(given, areas), Level.AREA, ("mape", "naive_mape")),
            (
                "aggregate, MAPE",
                summed(given, {"s": drawn[:_AGGREGATE].tolist()}),
                Level.SYSTEM,
                ("mape", "naive_mape"),
            ),
        ):
            mean = _tested(series, level, start, 7)
            found.setdefault(name, []).append((mean[keys[0]], mean[keys[1]]))
            if level is Level.METER:
                found.setdefault("homes, error against last week's", []).append((mean["relative_mae"], 1.0))
            found.setdefault(name.split(",")[0] + ", within the middle 80 %", []).append((mean["coverage_80"], 0.8))
    goals = {"homes, MASE": 0.72, f"areas of {_AREA}, MAPE": 15.5, "aggregate, MAPE": 8.5}
    rows = []
    for name, pairs in found.items():
        ours = np.array([pair[0] for pair in pairs])
        unit = "%" if "MAPE" in name else ""
        beside = "nominal" if "within" in name else "last week"
        title = f"{name} ({ours.min():.3g} to {ours.max():.3g} over {seeds} draws)"
        peer = float(np.mean([pair[1] for pair in pairs]))
        goal = goals.get(name)
        rows.append(Row(title, unit, float(ours.mean()), peer, beside, goal, "goal" if goal else None))
    return rows


def _system(file: Path, zone: ZoneInfo) -> list[Row]:
    import pyarrow.parquet as pq

    table = pq.read_table(file).to_pydict()
    utc = np.array(table["Time"], "datetime64[s]")
    demand = local(Frame(["demand"], utc, np.array(table["Demand"], np.float64)[:, None]), zone, True)
    warm = Frame(["t"], demand.times, np.array(table["Temperature"], np.float64)[:, None])
    free = frozenset(
        day.astype(date)
        for day in np.unique(demand.times[np.array(table["Holiday"], np.bool_)].astype("datetime64[D]"))
    )
    rows = []
    for name, temperature, goal in (("without temperature", None, 4.2), ("with temperature", warm, 2.8)):
        given, _ = panel(demand, None, 0, temperature, free)
        mean = _tested(given, Level.SYSTEM, given.days // 2 + 1, 28)
        rows.append(Row(f"system {name}, MAPE", "%", mean["mape"], mean["naive_mape"], "last week", goal, "goal"))
        rows.append(Row(f"system {name}, within the middle 80 %", "", mean["coverage_80"], 0.8, "nominal"))
    return rows


def _tested(given: Panel, level: Level, start: int, every: int) -> dict[str, float]:
    with ThreadPoolExecutor(cpu_count() or 1) as pool:
        _, scored = backtest(given, level, start, every, None, pool)
    return {name: float("nan") if value is None else value for name, value in scored.mean().items()}


def _time(meters: int) -> list[Row]:
    rng = np.random.default_rng(1)
    days, slots = 92, 48
    values = rng.standard_gamma(1.5, (days * slots, meters), np.float32) * rng.standard_gamma(4, meters, np.float32)
    times = np.datetime64("2026-01-01T00:00:00") + np.arange(days * slots) * np.timedelta64(1800, "s")
    given, _ = panel(Frame([f"m{k}" for k in range(meters)], times, values), None, 1)
    begun, worked = perf_counter(), process_time()
    with ThreadPoolExecutor(cpu_count() or 1) as pool:
        forward(given, days, 1, Level.METER, None, pool)
    took, worked = perf_counter() - begun, process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return [
        Row(f"{meters} meters, 92 days of half-hours: the next day", "s", took),
        Row("the same, processor time", "s", worked),
        Row("memory at most", "GB", peak),
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
