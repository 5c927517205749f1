"""Captures as columns: what the push path decodes into and what a binary COPY is made of. No Python object a value.

Times are microseconds since 1970-01-01 UTC. A hole is a place without a value whose quality byte is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from protocols.model import POSITIONS, Capture, Quality

Ints: TypeAlias = npt.NDArray[np.int64]
Small: TypeAlias = npt.NDArray[np.int16]
Flags: TypeAlias = npt.NDArray[np.bool_]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
DAY_US: Final = 86_400_000_000
_MICROSECOND: Final = timedelta(microseconds=1)
_ALL_GOOD: Final = (Quality.GOOD,) * POSITIONS


def time_us(time: datetime) -> int:
    """Microseconds since the epoch, exactly."""
    return (time - EPOCH) // _MICROSECOND


def from_us(value: int) -> datetime:
    """The reverse, in UTC."""
    return EPOCH + timedelta(microseconds=value)


@dataclass(frozen=True)
class CaptureColumns:
    """n captures. `quality` packs 8 bytes a capture, the first position in the lowest byte."""

    meter_id: npt.NDArray[np.int32]
    layout: Small
    source: Small
    time_us: Ints
    received_us: Ints
    values: Ints
    """[n, POSITIONS], in steps; 0 where not present."""
    present: Flags
    """[n, POSITIONS]"""
    quality: Ints
    """[n]"""

    def __post_init__(self) -> None:
        n = len(self.meter_id)
        shapes = {"values": (n, POSITIONS), "present": (n, POSITIONS)}
        for field in fields(self):
            shape = getattr(self, field.name).shape
            if shape != shapes.get(field.name, (n,)):
                raise ValueError(f"column {field.name} has shape {shape}, expected {shapes.get(field.name, (n,))}")

    def __len__(self) -> int:
        return len(self.meter_id)

    @classmethod
    def from_captures(cls, captures: Sequence[Capture]) -> CaptureColumns:
        """Raises `ValueError` for a number that no bigint holds: the decoders mark those OUT_OF_RANGE."""
        n = len(captures)
        values, present = _numbers([capture.values for capture in captures])
        told = [capture.quality for capture in captures]
        if told.count(_ALL_GOOD) == n:
            quality = np.zeros(n, dtype=np.int64)
        else:
            quality = pack(np.array(told, dtype=np.uint8).reshape(n, POSITIONS))
        return cls(
            meter_id=np.array([c.meter_id for c in captures], dtype=np.int32),
            layout=np.array([c.layout for c in captures], dtype=np.int16),
            source=np.fromiter([c.source for c in captures], dtype=np.int16, count=n),  # array() looks into an enum
            time_us=np.array([(c.time - EPOCH) // _MICROSECOND for c in captures], dtype=np.int64),
            received_us=np.array([(c.received - EPOCH) // _MICROSECOND for c in captures], dtype=np.int64),
            values=values,
            present=present,
            quality=quality,
        )

    @classmethod
    def concatenate(cls, parts: Iterable[CaptureColumns]) -> CaptureColumns:
        """One after the other; at least one part."""
        parts = list(parts)
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})

    def take(self, rows: npt.NDArray[np.intp] | Flags | slice) -> CaptureColumns:
        """Some rows, in the order asked for."""
        return CaptureColumns(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    @cached_property
    def holes(self) -> Flags:
        """[n, POSITIONS]: no value, and nobody said why."""
        holes: Flags = ~self.present & (unpack(self.quality) == 0)
        return holes

    @property
    def known(self) -> int:
        """How many places are no holes."""
        return self.present.size - int(np.count_nonzero(self.holes))

    def days(self) -> list[date]:
        """The UTC days that the captures' times touch, in order."""
        return [(EPOCH + timedelta(days=int(day))).date() for day in np.unique(self.time_us // DAY_US)]

    def merged(self) -> Merged:
        """Sorted by (meter, time, layout), with the parts of one capture put together: the first value wins."""
        order = np.lexsort((self.layout, self.time_us, self.meter_id))  # stable: parts stay in order of arrival
        rows = self.take(order)
        same = (
            (rows.meter_id[1:] == rows.meter_id[:-1])
            & (rows.time_us[1:] == rows.time_us[:-1])
            & (rows.layout[1:] == rows.layout[:-1])
        )
        if not same.any():
            return Merged(rows, 0, 0)
        heads = np.flatnonzero(np.concatenate(([True], ~same)))
        sizes = np.diff(np.concatenate((heads, [len(rows)])))
        values, present, quality = rows.values[heads], rows.present[heads], unpack(rows.quality[heads]).copy()
        added = 0
        for part in range(1, int(sizes.max())):
            into = np.flatnonzero(sizes > part)
            source = heads[into] + part
            part_quality = unpack(rows.quality[source])
            fills = ~present[into] & (rows.present[source] | ((quality[into] == 0) & (part_quality != 0)))
            values[into] = np.where(fills, rows.values[source], values[into])
            quality[into] = np.where(fills, part_quality, quality[into])
            present[into] |= fills & rows.present[source]
            added += int(fills.any(axis=1).sum())
        whole = replace(rows.take(heads), values=values, present=present, quality=pack(quality))
        return Merged(whole, added, len(rows) - len(whole) - added)


@dataclass(frozen=True)
class Merged:
    """One row a key, sorted; how many further parts added something to a row, and how many added nothing."""

    columns: CaptureColumns
    added: int
    repeated: int


def _numbers(rows: Sequence[tuple[int | None, ...]]) -> tuple[Ints, Flags]:
    """Values and where there are any, position by position: one holds a number in all rows, or in none, as a rule."""
    values: Ints = np.zeros((len(rows), POSITIONS), dtype=np.int64)
    present: Flags = np.ones((len(rows), POSITIONS), dtype=np.bool_)
    nothing: Any = None
    try:
        for position, given in enumerate(zip(*rows, strict=True)):
            holes = given.count(None)
            if holes == len(rows):
                present[:, position] = False
            elif holes:
                some = np.array(given, dtype=object)
                there = np.not_equal(some, nothing).astype(np.bool_)
                present[:, position] = there
                values[there, position] = some[there].astype(np.int64)
            else:
                values[:, position] = np.array(given, dtype=np.int64)
    except OverflowError as error:
        raise ValueError(f"a value does not fit into 64 bits: {error}") from error
    return values, present


def pack(quality: npt.NDArray[np.uint8]) -> Ints:
    """[n, POSITIONS] bytes to [n] integers, the first position in the lowest byte."""
    return np.ascontiguousarray(quality).view("<i8").reshape(len(quality)).astype(np.int64, copy=False)


def unpack(quality: Ints) -> npt.NDArray[np.uint8]:
    """The reverse."""
    return np.ascontiguousarray(quality.astype("<i8", copy=False)).view(np.uint8).reshape(len(quality), POSITIONS)
