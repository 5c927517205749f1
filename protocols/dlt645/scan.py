"""Every frame and all noise in a buffer at once: what `FrameReader` finds when it is fed the buffer and then silence.

Where two sound frames overlap, the one that begins first is taken and the search goes on behind it; a start without
a sound frame costs one byte. All starts are looked at together, which of the sound ones overlap only where some do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocols.dlt645.frame import END, OVERHEAD, START
from protocols.dlt645.packed import PADDING, Bytes, Places, Words, blocks, lane_total, pair_sums, words

REASONS: Final = ("no frame", "check sum or end byte is wrong", "cut short")
"""Why bytes were no frame, as the reader tells it, by the number in `Noises.reason`."""
_NO_FRAME, _WRONG, _CUT = range(3)

_LEAST: Final = 10
"""Bytes up to and with the length, without which nothing is a start."""
_BYTE: Final = np.uint64(0xFF)
_1, _8, _56 = np.uint64(1), np.uint64(8), np.uint64(56)
_WHICH: Final = np.uint64(0x0001020304050607)
"""Times a word of which only the lowest bit of one byte is set: the number of that byte comes to stand highest."""
_FEW: Final = 500
_WAKE: Final = b"\xfe"
_WAKES: Final = np.uint64(0xFEFEFEFEFEFEFEFE)
_MASKS: Final = np.array([(1 << (8 * count)) - 1 for count in range(9)], np.uint64)


@dataclass(frozen=True, slots=True)
class Noises:
    """Stretches of bytes that were no frame; a stretch of nothing but FE is none."""

    start: Places
    end: Places
    reason: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Scan:
    """Where frames begin and end, the message that each stands in, and what else was there."""

    start: Places
    end: Places
    message: Places
    first: Words
    """The frames' bytes 68, A0..A5, 68."""
    second: Words
    """C, L and six bytes of data, or what stands behind the frame where it has less."""
    noises: Noises


def scan(padded: Bytes, offsets: Places) -> Scan:
    """Scan the messages in `padded`: message k is ``padded[offsets[k]:offsets[k + 1]]`` and is searched by itself.

    `padded` ends in `PADDING` bytes that belong to no message.
    """
    at = words(padded)
    start = _starts(padded)
    message, limit = _messages(start, offsets)
    whole = start + _LEAST <= limit
    if not whole.all():
        start, message = start[whole], message[whole]
        limit = limit[whole] if limit.ndim else limit
    count = len(start)
    first, second, end = np.empty(count, np.uint64), np.empty(count, np.uint64), np.empty(count, np.intp)
    cut, sound = np.empty(count, np.bool_), np.empty(count, np.bool_)
    for block in blocks(count):
        begin, until = start[block], limit[block] if limit.ndim else limit
        first[block], second[block] = at[begin], at[begin + 8]
        size = ((second[block] >> _8) & _BYTE).view(np.intp)
        size += _LEAST
        stop = begin + size
        stop += OVERHEAD - _LEAST
        short = stop > until
        size[short] = 0
        np.minimum(stop, until, out=stop)
        good = _sums(padded, begin, size, first[block], second[block]) == padded[stop - 2]
        good &= padded[stop - 1] == END
        good &= ~short
        end[block], cut[block], sound[block] = stop, short, good
    taken = _leftmost(start, end, np.flatnonzero(sound))
    noises = _noises(at, padded, _free(start[taken], end[taken], offsets), start, cut)
    return Scan(start[taken], end[taken], message[taken], first[taken], second[taken], noises)


