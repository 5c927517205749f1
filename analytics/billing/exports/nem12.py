"""NEM12: interval metering data of the Australian market, whole days at UTC+10 (AEMO Meter Data File Format, 4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np

from analytics.billing.exports.errors import ExportFault
from analytics.billing.exports.nem import (
    DECIMALS,
    MARKET,
    MINUTES,
    OFFSET_S,
    TRANSACTIONS,
    checked,
    fit,
    header,
    line,
    register,
    stamp,
    unit,
)
from analytics.billing.exports.rows import MOST, Cells, number, rows
from analytics.billing.exports.series import Batch, Channel, Flag, Ints, Series, scaled

VERSION: Final = "NEM12"
_DAY_S: Final = 86_400
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def write(series: Iterable[Series], batch: Batch) -> Iterator[bytes]:
    """One file. Series of one channel come one after another and hold whole days; days may be left out. Raises
    `ExportFault` for a day with a gap, a value below zero or of too many decimals, or a flag without its codes."""
    yield header(VERSION, batch)
    current: Channel | None = None
    for one in series:
        if one.channel != current:
            current = one.channel
            yield _details(one.channel)
        yield from _days(one, stamp(batch.created))
    yield b"900\r\n"


def _details(channel: Channel) -> bytes:
    names = register(channel)
    minutes, rest = divmod(channel.step_s, 60)
    if rest or minutes not in MINUTES:
        raise ExportFault(channel.point, channel.channel, f"intervals of {channel.step_s} s, expected 5, 15 or 30 min")
    return line([
        "200", names.nmi[:10], names.configuration, names.register, names.suffix, names.datastream, names.serial,
        unit(channel), str(minutes), names.next_read,
    ])  # fmt: skip


def _days(series: Series, updated: str) -> Iterator[bytes]:
    channel = series.channel
    a_day = _DAY_S // channel.step_s
    local = series.start + OFFSET_S
    _whole(channel, local, a_day)
    if (series.value < 0).any():
        raise ExportFault(channel.point, channel.channel, "a value is below zero")
    decimals = min(channel.decimals, DECIMALS[unit(channel)])
    values = scaled(series.value, channel, decimals)
    told = {at: _told(checked(series.flags[at], channel)) for at in np.unique(series.flag).tolist()}
    # Days of one flag throughout are told from the others without looking at each interval by itself.
    flags = series.flag.reshape(-1, a_day)
    mixed = (flags != flags[:, :1]).any(axis=1)
    visits = _visits(series)
    step = max(MOST // a_day, 1)
    for low in range(0, len(flags), step):
        part = slice(low * a_day, (low + step) * a_day)
        ends = np.full((len(values[part]), 1), ord(","), dtype=np.uint8)
        ends[a_day - 1 :: a_day] = ord("\n")
        texts = rows(len(ends), [number(values[part], decimals), Cells(ends)]).split(b"\n")
        made = []
        for at, text in enumerate(texts[:-1], low):
            date = int(local[at * a_day]) // _DAY_S
            flag = b"V,," if mixed[at] else told[int(flags[at, 0])]
            made.append(b"300,%s,%s,%s,%s,\r\n" % (_date(date), text, flag, updated.encode()))
            if mixed[at]:
                made.extend(_events(flags[at], told))
            made.extend(visits.pop(date, ()))
        yield b"".join(made)
    if visits:
        raise ExportFault(channel.point, channel.channel, "a visit on a day that is not exported")


def _whole(channel: Channel, local: Ints, a_day: int) -> None:
    """Raises `ExportFault` for the first day that lacks an interval."""
    days, seconds = np.divmod(local, _DAY_S)
    if (seconds % channel.step_s).any():
        raise ExportFault(channel.point, channel.channel, "an interval does not begin on a step of the day at UTC+10")
    which, counts = np.unique(days, return_counts=True)
    short = np.flatnonzero(counts != a_day)
    if len(short):
        day = _date(int(which[short[0]])).decode()
        missing = a_day - int(counts[short[0]])
        raise ExportFault(
            channel.point, channel.channel, f"{missing} of {a_day} intervals of {day} (UTC+10) are missing"
        )


def _told(flag: Flag) -> bytes:
    return ",".join((flag.quality + flag.method, flag.reason, flag.note)).encode("ascii")


def _events(flags: Ints, told: Mapping[int, bytes]) -> Iterator[bytes]:
    """400 records: 1..n without gap or overlap."""
    starts = [0, *(np.flatnonzero(np.diff(flags)) + 1).tolist(), len(flags)]
    for low, high in pairwise(starts):
        yield b"400,%d,%d,%s\r\n" % (low + 1, high, told[int(flags[low])])


def _visits(series: Series) -> dict[int, list[bytes]]:
    """500 records by day."""
    found: dict[int, list[bytes]] = {}
    for visit in series.visits:
        if visit.code not in TRANSACTIONS or not fit(visit.order + visit.index):
            raise ExportFault(series.channel.point, series.channel.channel, f"a visit of code {visit.code!r}")
        time = stamp(_EPOCH + timedelta(seconds=visit.time))
        record = line(["500", visit.code, visit.order, time, visit.index])
        found.setdefault((visit.time + OFFSET_S) // _DAY_S, []).append(record)
    return found


def _date(day: int) -> bytes:
    return (_EPOCH.replace(tzinfo=MARKET) + timedelta(days=day)).strftime("%Y%m%d").encode()
