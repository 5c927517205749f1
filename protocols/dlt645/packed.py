"""Up to eight bytes at once in 64-bit words: the arithmetic of a frame for many frames in one go.

A word holds bytes as they stand on the wire, low byte first, so a packed BCD number in it reads as hex.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
Places = NDArray[np.intp]

BEFORE: Final = 8
BEHIND: Final = 24
"""Bytes that stand before and behind a buffer, so that words around any of its bytes can be taken."""

_BLOCK: Final = 32_768

_HIGH: Final = np.uint64(0x8080808080808080)
_33: Final = np.uint64(0x3333333333333333)
_33_HIGH: Final = np.uint64(0x3333333333333333 ^ 0xFFFFFFFFFFFFFFFF) & _HIGH
_NIBBLE_HIGH: Final = np.uint64(0x8888888888888888)
_1, _2, _4, _8, _16, _32, _48 = (np.uint64(count) for count in (1, 2, 4, 8, 16, 32, 48))
_EVEN: Final = np.uint64(0x00FF00FF00FF00FF)
_LANES: Final = np.uint64(0x0001000100010001)

_FOUR_BYTES: Final = 0xFFFFFFFF

# Adjacent digits, then pairs, then fours: what the upper half of each weighs too much in a binary reading.
_STEPS: Final = (
    (_4, np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(16 - 10)),
    (_8, _EVEN, np.uint64(256 - 100)),
    (_16, np.uint64(0x0000FFFF0000FFFF), np.uint64(65536 - 10_000)),
    (_32, np.uint64(_FOUR_BYTES), np.uint64(2**32 - 10**8)),
)


def blocks(count: int) -> Iterator[slice]:
    """`count` rows in stretches whose columns stay in a core's cache."""
    return (slice(begin, min(begin + _BLOCK, count)) for begin in range(0, count, _BLOCK))


def padded(raw: Bytes) -> Bytes:
    """A copy of `raw` with room around it."""
    room = np.zeros(BEFORE + len(raw) + BEHIND, np.uint8)
    room[BEFORE : BEFORE + len(raw)] = raw
    return room


def words(room: Bytes) -> Words:
    """The word that begins at each byte of the buffer in `room`: a view, made to be indexed by places."""
    return np.ndarray((len(room) - BEFORE - 7,), dtype="<u8", buffer=room.data, offset=BEFORE, strides=(1,))


def surroundings(room: Bytes, places: Places) -> tuple[Words, ...]:
    """The word before each of `places` and the three from there on: 32 bytes copied cost no more than eight."""
    count = len(room) - BEFORE - BEHIND + 1
    found = np.ndarray((count,), dtype="V32", buffer=room.data, strides=(1,))[places].view("<u8").reshape(-1, 4)
    return tuple(np.ascontiguousarray(found.T))


def minus_33(raw: Words) -> Words:
    """Each byte less 33H, modulo 256: no borrow passes from byte to byte."""
    differs = raw & _HIGH
    differs ^= _33_HIGH
    less = raw | _HIGH
    less -= _33
    less ^= differs
    return less


def not_bcd(packed: Words) -> NDArray[np.bool_]:
    """Where a nibble is above 9."""
    above = packed << _1
    above |= packed << _2
    above &= packed
    above &= _NIBBLE_HIGH
    found: NDArray[np.bool_] = above != 0
    return found


def binary(packed: Words) -> Words:
    """The numbers that packed BCD words spell: at most 16 digits. Wrong where `not_bcd`."""
    number = packed.copy()
    short = not len(packed) or packed.max() <= _FOUR_BYTES
    for shift, mask, excess in _STEPS[:3] if short else _STEPS:
        upper = number >> shift
        upper &= mask
        upper *= excess
        number -= upper
    return number


def pair_sums(raw: Words) -> Words:
    """The sums of neighbouring bytes, four in a word of four lanes; words of up to 128 such sums can be added."""
    sums = raw >> _8
    sums &= _EVEN
    sums += raw & _EVEN
    return sums


def lane_total(sums: Words) -> Bytes:
    """The sum of the four lanes, modulo 256."""
    return ((sums * _LANES) >> _48).astype(np.uint8)
