"""The house format as CSV: UTF-8, a heading, lines end in LF, exact decimals, times in UTC."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from analytics.billing.exports.bundle import Bundle, bundles
from analytics.billing.exports.house import COLUMNS, reason
from analytics.billing.exports.rows import MOST, Choice, labels, number, rows, time
from analytics.billing.exports.series import Batch

_SPECIAL: Final = re.compile('[,"\\r\\n]')


def write(given: Iterable[Bundle], batch: Batch) -> Iterator[bytes]:
    """One file. Raises `ExportFault` where a value needs more than the batch's decimals or 18 digits."""
    yield (",".join(COLUMNS) + "\n").encode()
    for bundle in bundles(given, MOST, cuts=True):
        yield _rows(bundle, batch)


def _rows(bundle: Bundle, batch: Batch) -> bytes:
    count, which, channels, flags = len(bundle), bundle.which, bundle.channels, bundle.flags
    tails = [b"," + _cells(flag.rule, str(flag.version), batch.batch_id) + b"\n" for flag in flags]
    return rows(
        count,
        [
            labels([_cells(one.meter, one.point, one.channel, one.tou) + b"," for one in channels], which),
            time(bundle.start, count),
            labels([b",%d," % one.step_s for one in channels], which),
            number(bundle.scaled(batch.decimals), batch.decimals),
            labels([b"," + _cells(one.unit, str(one.multiplied).lower(), one.ratio) + b"," for one in channels], which),
            Choice(
                [_cells(flag.quality, flag.method, reason(flag), flag.source) + b"," for flag in flags], bundle.flag
            ),
            time(bundle.read, count),
            b",",
            time(bundle.collected, count),
            Choice(tails, bundle.flag),
        ],
    )


def _cells(*texts: str) -> bytes:
    return ",".join(map(_cell, texts)).encode()


def _cell(text: str) -> str:
    if _SPECIAL.search(text) is None:
        return text
    return '"' + text.replace('"', '""') + '"'
