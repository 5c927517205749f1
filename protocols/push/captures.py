"""Captures that came as columns, block by block; scaled to steps all together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np
import numpy.typing as npt

from protocols.model import POSITIONS, Quality
from protocols.push.arrivals import Arrivals, MeterKey, Reject
from protocols.push.readings import Bytes, Ints, Places
from protocols.push.reasons import Reason
from protocols.push.rejects import Rejects
from protocols.push.stored_items import in_steps
from protocols.push.times import ABSURD, absurd

Flags = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Block:
    """Captures of one message and layout, filled column by column."""

    message: int
    layout: int
    key: Places
    time_us: Ints
    numbers: Ints = field(init=False)
    """[n, POSITIONS], by ten to `shift` in steps"""
    silent: Flags = field(init=False)
    """[n, POSITIONS]: no number"""
    quality: Bytes = field(init=False)
    shift: npt.NDArray[np.int8] = field(init=False)
    """[POSITIONS]"""

    def __post_init__(self) -> None:
        shape = (len(self.key), POSITIONS)
        self.numbers = np.zeros(shape, np.int64)
        self.silent = np.ones(shape, np.bool_)
        self.quality = np.zeros(shape, np.uint8)
        self.shift = np.zeros(POSITIONS, np.int8)

    def fill(
        self, position: int, numbers: Ints, shift: int, silent: Flags | None = None, quality: Bytes | None = None
    ) -> None:
        """`silent` is nowhere and `quality` good where they are left out."""
        self.numbers[:, position] = numbers
        self.shift[position] = shift
        self.silent[:, position] = False if silent is None else silent
        if quality is not None:
            self.quality[:, position] = quality

    def take(self, rows: Places) -> Block:
        """Some of the captures."""
        taken = Block(self.message, self.layout, self.key[rows], self.time_us[rows])
        taken.numbers, taken.silent, taken.quality = self.numbers[rows], self.silent[rows], self.quality[rows]
        taken.shift = self.shift
        return taken


@dataclass(frozen=True, slots=True)
class Stack:
    """Captures of many messages, a row each; the columns are those of a `Block`."""

    message: Places
    layout: npt.NDArray[np.int16]
    key: Places
    time_us: Ints
    numbers: Ints
    silent: Flags
    quality: Bytes
    shift: npt.NDArray[np.int8]
    """[n, POSITIONS]"""

    def take(self, rows: Places) -> Stack:
        return Stack(*(getattr(self, column.name)[rows] for column in fields(self)))

    @classmethod
    def concatenate(cls, parts: Sequence[Stack]) -> Stack:
        return cls(*(np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(cls)))


def stacked(blocks: Sequence[Block]) -> Stack:
    """One behind the other; at least one."""
    count = [len(block.key) for block in blocks]
    return Stack(
        np.repeat(np.array([block.message for block in blocks], np.intp), count),
        np.repeat(np.array([block.layout for block in blocks], np.int16), count),
        np.concatenate([block.key for block in blocks]),
        np.concatenate([block.time_us for block in blocks]),
        np.concatenate([block.numbers for block in blocks]),
        np.concatenate([block.silent for block in blocks]),
        np.concatenate([block.quality for block in blocks]),
        np.repeat(np.array([block.shift for block in blocks]), count, axis=0),
    )


def arrivals_of(stack: Stack | None, received_us: Ints, ahead_s: int, rejects: Rejects) -> list[Arrivals]:
    """One or none, without the keys yet; captures of which nothing is said are left out, those of absurd times go to
    `rejects`."""
    if stack is None:
        return []
    silent, quality, shift, numbers = stack.silent, stack.quality, stack.shift, stack.numbers
    sound = ~silent & (quality == Quality.GOOD)
    marks = np.where(sound, np.uint8(Quality.GOOD), np.uint8(Quality.NOT_AVAILABLE))
    steps, present, told = in_steps(numbers.ravel(), marks.ravel(), shift.ravel())
    found = Arrivals(
        (),
        stack.key,
        stack.message,
        stack.layout,
        stack.time_us,
        steps.reshape(numbers.shape),
        present.reshape(numbers.shape),
        np.where(sound, told.reshape(numbers.shape), quality),
    )
    said = found.present.any(axis=1) | found.quality.any(axis=1)
    odd = absurd(found.time_us, found.message, received_us, ahead_s) & said
    if odd.any():
        rejects.add_each(found.message[odd], Reason.ABSURD_TIME, ABSURD)
    kept = said & ~odd
    return [found if kept.all() else taken(found, np.flatnonzero(kept))]


def taken(arrivals: Arrivals, rows: Places) -> Arrivals:
    return replace(arrivals, **{name: getattr(arrivals, name)[rows] for name in _COLUMNS})


def joined(parts: list[Arrivals], keys: tuple[MeterKey, ...], rejects: tuple[Reject, ...]) -> Arrivals:
    """One behind the other; all of the same `keys`. At least one part."""
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
    return replace(parts[0], keys=keys, rejects=rejects, **columns)


_COLUMNS = tuple(column.name for column in fields(Arrivals) if column.name not in ("keys", "rejects"))
