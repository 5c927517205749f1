"""Pushes and replays: all frames of a buffer decoded together, into columns.

The answers are those of the frame-by-frame way (`FrameReader`, then `read_reply`); nothing vanishes: every frame has an
outcome, every stretch of other bytes a reason. Numbers come out as columns. Items that hold anything else (texts,
moments, digits that name something; so demands with their time too) or that are made of blocks go through the item's
own `decode`, frame by frame. Up to some 150 frames a batch that way is the faster one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from protocols.dlt645.frame import ABNORMAL, FUNCTION, REPLY, Frame
from protocols.dlt645.item import Item
from protocols.dlt645.item_table import LENGTHS, UNKNOWN, Identifiers, ItemTable
from protocols.dlt645.items import item
from protocols.dlt645.packed import (
    BEFORE,
    BEHIND,
    Bytes,
    Places,
    Words,
    binary,
    blocks,
    minus_33,
    not_bcd,
    padded,
    words,
)
from protocols.dlt645.reply import read_reply
from protocols.dlt645.scan import REASONS, Noises, Scan, scan
from protocols.dlt645.services.read import FOLLOW_UP, READ
from protocols.errors import BadAnswer, CommunicationError, ModelError
from protocols.exchange import Noise
from protocols.model import Part, Quality, Value

Buffer: TypeAlias = bytes | bytearray | memoryview | NDArray[np.uint8]


_DATA: Final = 14
"""From a frame's first byte to the one behind the identifier."""


_KEPT: Final = 16 << 20
"""Bytes of the largest freed block that glibc keeps for reuse once it has seen one of that size freed (mallopt(3),
M_MMAP_THRESHOLD is dynamic). Without it every column is given back to the kernel and fetched again, page by page, which
is a third of a batch's time. Elsewhere it does nothing."""


class Outcome(IntEnum):
    """What became of a frame."""

    DECODED = 0
    REQUEST = 1
    """Not sent by a meter."""
    REFUSED = 2
    OTHER_SERVICE = 3
    """A reply, but to no read of the 2007 edition."""
    NO_IDENTIFIER = 4
    """An answer of less than four bytes."""
    FOLLOWS = 5
    """One of several frames that only together are an answer."""
    UNKNOWN_ITEM = 6
    WRONG_LENGTH = 7
    """Not a number of bytes that the item can have, whatever else is wrong with them. Items of blocks: BAD_VALUE."""
    BAD_VALUE = 8
    """A digit that is no BCD, a moment that does not exist, a character that is no ASCII."""


@dataclass(frozen=True, slots=True)
class Frames:
    """A row for each frame, in the order of the buffer."""

    start: Places
    """Where its first 68H stands."""
    end: Places
    message: Places
    address: Words
    """Twelve digits, read as hex: ``f"{address:012X}"``. AA and other bytes that are no BCD stay visible."""
    control: NDArray[np.uint8]
    identifier: Identifiers
    """``f"{identifier:08X}"``; only for answers to a read that have one, else 0."""
    outcome: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A row for each number, in the order of frames and, within one, of the item's parts."""

    frame: Places
    """Row in `Frames`."""
    part: Places
    """Row in `Batch.parts`."""
    number: NDArray[np.int64]
    """Scaled by the part's decimals; 0 where there is none."""
    quality: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Batch:
    """What a buffer held. A part keeps its row for the life of the decoder."""

    frames: Frames
    numbers: Numbers
    parts: tuple[Part, ...]
    others: tuple[tuple[int, Value], ...]
    """Each with the row of its frame: values that are no 64-bit number (texts, moments, and their "nothing"), and all
    values of items of blocks (freezes, load records), where the order says which belong together."""
    noises: Noises
    _raw: Bytes
    _lookup: Callable[[str], Item]

    def frame(self, row: int) -> Frame:
        return Frame(self._raw[self.frames.start[row] : self.frames.end[row]].tobytes())

    def error(self, row: int) -> CommunicationError | ModelError | None:
        """Why the frame was not decoded, in full; None where it was."""
        try:
            read_reply(self.frame(row), self._lookup)
        except (CommunicationError, ModelError) as error:
            return error
        return None

    def noise(self, row: int) -> Noise:
        start, end = self.noises.start[row], self.noises.end[row]
        return Noise(self._raw[start:end].tobytes(), REASONS[self.noises.reason[row]])


