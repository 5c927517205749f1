"""What many readings of clocks say: how fast each drifts, and how right those of a model or an area are. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

SHORTEST: Final = timedelta(days=1)
"""Clocks are read to a second: less time says nothing about their drift."""
JUMP_MS: Final = 3_000
"""More than this between two readings, beyond what the drift explains, is somebody who set the clock."""
_WORST_PPM: Final = 100.0


def drift_ppm(offsets: Sequence[tuple[datetime, int]]) -> float | None:
    """Microseconds a second by which a clock gains, from its offsets (ms), the oldest first; None where they tell it
    not.

    Least squares over what came since the clock was last set: a jump is more than any crystal drifts.
    """
    since = 0
    for at in range(1, len(offsets)):
        (before, was), (now, is_) = offsets[at - 1], offsets[at]
        elapsed_ms = (now - before) / timedelta(milliseconds=1)
        if abs(is_ - was) > JUMP_MS + elapsed_ms * _WORST_PPM / 1e6:
            since = at
    rows = offsets[since:]
    if len(rows) < 2 or rows[-1][0] - rows[0][0] < SHORTEST:
        return None
    times = [(at - rows[0][0]).total_seconds() for at, _ in rows]
    middle, mean = sum(times) / len(times), sum(offset for _, offset in rows) / len(rows)
    spread = sum((time - middle) ** 2 for time in times)
    slope = sum((time - middle) * (offset - mean) for time, (_, offset) in zip(times, rows, strict=True)) / spread
    return slope * 1000


@dataclass(frozen=True, slots=True)
class ClockSample:
    """One meter's last reading. `offset_ms` is None where it shows no time or was never read; `standing` its class."""

    standing: str
    offset_ms: int | None
    drift: float | None = None


@dataclass(frozen=True, slots=True)
class ClockGroup:
    """Meters of a kind. Offsets in milliseconds: the median with its sign, the 95th percentile of how far off they are;
    None where no clock was read. `standings`: meters by class. `drift`: the median, ppm."""

    name: str
    meters: int
    read: int
    median_ms: float | None
    p95_ms: float | None
    standings: Mapping[str, int]
    drift: float | None


def grouped(name: str, samples: Sequence[ClockSample]) -> ClockGroup:
    """What samples of one model, area or line come to."""
    offsets = [sample.offset_ms for sample in samples if sample.offset_ms is not None]
    drifts = [sample.drift for sample in samples if sample.drift is not None]
    standings: dict[str, int] = {}
    for sample in samples:
        standings[sample.standing] = standings.get(sample.standing, 0) + 1
    return ClockGroup(
        name,
        len(samples),
        len(offsets),
        median(offsets) if offsets else None,
        percentile([abs(offset) for offset in offsets], 0.95) if offsets else None,
        standings,
        median(drifts) if drifts else None,
    )


def percentile(values: Sequence[int], share: float) -> float:
    """Linear between the two nearest ranks. `values` is not empty."""
    ranked = sorted(values)
    place = share * (len(ranked) - 1)
    below = int(place)
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (ranked[above] - ranked[below]) * (place - below)
