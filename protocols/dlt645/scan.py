"""Every frame and all noise in a buffer at once: what `FrameReader` finds when it is fed the buffer and then silence.

Where two sound frames overlap, the one that begins first is taken and the search goes on behind it; a start without
a sound frame costs one byte. All starts are looked at together, which of the sound ones overlap only where some do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from protocols.dlt645.frame import END, OVERHEAD, START
from protocols.dlt645.packed import (
    BEFORE,
    BEHIND,
    Bytes,
    Places,
    Words,
    blocks,
    lane_total,
    minus_33,
    pair_sums,
    surroundings,
    words,
)

REASONS: Final = ("no frame", "check sum or end byte is wrong", "cut short")
"""Why bytes were no frame, as the reader tells it, by the number in `Noises.reason`."""
_NO_FRAME, _WRONG, _CUT = range(3)

_LEAST: Final = 10
"""Bytes up to and with the length, without which nothing is a start."""
_BYTE: Final = np.uint64(0xFF)
_ADDRESS: Final = np.uint64(0xFFFFFFFFFFFF)
_8, _16, _48 = np.uint64(8), np.uint64(16), np.uint64(48)
_COLUMNS: Final = (
    np.intp, np.intp, np.intp, np.uint64, np.uint64, np.uint8, np.uint8, np.uint32, np.uint64,
)  # fmt: skip
_LOWEST: Final = np.array([(byte & -byte).bit_length() - 1 for byte in range(256)], np.intp)
"""The number of a byte's lowest bit."""
_FEW: Final = 500
_WAKE: Final = b"\xfe"
_WAKES: Final = np.uint64(0xFEFEFEFEFEFEFEFE)
_MASKS: Final = np.array([(1 << (8 * count)) - 1 for count in range(9)], np.uint64)
"""So many bytes of a word, from the first one on."""
_WITHIN: Final = tuple(_MASKS[np.clip(np.arange(266) - begin, 0, 8)] for begin in (8, 16))
"""By the number of bytes: which of them stand in the second and third word."""
_LAST: Final = ~_MASKS[::-1]
"""So many bytes of a word, from the last one back."""


@dataclass(frozen=True, slots=True)
class Noises:
    """Stretches of bytes that were no frame; a stretch of nothing but FE is none."""

    start: Places
    end: Places
    reason: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Scan:
    """A row for each frame: where it stands, in which message, what its head says; and what else was there."""

    start: Places
    end: Places
    message: Places
    address: Words
    control: NDArray[np.uint8]
    length: NDArray[np.uint8]
    identifier: NDArray[np.uint32]
    """The first four bytes of data, 33H taken off, low byte first; anything where there are less."""
    value: Words
    """The eight bytes behind the identifier as they stand, or what stands behind the frame where it has less."""
    noises: Noises


def scan(room: Bytes, offsets: Places) -> Scan:
    """Scan the messages in the buffer in `room` (see `padded`): message k, from ``offsets[k]`` to ``offsets[k + 1]``,
    is searched by itself."""
    raw = room[BEFORE:-BEHIND]
    start = _starts(raw)
    message, limit = _messages(start, offsets)
    whole = start + _LEAST <= limit
    if not whole.all():
        start, message = start[whole], message[whole]
        limit = limit[whole] if limit.ndim else limit
    columns: list[NDArray[Any]] = [np.empty(len(start), kind) for kind in _COLUMNS]
    failed = [(np.zeros(0, np.intp), np.zeros(0, np.bool_))]
    filled = done = 0
    for block in blocks(len(start)):
        begin, until = start[block], limit[block] if limit.ndim else limit
        before, first, second, third = surroundings(room, begin)
        size = ((second >> _8) & _BYTE).view(np.intp)
        size += _LEAST
        stop = begin + size
        stop += OVERHEAD - _LEAST
        cut = stop > until
        if cut.any():
            size[cut] = 0
            np.minimum(stop, until, out=stop)
        sound = raw[stop - 1] == END
        sound &= _sums(room, begin, size, (first, second, third)) == raw[stop - 2]
        sound &= ~cut
        good, bad = np.flatnonzero(sound), np.flatnonzero(~sound)
        failed.append((begin[bad], cut[bad]))
        good = good[_leftmost(begin[good], stop[good], done)]
        if not len(good):
            continue
        second = second[good]
        content = (
            begin[good],
            stop[good],
            message[block][good] if len(offsets) > 2 else 0,
            before[good],
            (first[good] >> _8) & _ADDRESS,
            second.astype(np.uint8),
            (second >> _8).astype(np.uint8),
            (minus_33(second) >> _16).astype(np.uint32),
            (second >> _48) | (third[good] << _16),
        )
        for column, part in zip(columns, content, strict=True):
            column[filled : filled + len(good)] = part
        filled += len(good)
        done = int(stop[good[-1]])
    begin, stop, message, before, address, control, length, identifier, value = (c[:filled] for c in columns)
    tried, cut = (np.concatenate(column) for column in zip(*failed, strict=True))
    noises = _noises(*_stretches(raw, begin, stop, message, before, offsets), tried, cut)
    return Scan(begin, stop, message, address, control, length, identifier, value, noises)


