"""Validation and estimation on one core: 10,000 meters for a month of quarter-hours are to take less than a minute.

Each meter has a shape of its own, a day's outage, a short gap, a gap of half a day and totals of its registers, and a
month of history; one in fifty has no history. All checks run with the shipped parameters. `vee_meters` is meters a
second of processor time, the limit is the rate that the target asks for.

`vee_stored` is the same through the database (`benchmarks.vee_stored`), meters a second of wall time, by default of
fewer meters: what it takes grows as their number.

    python -m benchmarks.vee [--json] [METERS] [--stored METERS]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from time import process_time
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from analytics.day_types import shipped as calendar
from analytics.intervals.grid import Grid, grid
from analytics.vee.frame import UNKNOWN, Fact, Frame, History, Mask, Steps, Totals, frame
from analytics.vee.parameters import shipped
from analytics.vee.run import run
from benchmarks.report import Row, rate, show
from benchmarks.vee_stored import measured
from headend.validation.settings import VeeTable, rules_of

METERS: Final = 10_000
STORED: Final = 1000
TARGET: Final = METERS / 60
ZONE: Final = ZoneInfo("Asia/Shanghai")
MONTH: Final = grid(date(2026, 5, 1), date(2026, 6, 1), ZONE, 15)
BEFORE: Final = grid(date(2026, 4, 1), date(2026, 5, 1), ZONE, 15)
_ROWS: Final = 1000
"""At a time, so that a small machine holds it."""


def energies(on: Grid, meters: int, seed: int) -> Steps:
    random = np.random.default_rng(seed)
    shape = 200 + 800 * np.exp(-(((on.slot - 76) / 10.0) ** 2))
    made: Steps = (random.lognormal(0, 0.5, (meters, len(on))) * shape).astype(np.int64)
    return made + 1


def month(meters: int, seed: int) -> tuple[Frame, History]:
    random = np.random.default_rng(seed)
    steps = energies(MONTH, meters, seed)
    present: Mask = np.ones(steps.shape, np.bool_)
    facts = np.zeros(steps.shape, np.uint8)
    totals = []
    for row in range(meters):
        out, short, long = (int(at) for at in random.integers(100, len(MONTH) - 100, 3))
        facts[row, out : out + 20] |= np.uint8(Fact.OUTAGE)
        present[row, out : out + 20] = False
        present[row, short : short + 6] = False
        present[row, long : long + 48] = False
        if row % 2:
            totals.append((row, long, long + 48, int(steps[row, long : long + 48].sum())))
    known = np.ones((meters, len(BEFORE)), np.bool_)
    known[::50] = False
    steps = np.where(present, steps, 0)
    made = frame(
        tuple(f"{seed}-{row:05}" for row in range(meters)), MONTH, steps, present, Totals.of(totals),
        facts=facts, limit=np.full(meters, 1_000_000),
    )  # fmt: skip
    usual = np.full(meters, 40_000)
    outages = np.zeros((meters, len(BEFORE.days)), np.bool_)
    days = np.zeros(meters, np.int64)
    return made, History(
        BEFORE, energies(BEFORE, meters, seed + 1), known, outages, outages, usual, usual * 0 + UNKNOWN, days
    )


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("meters", nargs="?", type=int, default=METERS)
    parser.add_argument("--stored", type=int, default=STORED)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    meters: int = given.meters
    spent, left = 0.0, meters
    while left:
        rows = min(_ROWS, left)
        frames, history = month(rows, left)
        since = process_time()
        made = run(frames, shipped(), calendar("cn"), history)
        spent += process_time() - since
        if ((made.source > 0) != (made.method > 0)).any() or not (made.source > 0).any():
            raise SystemExit("a value without a source")
        left -= rows
    row = Row(
        "vee_meters", "meters/s", rate(meters, [spent]), limit=TARGET, limit_name="10,000 meters for a month in 60 s"
    )
    rows_ = [row]
    if given.stored:
        took = asyncio.run(measured(given.stored, rules_of(VeeTable(), Path())))
        rows_.append(replace(row, name="vee_stored", ours=rate(given.stored, [took])))
    show(rows_, arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
