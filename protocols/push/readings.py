"""Single readings as columns, and how they are gathered into captures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from protocols.model import POSITIONS
from protocols.push.arrivals import Arrivals, MeterKey, Reject

Places = npt.NDArray[np.intp]
Ints = npt.NDArray[np.int64]
Small = npt.NDArray[np.int16]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Readings:
    """A row for each value, in the order in which they came."""

    message: Places
    key: Places
    layout: Small
    position: Places
    time_us: Ints
    steps: Ints
    """0 where there is no number."""
    present: npt.NDArray[np.bool_]
    quality: Bytes

    @classmethod
    def concatenate(cls, parts: Sequence[Readings]) -> Readings:
        """At least one part."""
        if len(parts) == 1:
            return parts[0]
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def take(self, rows: Places | npt.NDArray[np.bool_]) -> Readings:
        return Readings(*(getattr(self, field.name)[rows] for field in fields(self)))

    def gathered(self, keys: tuple[MeterKey, ...], rejects: tuple[Reject, ...]) -> Arrivals:
        """A row for each message, meter, layout and time. Of two values for one place the first number wins."""
        n = len(self.message)
        order = None
        changes = self._changes()
        heads = np.flatnonzero(changes)
        row_of_run = np.arange(len(heads))
        if len(heads) > 1:  # runs of one capture that stand apart are put together
            order = np.lexsort((self.time_us[heads], self.layout[heads], self.key[heads], self.message[heads]))
            ordered = heads[order]
            new = np.ones(len(ordered), np.bool_)
            new[1:] = False
            for column in (self.message, self.key, self.layout, self.time_us):
                told = column[ordered]
                new[1:] |= told[1:] != told[:-1]
            row_of_run[order] = np.cumsum(new) - 1
            heads = ordered[new]
        row = row_of_run[np.cumsum(changes) - 1] if n else np.zeros(0, np.intp)
        rows = len(heads)
        values = np.zeros((rows, POSITIONS), np.int64)
        present = np.zeros((rows, POSITIONS), np.bool_)
        quality = np.zeros((rows, POSITIONS), np.uint8)
        place = row * POSITIONS + self.position
        nothing = np.flatnonzero(~self.present)[::-1]
        if len(nothing):
            quality.reshape(-1)[place[nothing]] = self.quality[nothing]
            some = np.flatnonzero(self.present)[::-1]
        else:
            some = np.arange(n)[::-1]
        place = place[some]  # backwards: what is written last, the first, stays
        values.reshape(-1)[place] = self.steps[some]
        quality.reshape(-1)[place] = self.quality[some]
        present.reshape(-1)[place] = True
        return Arrivals(
            keys,
            self.key[heads],
            self.message[heads],
            self.layout[heads],
            self.time_us[heads],
            values,
            present,
            quality,
            rejects,
        )

    def _changes(self) -> npt.NDArray[np.bool_]:
        """Where a value is of another capture than the one before it."""
        changes = np.zeros(len(self.message), np.bool_)
        changes[:1] = True
        for column in (self.message, self.key, self.layout, self.time_us):
            changes[1:] |= column[1:] != column[:-1]
        return changes


def no_readings() -> Readings:
    none = np.zeros(0, np.intp)
    ints = np.zeros(0, np.int64)
    return Readings(none, none, np.zeros(0, np.int16), none, ints, ints, np.zeros(0, np.bool_), np.zeros(0, np.uint8))