def _starts(raw: Bytes) -> Places:
    """Where 68H stands and 68H again seven bytes on: eight places a byte, of which few are not zero."""
    size = max(len(raw) - 7, 0)
    marks = raw[:size] == START
    marks &= raw[7 : size + 7] == START
    eights = np.packbits(marks, bitorder="little")
    place = np.flatnonzero(eights != 0)
    found = eights[place]
    start = (place << 3) + _LOWEST[found]
    found &= found - np.uint8(1)  # the lowest is told
    rest = np.flatnonzero(found != 0)
    if len(rest):  # so near, all but one are false
        row, bit = np.unpackbits(found[rest, np.newaxis], axis=1, bitorder="little").nonzero()
        start = np.sort(np.concatenate((start, (place[rest[row]] << 3) + bit)), kind="stable")
    return start


def _messages(start: Places, offsets: Places) -> tuple[Places, Places]:
    """The message in which each place stands, and where that ends (of a single message, once)."""
    if len(offsets) == 2:
        return np.zeros(len(start), np.intp), offsets[1:].reshape(())
    message = np.searchsorted(offsets, start, side="right") - 1
    return message, offsets[message + 1]


def _sums(room: Bytes, start: Places, size: Places, three: Sequence[Words]) -> Bytes:
    """The sum, modulo 256, of `size` bytes from `start` on, where the words `three` stand: ten at least, or none.

    A word at a time for all, as long as they are many; what the few longest have left, one by one.
    """
    lanes = pair_sums(three[0])
    begin = 8
    for word, within in zip(three[1:], _WITHIN, strict=True):
        lanes += pair_sums(word & within[size])
        begin += 8
    rows = np.flatnonzero(size > begin)
    at = words(room)
    while len(rows) > _FEW:
        left = size[rows] - begin
        lanes[rows] += pair_sums(at[start[rows] + begin] & _MASKS[np.minimum(left, 8)])
        rows = rows[left > 8]
        begin += 8
    sums = lane_total(lanes)
    if len(rows):
        edges = np.empty((len(rows), 2), np.intp)
        edges[:, 0], edges[:, 1] = start[rows] + begin, start[rows] + size[rows]
        sums[rows] += np.add.reduceat(room[BEFORE:], edges.ravel(), dtype=np.uint8)[::2]
    return sums


def _leftmost(start: Places, end: Places, done: int) -> slice | Places:
    """Those of the sound frames that are taken: none that begins before `done` or within one taken before it."""
    free = int(np.searchsorted(start, done)) if len(start) and start[0] < done else 0
    crowded = np.flatnonzero(start[1:] < end[:-1])
    if not len(crowded):
        return slice(free, None)
    taken = np.ones(len(start), np.bool_)
    taken[:free] = False
    for row in crowded.tolist():
        if taken[row]:
            taken[row + 1 : np.searchsorted(start, end[row])] = False
    return np.flatnonzero(taken)


def _stretches(
    raw: Bytes, start: Places, end: Places, message: Places, before: Words, offsets: Places
) -> tuple[Places, Places]:
    """The noise: what stands before frames, `before` being its last eight bytes, and behind the last of a message."""
    begin = np.concatenate((offsets[:1], end[:-1]))[: len(start)]
    if len(offsets) > 2:
        begin = np.maximum(begin, offsets[message])
    length = start - begin
    noisy = (before ^ _WAKES) & _LAST[np.minimum(length, 8)] != 0
    far = np.flatnonzero((length > 8) & ~noisy)
    noisy[far] = [_is_noise(raw, *edges) for edges in zip(begin[far].tolist(), start[far].tolist(), strict=True)]
    rows = np.flatnonzero(noisy)
    last = np.searchsorted(message, np.arange(len(offsets) - 1), side="right") - 1
    tail = offsets[:-1].copy()
    some = last >= 0
    tail[some] = np.maximum(tail[some], end[last[some]])
    behind = [row for row in np.flatnonzero(tail < offsets[1:]).tolist() if _is_noise(raw, tail[row], offsets[row + 1])]
    begin = np.concatenate((begin[rows], tail[behind]))
    order = np.argsort(begin, kind="stable")
    return begin[order], np.concatenate((start[rows], offsets[1:][behind]))[order]


def _noises(begin: Places, stop: Places, failed: Places, cut: NDArray[np.bool_]) -> Noises:
    """`failed` are the places where a frame could have started, `cut` tells those where it was cut short."""
    reason = np.full(len(begin), _NO_FRAME, np.uint8)
    if len(failed):
        last = np.searchsorted(failed, stop) - 1  # -1, the very last, where there is none before: not within either
        within = (failed[last] >= begin) & (failed[last] < stop)
        reason[within] = np.where(cut[last], _CUT, _WRONG)[within]
    return Noises(begin, stop, reason)


def _is_noise(raw: Bytes, begin: int, stop: int) -> bool:
    return bool(raw[begin:stop].tobytes().strip(_WAKE))