def _starts(padded: Bytes) -> Places:
    """Where 68H stands and 68H again seven bytes on: told by one byte for each place, looked for eight at a time."""
    size = max(len(padded) - PADDING - 7, 0)
    marks = np.zeros((size + 7) // 8 * 8, np.bool_)
    np.equal(padded[:size], START, out=marks[:size])
    marks[:size] &= padded[7 : size + 7] == START
    eights = marks.view("<u8")
    place = np.flatnonzero(eights != 0)
    found = eights[place]
    starts = []
    while len(place):
        rest = found & (found - _1)
        starts.append((place << 3) + (((found ^ rest) * _WHICH) >> _56).view(np.intp))
        more = np.flatnonzero(rest)
        place, found = place[more], rest[more]
    if len(starts) < 2:
        return starts[0] if starts else np.zeros(0, np.intp)
    return np.sort(np.concatenate(starts), kind="stable")


def _messages(start: Places, offsets: Places) -> tuple[Places, Places]:
    """The message in which each place stands, and where that ends (of a single message, once)."""
    if len(offsets) == 2:
        return np.zeros(len(start), np.intp), offsets[1:].reshape(())
    message = np.searchsorted(offsets, start, side="right") - 1
    return message, offsets[message + 1]


def _sums(padded: Bytes, start: Places, size: Places, first: Words, second: Words) -> Bytes:
    """The sum, modulo 256, of `size` bytes from `start` on: ten at least, or none, which gives anything.

    A word at a time for all, as long as they are many; what the few longest have left, one by one.
    """
    at = words(padded)
    lanes = pair_sums(first)
    lanes += pair_sums(second & _MASKS[np.minimum(size - 8, 8)])
    begin = 16
    rows = np.flatnonzero(size > begin)
    while len(rows) > _FEW:
        left = size[rows] - begin
        lanes[rows] += pair_sums(at[start[rows] + begin] & _MASKS[np.minimum(left, 8)])
        rows = rows[left > 8]
        begin += 8
    sums = lane_total(lanes)
    if len(rows):
        edges = np.empty((len(rows), 2), np.intp)
        edges[:, 0], edges[:, 1] = start[rows] + begin, start[rows] + size[rows]
        sums[rows] += np.add.reduceat(padded, edges.ravel(), dtype=np.uint8)[::2]
    return sums


def _leftmost(start: Places, end: Places, sound: Places) -> Places:
    """Those of the sound frames that are taken: none that begins within one taken before it."""
    start, end = start[sound], end[sound]
    if not len(sound) or (start[1:] >= end[:-1]).all():
        return sound
    reach = np.maximum.accumulate(end)
    heads = np.flatnonzero(np.concatenate(([True], start[1:] >= reach[:-1])))  # begins behind all that came before
    tails = np.append(heads[1:], len(start))
    taken = np.zeros(len(start), np.bool_)
    crowded = tails - heads > 1
    taken[heads[~crowded]] = True
    for head, tail in zip(heads[crowded].tolist(), tails[crowded].tolist(), strict=True):
        done = 0
        for index, begin, stop in zip(
            range(head, tail), start[head:tail].tolist(), end[head:tail].tolist(), strict=True
        ):
            if begin >= done:
                taken[index] = True
                done = stop
    return sound[taken]


def _free(start: Places, end: Places, offsets: Places) -> tuple[Places, Places]:
    """The stretches between frames, and between a frame and the edges of its message; many are empty."""
    begin, stop = np.concatenate((offsets[:-1], end)), np.concatenate((start, offsets[1:]))
    if len(offsets) > 2:
        begin.sort(kind="stable")
        stop.sort(kind="stable")
    return begin, stop


def _noises(at: Words, padded: Bytes, free: tuple[Places, Places], tried: Places, cut: NDArray[np.bool_]) -> Noises:
    """`tried` are all places where a frame could start, `cut` tells those where it does not end within its message."""
    begin, stop = free
    length = stop - begin
    first = at[begin]
    first ^= _WAKES
    first &= _MASKS[np.minimum(length, 8)]
    noisy = first != 0
    if length.max() > 8:
        for index in np.flatnonzero((length > 8) & ~noisy).tolist():
            noisy[index] = bool(padded[begin[index] : stop[index]].tobytes().strip(_WAKE))
    rows = np.flatnonzero(noisy)
    begin, stop = begin[rows], stop[rows]
    reason = np.full(len(rows), _NO_FRAME, np.uint8)
    if len(tried):
        last = np.searchsorted(tried, stop) - 1  # -1, the very last, where there is none before: not within either
        within = (tried[last] >= begin) & (tried[last] < stop)
        reason[within] = np.where(cut[last], _CUT, _WRONG)[within]
    return Noises(begin, stop, reason)
