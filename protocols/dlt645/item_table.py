"""The items that a batch decoder has met, as columns: where each part stands and how its number is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocols.dlt645.formats import Bits, Number
from protocols.dlt645.item import Item
from protocols.dlt645.packed import Places, Words
from protocols.errors import BadAnswer, ModelError
from protocols.model import Part

Identifiers = NDArray[np.uint32]

LENGTHS: Final = 256
UNKNOWN: Final = 0
"""The row of identifiers that name no item."""

_MOST_DATA: Final = 251
"""Bytes of an answer behind the identifier."""
_SLOT_BITS: Final = np.uint32(16)
_SPREAD: Final = np.uint32(2654435761)
"""Multiplied, an identifier's upper bits depend on all of it (Knuth's multiplicative hashing)."""
_WIDEST_BITS: Final = 7
"""Bytes of a word of bits that is never negative as a signed 64-bit number."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A row for each part of each item that has no shape of its own. Rows are only ever added."""

    offset: Places
    """From the first byte behind the identifier."""
    mask: Words
    """The part's bytes in a word."""
    digits: Words
    """The same without the bit that is the sign."""
    is_bits: NDArray[np.bool_]
    """A word of bits, neither BCD nor ever "nothing"."""


@dataclass(frozen=True, slots=True)
class Items:
    """A row for each item; row 0 is the unknown one."""

    code: Identifiers
    first: Places
    """The row of the item's first part."""
    counts: NDArray[np.uint8]
    """Parts in an answer by row and bytes of data, ``counts[row * LENGTHS + bytes]``: 0 where it cannot be so long."""
    numeric: NDArray[np.bool_]
    """All parts are numbers that a word holds, one behind the other."""


class ItemTable:
    """Grows by the items that are asked for; unknown identifiers are looked up again each time and not kept."""

    def __init__(self, lookup: Callable[[str], Item]) -> None:
        self._lookup = lookup
        self._row: dict[int, int] = {}
        self._slots = np.zeros(1 << int(_SLOT_BITS), np.intp)
        self.parts: tuple[Part, ...] = ()
        self.has_bits = False
        none = np.zeros(0, np.intp)
        self.part_columns = Parts(none, none.astype(np.uint64), none.astype(np.uint64), none.astype(np.bool_))
        self.items = Items(
            np.zeros(1, np.uint32), np.zeros(1, np.intp), np.zeros(LENGTHS, np.uint8), np.zeros(1, np.bool_)
        )

    def rows(self, identifiers: Identifiers) -> Places:
        """The row of each identifier, `UNKNOWN` where there is no such item."""
        found = self._slots[_slot(identifiers)]
        missed = np.flatnonzero((self.items.code[found] != identifiers) | (found == UNKNOWN))
        if len(missed):  # new, unknown, or two identifiers that share a slot
            distinct, which = np.unique(identifiers[missed], return_inverse=True)
            self._add([code for code in distinct.tolist() if code not in self._row])
            found[missed] = np.array([self._row.get(code, UNKNOWN) for code in distinct.tolist()], np.intp)[which]
        return found

    def _add(self, codes: list[int]) -> None:
        added = []
        for code in codes:
            try:
                added.append((code, self._lookup(f"{code:08X}")))
            except ModelError:  # the caller is told by the row UNKNOWN
                continue
        if not added:
            return
        row, first = len(self.items.code), len(self.parts)
        firsts: list[int] = []
        rows: list[tuple[int, int, int, bool]] = []
        for code, item in added:
            self._row[code] = row + len(firsts)
            firsts.append(first + len(rows))
            rows += _rows(item)
        self.parts += tuple(part for _, item in added if item.shape is None for part, _ in item.parts)
        old = self.part_columns
        self.part_columns = Parts(
            np.concatenate((old.offset, np.array([row[0] for row in rows], np.intp))),
            np.concatenate((old.mask, np.array([row[1] for row in rows], np.uint64))),
            np.concatenate((old.digits, np.array([row[2] for row in rows], np.uint64))),
            np.concatenate((old.is_bits, np.array([row[3] for row in rows], np.bool_))),
        )
        self.has_bits = bool(self.part_columns.is_bits.any())
        new = np.array([code for code, _ in added], np.uint32)
        counts = [_counts(item) for _, item in added]
        numeric = np.array([_is_numeric(item) for _, item in added], np.bool_)
        self.items = Items(
            np.concatenate((self.items.code, new)),
            np.concatenate((self.items.first, np.array(firsts, np.intp))),
            np.concatenate((self.items.counts, *counts)),
            np.concatenate((self.items.numeric, numeric)),
        )
        slots = _slot(new)
        vacant = self._slots[slots] == UNKNOWN
        self._slots[slots[vacant]] = np.arange(row, row + len(new))[vacant]


def _slot(identifiers: Identifiers) -> Identifiers:
    return (identifiers * _SPREAD) >> (np.uint32(32) - _SLOT_BITS)


def _is_number(form: object) -> bool:
    return type(form) is Number or (type(form) is Bits and form.length <= _WIDEST_BITS)


def _is_numeric(item: Item) -> bool:
    return item.shape is None and all(_is_number(form) for _, form in item.parts)


def _rows(item: Item) -> list[tuple[int, int, int, bool]]:
    """Offset, mask, digits and whether it is bits, part by part; masks of nothing where the part is no number."""
    rows: list[tuple[int, int, int, bool]] = []
    if item.shape is not None:
        return rows
    offset = 0
    for _, form in item.parts:
        width = 8 * form.length
        mask = (1 << width) - 1 if _is_number(form) else 0
        signed = isinstance(form, Number) and form.signed
        rows.append((offset, mask, mask >> 1 if signed else mask, isinstance(form, Bits)))
        offset += form.length
    return rows


def _counts(item: Item) -> NDArray[np.uint8]:
    """How many parts an answer of each length has: FF..FF is decodable as every part, so the item itself tells.

    A shape alone knows what is right: any length is worth asking it.
    """
    counts = np.zeros(LENGTHS, np.uint8)
    if item.shape is not None:
        counts[: _MOST_DATA + 1] = 1
        return counts
    length = 0
    for _, form in item.parts:
        length += form.length
        if length >= LENGTHS:
            break
        try:
            counts[length] = len(item.decode(b"\xff" * length))
        except BadAnswer:  # not a length that it can have
            continue
    return counts