class BatchDecoder:
    """Decodes buffers; keeps the layout of the items that it has met, nothing of the buffers."""

    def __init__(self, items: Callable[[str], Item] = item) -> None:
        """`items` gives the item of an identifier or raises `ModelError`."""
        self._lookup = items
        self._table = ItemTable(items)
        np.empty(_KEPT, np.uint8)  # never touched; see _KEPT

    def decode(self, buffer: Buffer, offsets: Sequence[int] | Places | None = None) -> Batch:
        """Decode the messages in `buffer`, message k being ``buffer[offsets[k]:offsets[k + 1]]``.

        Each message stands for itself: what is cut at its end is not continued in the next one. Without `offsets` the
        buffer is one message. Raises `ValueError` where they do not ascend from 0 to the end of the buffer.
        """
        raw = np.frombuffer(buffer, np.uint8)
        room = padded(raw)
        found = scan(room, _edges(len(raw), offsets))
        identifier, outcome = found.identifier, _BY_CONTROL[found.control]
        has_identifier = (outcome == Outcome.DECODED) | (outcome == Outcome.FOLLOWS)
        short = has_identifier & (found.length < 4)
        outcome[short] = Outcome.NO_IDENTIFIER
        identifier[~has_identifier | short] = 0
        frames = Frames(found.start, found.end, found.message, found.address, found.control, identifier, outcome)
        others: list[tuple[int, Value]] = []
        numbers = self._values(room, found, frames, others)
        return Batch(
            frames, numbers, self._table.parts, tuple(others), found.noises, room[BEFORE:-BEHIND], self._lookup
        )

    def _values(self, room: Bytes, found: Scan, frames: Frames, others: list[tuple[int, Value]]) -> Numbers:
        """Decode the frames that can be; the outcome of the rest is set in `frames`."""
        outcome = frames.outcome
        rows = self._table.rows(frames.identifier)
        items = self._table.items
        count = items.counts[rows * LENGTHS + (found.length - np.uint8(4))]  # below 4 it wraps to what no answer has
        is_read = outcome == Outcome.DECODED
        count *= is_read
        none = is_read & (count == 0)
        if none.any():
            outcome[none] = Outcome.WRONG_LENGTH
            outcome[none & (rows == UNKNOWN)] = Outcome.UNKNOWN_ITEM
        some, numeric = count > 0, items.numeric[rows]
        plain = np.flatnonzero(some & numeric)
        first = items.first[rows]
        if len(plain) < len(rows):
            first, count = first[plain], count[plain]
        numbers = [
            self._numbers(room, found, frames, plain[block], first[block], count[block])
            for block in blocks(len(plain) or 1)
        ]
        rest = np.flatnonzero(some & ~numeric)
        if not len(rest):
            return _joined(numbers)
        numbers.append(self._one_by_one(room[BEFORE:], frames, rest, items.first[rows[rest]], others))
        joined = _joined(numbers)
        order = np.argsort(joined.frame, kind="stable")
        return Numbers(joined.frame[order], joined.part[order], joined.number[order], joined.quality[order])

    def _numbers(self, room: Bytes, found: Scan, frames: Frames, row: Places, part: Places, count: Bytes) -> Numbers:
        """The parts of frames `row`, `count` of each from `part` on; nothing of a frame in which one is no BCD."""
        columns = self._table.part_columns
        if count.max(initial=1) == 1:
            packed = found.value[row]
        else:
            part = np.repeat(part - np.cumsum(count, dtype=np.intp) + count, count)
            part += np.arange(len(part))
            row = np.repeat(row, count)
            packed = words(room)[found.start[row] + columns.offset[part] + _DATA]
        packed = minus_33(packed)
        mask = columns.mask[part]
        packed &= mask
        nothing = packed == mask
        magnitude = packed & columns.digits[part]
        wrong = not_bcd(magnitude)
        wrong &= ~nothing
        number = binary(magnitude).view(np.int64)
        minus = (packed != magnitude).astype(np.int64)
        number ^= -minus
        number += minus
        if self._table.has_bits:
            bits = columns.is_bits[part]
            number[bits] = packed[bits].view(np.int64)
            nothing &= ~bits
            wrong &= ~bits
        number[nothing] = 0
        quality = nothing.view(np.uint8) * np.uint8(Quality.NOT_AVAILABLE)
        if wrong.any():
            frames.outcome[row[wrong]] = Outcome.BAD_VALUE
            kept = frames.outcome[row] == Outcome.DECODED
            row, part, number, quality = row[kept], part[kept], number[kept], quality[kept]
        return Numbers(row, part, number, quality)

    def _one_by_one(
        self, raw: Bytes, frames: Frames, reads: Places, first: Places, others: list[tuple[int, Value]]
    ) -> Numbers:
        """`reads` by their items' own way: numbers as columns, the rest into `others`."""
        is_number = self._table.part_columns.mask != 0
        numbers: list[tuple[int, int, int, int]] = []
        for row, part in zip(reads.tolist(), first.tolist(), strict=True):
            data = Frame(raw[frames.start[row] : frames.end[row]].tobytes()).data[4:]
            found = self._lookup(f"{frames.identifier[row]:08X}")
            try:
                values = found.decode(data)
            except BadAnswer:  # told in full by Batch.error
                frames.outcome[row] = Outcome.BAD_VALUE
                continue
            for at, value in enumerate(values, part):
                if found.shape is None and is_number[at]:
                    numbers.append((row, at, value.number or 0, value.quality))
                else:
                    others.append((row, value))
        columns = np.array(numbers, np.int64).reshape(-1, 4)
        return Numbers(
            columns[:, 0].astype(np.intp), columns[:, 1].astype(np.intp), columns[:, 2], columns[:, 3].astype(np.uint8)
        )


def _joined(columns: Sequence[Numbers]) -> Numbers:
    return Numbers(
        np.concatenate([numbers.frame for numbers in columns]),
        np.concatenate([numbers.part for numbers in columns]),
        np.concatenate([numbers.number for numbers in columns]),
        np.concatenate([numbers.quality for numbers in columns]),
    )


def _edges(size: int, offsets: Sequence[int] | Places | None) -> Places:
    edges = np.array((0, size) if offsets is None else offsets, np.intp)
    if edges.ndim != 1 or len(edges) < 2 or edges[0] != 0 or edges[-1] != size or (edges[1:] < edges[:-1]).any():
        raise ValueError(f"offsets do not ascend from 0 to {size}")
    return edges


def _outcome(control: int) -> Outcome:
    """What the control code alone says."""
    if not control & REPLY:
        return Outcome.REQUEST
    if control & ABNORMAL:
        return Outcome.REFUSED
    if control & FUNCTION not in (READ, FOLLOW_UP):
        return Outcome.OTHER_SERVICE
    return Outcome.DECODED if control == REPLY | READ else Outcome.FOLLOWS


_BY_CONTROL: Final = np.array([_outcome(control) for control in range(256)], np.uint8)
