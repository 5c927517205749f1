"""The house format as CSV: UTF-8, a heading, lines end in LF, exact decimals, times in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analytics.billing.exports.house import COLUMNS, reason
from analytics.billing.exports.rows import MOST, Choice, number, rows, time
from analytics.billing.exports.series import Batch, Series, within


def write(series: Iterable[Series], batch: Batch) -> Iterator[bytes]:
    """One file. Raises `ExportFault` where a value needs more than the batch's decimals or 18 digits."""
    yield (",".join(COLUMNS) + "\n").encode()
    last = _cells(batch.batch_id)
    for piece in within(series, MOST):
        channel = piece.channel
        count = len(piece)
        multiplied = "true" if channel.multiplied else "false"
        unit = b"," + _cells(channel.unit, multiplied, channel.ratio) + b","
        flags = [_cells(flag.quality, flag.method, reason(flag), flag.source) + b"," for flag in piece.flags]
        ends = [b"," + _cells(flag.rule, str(flag.version)) + b"," + last + b"\n" for flag in piece.flags]
        yield rows(
            count,
            [
                _cells(channel.meter, channel.point, channel.channel, channel.tou) + b",",
                time(piece.start, count),
                b",%d," % channel.step_s,
                number(piece.scaled(batch.decimals), batch.decimals),
                unit,
                Choice(flags, piece.flag),
                time(piece.read, count),
                b",",
                time(piece.collected, count),
                Choice(ends, piece.flag),
            ],
        )


def _cells(*texts: str) -> bytes:
    return ",".join(map(_cell, texts)).encode()


def _cell(text: str) -> str:
    if not set(text) & set(',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'
