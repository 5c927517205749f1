"""Text of many rows at once: constant bytes, columns of as many bytes a row, and choices among a few texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analytics.billing.exports.series import UNKNOWN, Ints

Matrix = npt.NDArray[np.uint8]

_NONE: Final = 0xFF
"""A byte that no UTF-8 holds, in place of those that are not kept: bytes drop it faster than a mask does."""
MOST: Final = 16_384
"""Rows that are worth building together: more needs memory, not time."""
_DAY_S: Final = 86_400
_RUN: Final = 8
"""Rows of one choice in a row from which on it is cheaper to cut texts out than to drop what is not kept."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Rows by bytes. `ragged`: some are not kept."""

    matrix: Matrix
    ragged: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """Of each row that text which `index` names."""

    texts: Sequence[bytes]
    index: Ints


Field = bytes | Cells | Choice


def rows(count: int, fields: Sequence[Field]) -> bytes:
    """`count` rows, each the fields one after another. Bytes are the same in all; choices have one index."""
    choice = next((field for field in fields if isinstance(field, Choice) and len(field.texts) > 1), None)
    ragged = any(isinstance(field, Cells) and field.ragged for field in fields)
    if choice is None:
        text: bytes | bytearray = _built(count, [_of(field, 0) for field in fields])
    else:
        edges = np.flatnonzero(np.diff(choice.index)) + 1
        if len(edges) * _RUN <= count:
            text = _cut(count, fields, choice.index, edges)
        else:
            text, ragged = _built(count, [_padded(field) for field in fields]), True
    return bytes(text.translate(None, bytes([_NONE])) if ragged else text)


def labels(texts: Sequence[bytes], which: npt.NDArray[np.intp]) -> bytes | Cells:
    """Of each row that text which `which` names, where rows of one text stand together in runs of any length."""
    if all(text == texts[0] for text in texts):
        return texts[0]
    return _padded(Choice(texts, which))


def number(values: Ints, decimals: int = 0) -> Cells:
    """Counts of 10^-decimals as plain decimals, a minus before those below zero."""
    magnitude = np.abs(values)
    whole = max(len(str(int(magnitude.max(initial=0)))) - decimals, 1)
    negative = values < 0
    sign = int(negative.any())
    matrix = np.empty((len(values), sign + whole + (decimals + 1 if decimals else 0)), dtype=np.uint8)
    if sign:
        matrix[:, 0] = np.where(negative, ord("-"), _NONE)
    if decimals:
        matrix[:, sign + whole] = ord(".")
    places = [*range(sign, sign + whole), *range(sign + whole + 1, matrix.shape[1])]
    _figures(magnitude, matrix, places)
    for at in range(whole - 1):
        matrix[magnitude < 10 ** (whole + decimals - 1 - at), sign + at] = _NONE
    return Cells(matrix, bool(sign) or whole > 1)


def time(seconds: Ints | None, count: int) -> Field:
    """``2026-11-23T00:15:00Z``; nothing where it is not known."""
    if seconds is None:
        return b""
    days, within = np.divmod(seconds, _DAY_S)
    first, last = int(days.min(initial=0)), int(days.max(initial=0))
    if last - first < MOST:
        which, index = np.arange(first, last + 1), days - first
    else:
        which, index = np.unique(days, return_inverse=True)
    dates = np.frombuffer(b"".join(b"%sT" % str(day).encode() for day in which.astype("datetime64[D]")), dtype="V11")
    both = np.empty(count, dtype=[("date", "V11"), ("clock", "V9")])
    both["date"] = np.take(dates, index)
    both["clock"] = np.take(_clocks(), within)
    matrix = both.view(np.uint8).reshape(count, 20)
    unknown = seconds == UNKNOWN
    if not unknown.any():
        return Cells(matrix)
    matrix[unknown] = _NONE
    return Cells(matrix, ragged=True)


