"""Theft scoring: how well on scenarios that are given, and how long.

    python -m benchmarks.theft [--data DIR] [--size 1] [--json]

DIR holds scenarios as `NAME_reported*.parquet`, `NAME_area_meter*.parquet`, `NAME_labels.csv` (meter_id, area, theft 0
or 1) and, if known, `NAME_area_truth.csv` (area, area_meter_kwh, ntl_kwh), in Wh. Without DIR only times are measured,
on random loads: 10,000 meters of 92 days of half-hours and 42,000 of 1,035 days, times `--size`. The figures are of
simulations: no accuracy in the field.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics.theft import Frame, Scan, scan
from benchmarks.report import Row, show
from headend.theft.files import frame, membership

_GOALS: Final = {"average precision": 0.85, "R-precision": 0.77, "area under the curve": 0.96}


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--size", type=float, default=1.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    rows: list[Row] = []
    for file in sorted(options.data.glob("*_reported*.parquet")) if options.data else []:
        rows += _scenario(options.data, file, file.name.split("_reported")[0])
    rows.append(_time("10,000 meters, 92 days of half-hours", int(10_000 * options.size), 92, 1800))
    rows.append(_time("42,000 meters, 1,035 days", int(42_000 * options.size), 1035, 86400))
    show(rows, argv)


def _scenario(folder: Path, file: Path, name: str) -> list[Row]:
    labels = folder / f"{name}_labels.csv"
    with labels.open(newline="") as source:
        thieves = {row["meter_id"] for row in csv.DictReader(source) if row["theft"] == "1"}
    reported, _ = frame(str(file))
    totals = next(iter(sorted(folder.glob(f"{name}_area_meter*.parquet"))), None)
    rows = _ranked(f"{name}, shape alone", scan(reported), thieves, {"average precision": 0.70})
    if totals is None:
        return rows
    found = scan(reported, frame(str(totals))[0], membership(str(labels)))
    rows += _ranked(name, found, thieves, _GOALS)
    truth = folder / f"{name}_area_truth.csv"
    if truth.exists():
        rows.append(Row(f"{name}: worst error of an area's energy", "%", _worst(found, truth), None, None, 1.0, "goal"))
    return rows


def _ranked(name: str, found: Scan, thieves: set[str], goals: dict[str, float]) -> list[Row]:
    truth = np.array([one.meter in thieves for one in found.scores])
    return [
        Row(f"{name}: {what}", "", value, None, None, goals[what], "goal")
        for what, value in measured(truth).items()
        if what in goals
    ]


def measured(truth: NDArray[np.bool_]) -> dict[str, float]:
    """Of a ranking, the worst first, by which of it are thieves."""
    hits = np.cumsum(truth)
    honest = np.cumsum(~truth)
    return {
        "average precision": float((hits / np.arange(1, len(truth) + 1))[truth].mean()),
        "R-precision": float(truth[: truth.sum()].mean()),
        "area under the curve": float(1 - (honest[truth] / max((~truth).sum(), 1)).mean()),
    }


def _worst(found: Scan, truth: Path) -> float:
    told = {one.area: one.stolen_wh / 1000 for one in found.areas}
    with truth.open(newline="") as source:
        rows: list[dict[str, Any]] = list(csv.DictReader(source))
    return max(100 * abs(told[r["area"]] - float(r["ntl_kwh"])) / float(r["area_meter_kwh"]) for r in rows)


def _time(name: str, meters: int, days: int, step: int) -> Row:
    rng = np.random.default_rng(1)
    rows = days * 86400 // step
    values = rng.standard_gamma(1.5, (rows, meters), np.float32) * rng.standard_gamma(4, meters, np.float32)
    times = np.datetime64("2026-01-01T00:00:00") + np.arange(rows) * np.timedelta64(step, "s")
    names = [f"m{k}" for k in range(meters)]
    areas = max(meters // 30, 1)
    totals = np.stack([values[:, k::areas].sum(axis=1) * 1.03 for k in range(areas)], axis=1)
    begun = perf_counter()
    scan(
        Frame(names, times, values),
        Frame([f"A{k}" for k in range(areas)], times, totals),
        [(name, f"A{k % areas}") for k, name in enumerate(names)],
    )
    return Row(name, "s", perf_counter() - begun, None, None, 60.0, "goal")


if __name__ == "__main__":
    main(sys.argv[1:])
