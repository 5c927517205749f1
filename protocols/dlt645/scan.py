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
from protocols.dlt645.packed import PADDING, Bytes, Places, words

REASONS: Final = ("no frame", "check sum or end byte is wrong", "cut short")
"""Why bytes were no frame, as the reader tells it, by the number in `Noises.reason`."""
_NO_FRAME, _WRONG, _CUT = range(3)

_LEAST: Final = 10
"""Bytes up to and with the length, without which nothing is a start."""
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
    noises: Noises


def scan(padded: Bytes, offsets: Places) -> Scan:
    """Scan the messages in `padded`: message k is ``padded[offsets[k]:offsets[k + 1]]`` and is searched by itself.

    `padded` ends in `PADDING` bytes that belong to no message.
    """
    size = len(padded) - PADDING
    marks = padded[: size - 7 if size > 7 else 0] == START
    marks &= padded[7 : size if size > 7 else 7] == START
    start = np.flatnonzero(marks)
    message, limit = _messages(start, offsets)
    whole = start + _LEAST <= limit
    if not whole.all():
        start, message, limit = start[whole], message[whole], limit[whole]
    end = padded[start + 9] + (start + OVERHEAD)
    cut = end > limit
    sound = np.flatnonzero(_sound(padded, start, np.minimum(end, limit)) & ~cut)
    taken = sound[_leftmost(start[sound], end[sound])]
    noises = _noises(padded, _free(start[taken], end[taken], offsets), start, cut)
    return Scan(start[taken], end[taken], message[taken], noises)


def _messages(start: Places, offsets: Places) -> tuple[Places, Places]:
    """The message in which each place stands, and where that ends."""
    if len(offsets) == 2:
        return np.zeros(len(start), np.intp), np.full(len(start), offsets[1])
    message = np.searchsorted(offsets, start, side="right") - 1
    return message, offsets[message + 1]


def _sound(padded: Bytes, start: Places, end: Places) -> NDArray[np.bool_]:
    """Where end byte and check sum are right. Each stretch has ten bytes at least."""
    edges = np.empty((len(start), 2), np.intp)
    edges[:, 0] = start
    sums_at = end - 2
    edges[:, 1] = sums_at
    sound: NDArray[np.bool_] = padded[end - 1] == END
    if len(start):
        sound &= np.add.reduceat(padded, edges.ravel(), dtype=np.uint8)[::2] == padded[sums_at]
    return sound


def _leftmost(start: Places, end: Places) -> Places:
    """Which of the sound frames are taken: none that begins within one taken before it."""
    if not len(start) or (start[1:] >= end[:-1]).all():
        return np.arange(len(start))
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
    return np.flatnonzero(taken)


def _free(start: Places, end: Places, offsets: Places) -> tuple[Places, Places]:
    """The stretches between frames, and between a frame and the edges of its message; many are empty."""
    begin, stop = np.concatenate((offsets[:-1], end)), np.concatenate((start, offsets[1:]))
    if len(offsets) > 2:
        begin.sort(kind="stable")
        stop.sort(kind="stable")
    return begin, stop


def _noises(padded: Bytes, free: tuple[Places, Places], tried: Places, cut: NDArray[np.bool_]) -> Noises:
    """`tried` are all places where a frame could start, `cut` tells those where it does not end within its message."""
    begin, stop = free
    length = stop - begin
    first = words(padded)[begin]
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
