"""Blocks of compact batches without holes and qualities, the columns of many messages read at once.

Gateways send a dozen captures a message: numpy's calls for each column cost many times what is in it. Here a block is
only walked through, and where its columns stand is noted; `stack` then reads all of them together, by width.
"""

from __future__ import annotations

import struct
from functools import cache
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from protocols.model import POSITIONS
from protocols.push.batch_format import (
    BLOCK,
    COLUMN,
    LATEST_MS,
    LAYOUTS_BY_ID,
    MILLISECOND_US,
    MOST_DECIMALS,
    OWN_DECIMALS,
    VALUES,
    WIDTHS,
)
from protocols.push.captures import Stack
from protocols.push.readings import Ints, Places
from protocols.push.reasons import Reason
from protocols.push.rejects import Rejects

_METER, _TIME, _FIRST = range(3)
"""Columns of what is read: the values come third."""
_WIDE: Final = _FIRST + POSITIONS
_HEAD: Final = struct.Struct(f"<{VALUES.format[1:]}{COLUMN.format[1:]}")
_SIZES: Final = frozenset((0, *WIDTHS))


class PlainBlocks:
    """Of one batch of messages."""

    def __init__(self) -> None:
        self._columns: list[tuple[int, int, int, int, int, int]] = []
        """(where its numbers stand, width, base, captures, first row, column)"""
        self._blocks: list[tuple[int, int, int, int, int, int]] = []
        """(sequence, message, layout, mask, captures, table)"""
        self._shifts: list[tuple[int, int, int]] = []
        """(block, position, shift), where it is not 0"""
        self._tables: list[Places] = []
        self._rows = 0

    def add(self, raw: bytes, at: int, end: int, offset: int, sequence: int, message: int, keys: Places) -> bool:
        """Note the block of `raw` from `at` to `end`; False where it is to be read by itself, and nothing is noted.

        `offset`: where `raw` begins in what `stack` will be given. `sequence`: which block of all it is.
        """
        _, layout_id, mask, _, count = BLOCK.unpack_from(raw, at)
        if layout_id not in LAYOUTS_BY_ID or count > end - at:
            return False
        positions = _positions(layout_id, mask)
        if positions is None:
            return False
        at += BLOCK.size
        row, columns, shifts = self._rows, [], []
        try:
            for column in (_METER, _TIME):
                width, base = COLUMN.unpack_from(raw, at)
                at += COLUMN.size
                columns.append((offset + at, width, base, count, row, column))
                at += width * count
                if width not in _SIZES:
                    return False
            for position, own in positions:
                flags, decimals, width, base = _HEAD.unpack_from(raw, at)
                if flags or width not in _SIZES:
                    return False
                at += _HEAD.size
                columns.append((offset + at, width, base, count, row, _FIRST + position))
                at += width * count
                if decimals not in (OWN_DECIMALS, own):
                    if decimals > MOST_DECIMALS:
                        return False
                    shifts.append((len(self._blocks), position, own - decimals))
        except struct.error:
            return False
        if at != end:
            return False
        if not self._tables or self._tables[-1] is not keys:
            self._tables.append(keys)
        self._columns += columns
        self._shifts += shifts
        self._blocks.append((sequence, message, layout_id, mask, count, len(self._tables) - 1))
        self._rows += count
        return True

    def stack(self, buffer: bytes, rejects: Rejects) -> tuple[Stack, Places] | None:
        """What was noted, and the sequence that each row is of; captures of no meter in their table are rejected."""
        if not self._blocks:
            return None
        sequence, message, layout, mask, counts, table = np.array(self._blocks, np.int64).T
        read = self._read(buffer)
        silent = np.unpackbits(mask.astype(np.uint8)[:, None], axis=1, bitorder="little") == 0
        shift = np.zeros((len(counts), POSITIONS), np.int8)
        for block, position, by in self._shifts:
            shift[block, position] = by
        sizes = np.array([len(keys) for keys in self._tables])
        starts = np.cumsum(sizes) - sizes
        meter = read[:, _METER]
        good = (meter >= 0) & (meter < np.repeat(sizes[table], counts))
        key = np.full(self._rows, -1, np.intp)
        if good.any():
            key[good] = np.concatenate(self._tables)[(meter + np.repeat(starts[table], counts))[good]]
        found = Stack(
            np.repeat(message, counts),
            np.repeat(layout, counts).astype(np.int16),
            key,
            np.clip(read[:, _TIME], -LATEST_MS, LATEST_MS) * MILLISECOND_US,
            read[:, _FIRST:],
            np.repeat(silent, counts, axis=0),
            np.zeros((self._rows, POSITIONS), np.uint8),
            np.repeat(shift, counts, axis=0),
        )
        rows, of = np.flatnonzero(key >= 0), np.repeat(sequence, counts)
        if len(rows) == self._rows:
            return found, of
        rejects.add_each(found.message[key < 0], Reason.NO_METER, NO_METER)
        return found.take(rows), of[rows]

    def _read(self, buffer: bytes) -> Ints:
        """[rows, meter, time and values]; 0 where there is no column."""
        flat = np.fromiter(chain.from_iterable(self._columns), np.int64, len(self._columns) * 6)
        where, widths, bases, counts, rows, columns = flat.reshape(-1, 6).T
        read: Ints = np.zeros(self._rows * _WIDE, np.int64)
        for width in np.unique(widths).tolist():
            chosen = widths == width
            count = counts[chosen]
            within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
            numbers = np.repeat(bases[chosen], count)
            if width and len(numbers):
                numbers += _anywhere(buffer, width)[np.repeat(where[chosen], count) + width * within].astype(np.int64)
            read[np.repeat(rows[chosen] * _WIDE + columns[chosen], count) + _WIDE * within] = numbers
        return read.reshape(self._rows, _WIDE)


NO_METER: Final = "captures of no meter in the table"


def _anywhere(buffer: bytes, width: int) -> npt.NDArray[Any]:
    """The number that would begin at each byte."""
    return np.ndarray((len(buffer) - width + 1,), WIDTHS[width], buffer, strides=(1,))


@cache
def _positions(layout_id: int, mask: int) -> tuple[tuple[int, int], ...] | None:
    """Of the values in a block, each with the quantity's decimals; None where the layout has no such place."""
    quantities = LAYOUTS_BY_ID[layout_id].quantities
    if mask >> len(quantities):
        return None
    return tuple((n, quantity.decimals) for n, quantity in enumerate(quantities) if mask >> n & 1)
