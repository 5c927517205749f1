"""Batches for the spool's tests."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from protocols.model import POSITIONS, Quality
from storage.spool.batch import Batch
from storage.writer import Miss
from tests.storage.captures import T0, capture

Cells = tuple[object, ...]

_VALUES = st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=POSITIONS, max_size=POSITIONS)
_QUALITY = st.lists(st.sampled_from(list(Quality)), min_size=POSITIONS, max_size=POSITIONS)
_TIMES = st.integers(0, 10**15).map(lambda us: T0 + timedelta(microseconds=us))
_METERS = st.integers(1, 2**31 - 1)
CAPTURES = st.builds(capture, _METERS, _TIMES, st.integers(1, 32767), _VALUES, _QUALITY, _TIMES)
MISSES = st.builds(Miss, _METERS, st.integers(1, 32767), _TIMES, st.text(max_size=20), _TIMES, st.booleans())
BATCHES = st.builds(Batch.of, st.lists(CAPTURES, max_size=5), st.lists(MISSES, max_size=3))


def batch(number: int, size: int = 3) -> Batch:
    """Told apart by `number`: its captures' meters, and its one miss."""
    captures = [capture(number, T0 + timedelta(minutes=15 * slot), values=[number, slot]) for slot in range(size)]
    return Batch.of(captures, [Miss(number, 1, T0, "no_answer", T0)])


def cells(given: Batch) -> Cells:
    """Everything that is in it, comparable."""
    c = given.columns
    rows = zip(c.meter_id, c.layout, c.source, c.time_us, c.received_us, c.quality, c.present, c.values, strict=True)
    return (*((*map(int, row[:6]), tuple(row[6].tolist()), tuple(row[7].tolist())) for row in rows), *given.misses)
