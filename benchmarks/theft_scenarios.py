"""Theft scenarios on loads that you have, for `benchmarks.theft --data DIR`.

    python -m benchmarks.theft_scenarios --loads FILE --to DIR [--seeds 1-5] [--homes 280] [--kinds NAME ...]
                                          [--name x]

FILE is a table of energies in Wh, one column a home, complete days. Each seed draws homes, puts them into areas of 26
to 45, makes one in eleven a thief by a kind of `simulators.theft`, lets one in eight change honestly
(`simulators.honest`, tenants), and writes `NAME_SEED_reported.parquet`, `_area_meter.parquet`, `_labels.csv` and
`_area_truth.csv`. Most of the kinds have a relative among those that the scan's prior is trained on, as the shared
ones have: `--kinds` makes scenarios of some alone.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet as pq

from headend.theft.files import frame
from simulators.honest import CHANGES
from simulators.theft import THEFTS, Floats, district

_DAY_S = 86400


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--loads", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--seeds", default="1-5")
    parser.add_argument("--homes", type=int, default=280)
    parser.add_argument("--kinds", nargs="+", default=list(THEFTS))
    parser.add_argument("--name", default="x")
    options = parser.parse_args(argv)
    read, _ = frame(str(options.loads))
    step = int(np.diff(read.times[:2]).astype("timedelta64[s]")[0].astype(int))
    slots = _DAY_S // step
    days = len(read.times) // slots
    loads = np.nan_to_num(read.values[: days * slots].T.reshape(-1, days, slots).astype(np.float64))
    options.to.mkdir(parents=True, exist_ok=True)
    first, _, last = options.seeds.partition("-")
    for seed in range(int(first), int(last or first) + 1):
        stem = options.to / f"{options.name}_{seed}"
        _scenario(loads, read.times[: days * slots], options.kinds, options.homes, seed, stem)


def _scenario(loads: Floats, times: Floats, kinds: list[str], homes: int, seed: int, stem: Path) -> None:
    rng = np.random.default_rng([seed, 7])
    days = loads.shape[1]
    used = loads[rng.permutation(len(loads))[:homes]]
    names = [f"h{k:04}" for k in rng.permutation(9999)[: len(used)]]
    role = rng.permutation(len(used))
    thieves = role[: round(len(used) / 11)]
    changed = role[len(thieves) : len(thieves) + round(len(used) / 8)]
    honest = (*CHANGES, "tenant")
    change = [""] * len(used)
    for n, k in enumerate(changed):
        change[k] = honest[n % len(honest)]
        start = int(rng.integers(7, days - 14))
        if change[k] == "tenant":
            used[k, start:] = loads[int(rng.integers(len(loads))), start:]
        else:
            used[k] = np.round(CHANGES[change[k]](used[k], start, rng))
    kind = {int(k): kinds[n % len(kinds)] for n, k in enumerate(thieves)}
    starts = {int(k): 0 if rng.random() < 0.15 else int(rng.integers(7, days - 10)) for k in thieves}
    columns: dict[str, Floats] = {}
    totals: dict[str, Floats] = {}
    area_of: dict[int, str] = {}
    truth: list[tuple[str, float, float]] = []
    at = 0
    while at < len(used):
        size = int(rng.integers(26, 46))
        size = size if len(used) - at - size >= 20 else len(used) - at
        inside = range(at, at + size)
        theft = {k - at: (kind[k], starts[k]) for k in inside if k in kind}
        played = district(used[at : at + size], theft, int(rng.integers(2**31)))
        area = f"A{len(totals) + 1:02}"
        for k in inside:
            columns[names[k]] = _with_gaps(played.reported[k - at], rng)
            area_of[k] = area
        totals[area] = played.total.ravel().astype(np.float32)
        truth.append((area, played.total.sum() / 1000, played.stolen.sum() / 1000))
        at += size
    pq.write_table(pa.table({"timestamp": times, **columns}), f"{stem}_reported.parquet")
    pq.write_table(pa.table({"timestamp": times, **totals}), f"{stem}_area_meter.parquet")
    with open(f"{stem}_labels.csv", "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["meter_id", "area", "theft", "attack", "theft_start_day", "benign_change"])
        for k, name in enumerate(names):
            rows.writerow([name, area_of[k], int(k in kind), kind.get(k, ""), starts.get(k, -1), change[k]])
    with open(f"{stem}_area_truth.csv", "w", encoding="utf-8", newline="") as file:
        areas = csv.writer(file)
        areas.writerow(["area", "area_meter_kwh", "ntl_kwh"])
        areas.writerows(truth)


def _with_gaps(reported: Floats, rng: np.random.Generator) -> Floats:
    """Single intervals that are missing, and with some meters hours on end."""
    line = reported.ravel().astype(np.float32)
    line[rng.random(line.size) < 0.003] = np.nan
    if rng.random() < 0.2:
        at = int(rng.integers(line.size))
        line[at : at + int(rng.integers(4, 200))] = np.nan
    return line


if __name__ == "__main__":
    main(sys.argv[1:])