@cache
def _clocks() -> npt.NDArray[np.void]:
    """``00:15:00Z`` of each second of a day."""
    second = np.arange(_DAY_S)
    matrix = np.empty((_DAY_S, 9), dtype=np.uint8)
    matrix[:] = np.frombuffer(b"  :  :  Z", dtype=np.uint8)
    for at, part in ((0, second // 3600), (3, second // 60 % 60), (6, second % 60)):
        _figures(part, matrix, [at, at + 1])
    return _wide(matrix)


def _built(count: int, fields: Sequence[bytes | Cells]) -> bytearray:
    """Every row from the constant bytes, then the columns over it."""
    template = b"".join(field if isinstance(field, bytes) else bytes(field.matrix.shape[1]) for field in fields)
    text = bytearray(template) * count
    places: dict[str, tuple[int, Matrix]] = {}
    at = 0
    for number_, field in enumerate(fields):
        if isinstance(field, Cells):
            places[str(number_)] = (at, field.matrix)
            at += field.matrix.shape[1]
        else:
            at += len(field)
    if places and count:
        kind: Any = {
            "names": list(places),
            "formats": [f"V{matrix.shape[1]}" for _, matrix in places.values()],
            "offsets": [offset for offset, _ in places.values()],
            "itemsize": len(template),
        }
        whole = np.frombuffer(text, dtype=np.dtype(kind))
        for name, (_, matrix) in places.items():
            whole[name] = _wide(matrix)
    return text


def _cut(count: int, fields: Sequence[Field], index: Ints, edges: npt.NDArray[np.intp]) -> bytearray:
    """Rows of each choice built together, and put back into their order run by run."""
    counts = np.bincount(index)
    usual = int(counts.argmax())
    blocks, widths, taken = {}, {}, {}
    for chosen in np.flatnonzero(counts).tolist():
        own = None if chosen == usual else index == chosen
        length = count if own is None else int(counts[chosen])
        block = _built(length, [_of(field, chosen, own) for field in fields])
        blocks[chosen], widths[chosen], taken[chosen] = memoryview(block), len(block) // length, 0
    parts = []
    bounds = [0, *edges.tolist(), count]
    for (low, high), chosen in zip(pairwise(bounds), index[bounds[:-1]].tolist(), strict=True):
        width = widths[chosen]
        start = low if chosen == usual else taken[chosen]
        parts.append(blocks[chosen][start * width : (start + high - low) * width])
        taken[chosen] = start + high - low
    return bytearray().join(parts)


def _of(field: Field, chosen: int, own: npt.NDArray[np.bool_] | None = None) -> bytes | Cells:
    """A field of rows that have one choice."""
    if isinstance(field, Choice):
        return field.texts[chosen if len(field.texts) > 1 else 0]
    if isinstance(field, Cells) and own is not None:
        return Cells(field.matrix[own])
    return field


def _padded(field: Field) -> bytes | Cells:
    if not isinstance(field, Choice):
        return field
    lengths = set(map(len, field.texts))
    width = max(lengths)
    table = np.frombuffer(b"".join(text.ljust(width, bytes([_NONE])) for text in field.texts), dtype=f"V{width}")
    index = field.index if len(field.texts) > 1 else np.zeros_like(field.index)
    return Cells(np.take(table, index).view(np.uint8).reshape(len(index), width), len(lengths) > 1)


def _wide(matrix: Matrix) -> npt.NDArray[np.void]:
    """Each row as one value: that is copied at once."""
    return np.ascontiguousarray(matrix).view(f"V{matrix.shape[1]}").ravel()


def _figures(values: npt.NDArray[np.integer], matrix: Matrix, places: Sequence[int]) -> None:
    """The last decimal digits of values that are not below zero, at those places of each row."""
    is_small = int(values.max(initial=0)) < 2**32
    rest: npt.NDArray[np.unsignedinteger] = values.astype(np.uint32 if is_small else np.uint64)
    for place in reversed(places):
        tens = rest // 10
        matrix[:, place] = rest - tens * 10 + ord("0")
        rest = tens
