"""Writers of billing files on one core: a million intervals from columns in memory to bytes that are thrown away.

350 channels with 30 days of quarter-hours, values of their own, one in a hundred intervals substituted. Reads a second
of processor time; nothing is measured beside them here.

    python -m benchmarks.billing_files [--json]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import process_time
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from analytics.billing.exports.bundle import Bundle
from analytics.billing.exports.formats import INTERVALS
from analytics.billing.exports.manifest import seconds
from analytics.billing.exports.series import ACTUAL, Batch, Channel, Flag, Quality, Register, Series
from benchmarks.report import Row, rate, show

CHANNELS: Final = 350
DAYS: Final = 30
START: Final = datetime(2026, 5, 31, 14, tzinfo=UTC)
_SUBSTITUTED: Final = Flag(Quality.SUBSTITUTED, "14", "76", source="vee", rule="like-day")
_ROUNDS: Final = 3


def made() -> Bundle:
    random = np.random.default_rng(5)
    count = DAYS * 96
    starts = seconds(START) + 900 * np.arange(count)
    return Bundle.of(
        Series(
            _channel(at),
            starts,
            random.integers(0, 3000, count),
            (random.random(count) < 0.01).astype(np.int64),
            (ACTUAL, _SUBSTITUTED),
        )
        for at in range(CHANNELS)
    )


def _channel(at: int) -> Channel:
    names = Register(f"{6_001_000_000 + at}", "E1", "E1")
    return Channel(f"P{at:05}", f"M{at:05}", "1-0:1.8.0", "kWh", 3, 900, register=names)


def main(arguments: Sequence[str]) -> None:
    given = made()
    end = START + timedelta(days=DAYS)
    batch = Batch("B", 1, START, end, end, ZoneInfo("Australia/Sydney"), decimals=3)
    reads = len(given)
    rows = []
    for name, form in INTERVALS.items():
        spent = []
        for _ in range(_ROUNDS):
            since = process_time()
            if not sum(map(len, form.write([given], batch))):
                raise AssertionError("nothing was written")
            spent.append(process_time() - since)
        rows.append(Row(f"write_{name}", "reads/s", rate(reads, spent)))
    show(rows, arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
