"""The captures that `benchmarks.store` writes: meters that each give eight values in every quarter-hour.

A round is one day. A batch holds 1,250 meters at one moment, sorted by key, as a collector would send them: time goes
on from batch to batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from protocols.model import POSITIONS, Capture, Quality, Source
from protocols.quantities import LAYOUTS
from storage.columns import DAY_US, CaptureColumns, Ints, from_us

CAPTURES: Final = 1_250
"""In a batch: 10,000 values."""
SLOTS: Final = 96
_FIRST_DAY_US: Final = 20_513 * DAY_US  # 2026-03-01
_SLOT_US: Final = DAY_US // SLOTS
LAYOUT: Final = next(layout for layout in LAYOUTS if len(layout.quantities) == POSITIONS)
QUANTITIES: Final = tuple(quantity.id for quantity in LAYOUT.quantities)


@dataclass(frozen=True, slots=True)
class Day:
    """One round's batches. `weighted`: the exact sum of every value times its quantity's id, known in advance."""

    first_us: int
    batches: tuple[CaptureColumns, ...]
    captures: int
    weighted: int

    @property
    def values(self) -> int:
        return self.captures * POSITIONS


def day(number: int, meters: int) -> Day:
    """The `number`-th day of `meters`, a multiple of `CAPTURES`. Registers grow, from 0 to 40,000 kWh."""
    random = np.random.default_rng(number)
    first_us = _FIRST_DAY_US + number * DAY_US
    registers = random.integers(0, 400_000_000, (meters, POSITIONS))
    batches: list[CaptureColumns] = []
    weighted = 0
    for slot in range(SLOTS):
        registers = registers + random.poisson(2_000, registers.shape)
        weighted += int((registers.sum(axis=0) * np.array(QUANTITIES)).sum())
        time = first_us + slot * _SLOT_US
        starts = range(0, meters, CAPTURES)
        batches += [_batch(start, registers[start : start + CAPTURES], time, random) for start in starts]
    return Day(first_us, tuple(batches), meters * SLOTS, weighted)


def _batch(start: int, values: Ints, time: int, random: np.random.Generator) -> CaptureColumns:
    n = len(values)
    return CaptureColumns(
        meter_id=np.arange(start + 1, start + n + 1, dtype=np.int32),
        layout=np.full(n, LAYOUT.id, dtype=np.int16),
        source=np.full(n, Source.PUSH, dtype=np.int16),
        time_us=np.full(n, time),
        received_us=time + random.integers(1_000_000, 30_000_000, n),
        values=values,
        present=np.ones(values.shape, dtype=np.bool_),
        quality=np.zeros(n, dtype=np.int64),
    )


def objects(columns: CaptureColumns) -> Sequence[Capture]:
    """The same batch as the pull path makes it."""
    good = (Quality.GOOD,) * POSITIONS
    return [
        Capture(meter_id, layout, from_us(time), from_us(received), Source.PUSH, tuple(values), good)
        for meter_id, layout, time, received, values in zip(
            columns.meter_id.tolist(),
            columns.layout.tolist(),
            columns.time_us.tolist(),
            columns.received_us.tolist(),
            columns.values.tolist(),
            strict=True,
        )
    ]
