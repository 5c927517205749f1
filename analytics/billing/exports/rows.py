"""Text of many rows at once: each field is a matrix of bytes and a mask of which of them are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from analytics.billing.exports.series import UNKNOWN, Ints

Matrix = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Field = tuple[Matrix, Mask | None]
"""Rows by bytes; no mask: all are kept."""

_NONE: Final = 0xFF
"""A byte that no UTF-8 holds, in place of those that are not kept: bytes drop it faster than a mask does."""
MOST: Final = 16_384
"""Rows that are worth building together: more needs memory, not time."""


def rows(count: int, fields: Sequence[bytes | Field]) -> bytes:
    """`count` rows, each the fields one after another. Constant bytes stand for themselves."""
    widths = [len(field) if isinstance(field, bytes) else field[0].shape[1] for field in fields]
    text = np.empty((count, sum(widths)), dtype=np.uint8)
    at = 0
    for field, width in zip(fields, widths, strict=True):
        part = text[:, at : at + width]
        if isinstance(field, bytes):
            part[:] = np.frombuffer(field, dtype=np.uint8)
        else:
            part[:] = field[0]
            if field[1] is not None:
                part[~field[1]] = _NONE
        at += width
    return text.tobytes().translate(None, bytes([_NONE]))


def number(values: Ints, decimals: int = 0) -> Field:
    """Counts of 10^-decimals as plain decimals, a minus before those below zero."""
    magnitude = np.abs(values)
    largest = int(magnitude.max(initial=0))
    negative = values < 0
    whole = max(len(str(largest)) - decimals, 1)
    digits = figures(magnitude, whole + decimals)
    kept = np.ones(digits.shape, dtype=np.bool_)
    for at in range(whole - 1):
        kept[:, at] = magnitude >= 10 ** (whole + decimals - 1 - at)
    sign = np.full((len(values), 1), ord("-"), dtype=np.uint8)
    if not decimals:
        return np.hstack((sign, digits)), np.hstack((negative[:, None], kept))
    point = np.full((len(values), 1), ord("."), dtype=np.uint8)
    always = np.ones((len(values), 1), dtype=np.bool_)
    return (
        np.hstack((sign, digits[:, :whole], point, digits[:, whole:])),
        np.hstack((negative[:, None], kept[:, :whole], always, kept[:, whole:])),
    )


def time(seconds: Ints | None, count: int) -> Field:
    """``2026-11-23T00:15:00Z``; nothing where it is not known."""
    if seconds is None:
        return np.empty((count, 0), dtype=np.uint8), None
    days, within = np.divmod(seconds, 86_400)
    which, index = np.unique(days, return_inverse=True)
    dates = b"".join(b"%sT" % str(day).encode() for day in which.astype("datetime64[D]"))
    matrix = np.empty((count, 20), dtype=np.uint8)
    matrix[:, :11] = np.frombuffer(dates, dtype=np.uint8).reshape(-1, 11)[index]
    matrix[:, 11:20] = np.frombuffer(b"  :  :  Z", dtype=np.uint8)
    for at, part in ((11, within // 3600), (14, within // 60 % 60), (17, within % 60)):
        matrix[:, at : at + 2] = figures(part, 2)
    unknown = seconds == UNKNOWN
    return matrix, np.broadcast_to(~unknown[:, None], matrix.shape) if unknown.any() else None


def choice(texts: Sequence[bytes], index: Ints) -> Field:
    """Of each row that text which `index` names."""
    width = max(map(len, texts))
    table = np.frombuffer(b"".join(text.ljust(width) for text in texts), dtype=np.uint8).reshape(len(texts), width)
    lengths = np.array([len(text) for text in texts])
    if len(texts) == 1:
        return np.broadcast_to(table, (len(index), width)), None
    return table[index], np.arange(width) < lengths[index, None]


def figures(values: Ints, width: int) -> Matrix:
    """The last `width` decimal digits of values that are not below zero."""
    matrix = np.empty((len(values), width), dtype=np.uint8)
    rest: npt.NDArray[np.unsignedinteger] = values.astype(np.uint32 if width <= 9 else np.uint64)
    for at in range(width - 1, -1, -1):
        tens = rest // 10
        matrix[:, at] = rest - tens * 10 + ord("0")
        rest = tens
    return matrix
