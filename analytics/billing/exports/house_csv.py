"""The house format as CSV: UTF-8, a heading, lines end in LF, exact decimals, times in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from analytics.billing.exports.house import COLUMNS, reason
from analytics.billing.exports.rows import MOST, Choice, labels, number, rows, time
from analytics.billing.exports.series import UNKNOWN, Batch, Flag, Ints, Series, within


def write(series: Iterable[Series], batch: Batch) -> Iterator[bytes]:
    """One file. Raises `ExportFault` where a value needs more than the batch's decimals or 18 digits."""
    yield (",".join(COLUMNS) + "\n").encode()
    for pieces in _together(within(series, MOST)):
        yield _rows(pieces, batch)


def _together(pieces: Iterable[Series]) -> Iterator[list[Series]]:
    """As many as make `MOST` rows: a text of few rows costs as much as one of hundreds."""
    held: list[Series] = []
    count = 0
    for piece in pieces:
        if held and count + len(piece) > MOST:
            yield held
            held, count = [], 0
        held.append(piece)
        count += len(piece)
    if held:
        yield held


def _rows(pieces: Sequence[Series], batch: Batch) -> bytes:
    count = sum(map(len, pieces))
    which = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    channels = [piece.channel for piece in pieces]
    flags, index = _flags(pieces)
    tails = [b"," + _cells(flag.rule, str(flag.version), batch.batch_id) + b"\n" for flag in flags]
    return rows(
        count,
        [
            labels([_cells(one.meter, one.point, one.channel, one.tou) + b"," for one in channels], which),
            time(np.concatenate([piece.start for piece in pieces]), count),
            labels([b",%d," % one.step_s for one in channels], which),
            number(np.concatenate([piece.scaled(batch.decimals) for piece in pieces]), batch.decimals),
            labels([b"," + _cells(one.unit, str(one.multiplied).lower(), one.ratio) + b"," for one in channels], which),
            Choice([_cells(flag.quality, flag.method, reason(flag), flag.source) + b"," for flag in flags], index),
            time(_times([piece.read for piece in pieces], pieces), count),
            b",",
            time(_times([piece.collected for piece in pieces], pieces), count),
            Choice(tails, index),
        ],
    )


def _flags(pieces: Sequence[Series]) -> tuple[list[Flag], Ints]:
    """Those of all pieces, each once, and which of them holds for each row."""
    known: dict[Flag, int] = {}
    parts = []
    for piece in pieces:
        own = [known.setdefault(flag, len(known)) for flag in piece.flags]
        parts.append(np.array(own, dtype=np.int64)[piece.flag])
    return list(known), np.concatenate(parts)


def _times(columns: Sequence[Ints | None], pieces: Sequence[Series]) -> Ints | None:
    """None where none is known."""
    if all(column is None for column in columns):
        return None
    return np.concatenate([
        np.full(len(piece), UNKNOWN, dtype=np.int64) if column is None else column
        for column, piece in zip(columns, pieces, strict=True)
    ])  # fmt: skip


def _cells(*texts: str) -> bytes:
    return ",".join(map(_cell, texts)).encode()


def _cell(text: str) -> str:
    if not set(text) & set(',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'
