"""NEM12: interval metering data of the Australian market, whole days at UTC+10 (AEMO Meter Data File Format, 4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Final

import numpy as np

from analytics.billing.exports.bundle import Bundle, bundles
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
from analytics.billing.exports.series import Batch, Channel, Flag, Ints, Visit

VERSION: Final = "NEM12"
_DAY_S: Final = 86_400
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def write(given: Iterable[Bundle], batch: Batch) -> Iterator[bytes]:
    """One file. Channels hold whole days; days may be left out. Raises `ExportFault` for a day with a gap, a value
    below zero or of too many decimals, or a flag without its codes."""
    yield header(VERSION, batch)
    current: Channel | None = None
    updated = stamp(batch.created).encode()
    for (a_day, decimals), alike in groupby(_parted(given), key=itemgetter(0)):
        for bundle in bundles((part for _, part in alike), MOST):
            for made in _days(bundle, a_day, decimals, updated):
                parts = []
                for channel, day in made:
                    if channel is not current and channel != current:
                        parts.append(_details(channel))
                    current = channel
                    parts.append(day)
                yield b"".join(parts)
    yield b"900\r\n"


def _parted(given: Iterable[Bundle]) -> Iterator[tuple[tuple[int, int], Bundle]]:
    """Channels whose days are told together: those of one shape."""
    for bundle in given:
        at = 0
        for shape, channels in groupby(bundle.channels, key=_shape):
            until = at + sum(1 for _ in channels)
            yield shape, bundle.part(int(bundle.edges[at]), int(bundle.edges[until]))
            at = until


def _shape(channel: Channel) -> tuple[int, int]:
    """Intervals of a day, and decimals as they are told."""
    return _DAY_S // channel.step_s, min(channel.decimals, DECIMALS.get(unit(channel), channel.decimals))


def _details(channel: Channel) -> bytes:
    names = register(channel)
    minutes, rest = divmod(channel.step_s, 60)
    if rest or minutes not in MINUTES:
        raise ExportFault(channel.point, channel.channel, f"intervals of {channel.step_s} s, expected 5, 15 or 30 min")
    return line([
        "200", names.nmi[:10], names.configuration, names.register, names.suffix, names.datastream, names.serial,
        unit(channel), str(minutes), names.next_read,
    ])  # fmt: skip


def _days(bundle: Bundle, a_day: int, decimals: int, updated: bytes) -> Iterator[list[tuple[Channel, bytes]]]:
    """Records of each day with its channel, some days at a time."""
    _check(bundle, a_day)
    values = bundle.scaled(decimals)
    told = _flags(bundle)
    # Days of one flag throughout are told from the others without looking at each interval by itself.
    flags = bundle.flag.reshape(-1, a_day)
    mixed = (flags != flags[:, :1]).any(axis=1).tolist()
    channels = bundle.channels
    owners, dates = bundle.which[::a_day].tolist(), ((bundle.start[::a_day] + OFFSET_S) // _DAY_S).tolist()
    visits = {at: _visits(channels[at], own) for at, own in bundle.visits.items()}
    step = max(MOST // a_day, 1)
    for low in range(0, len(flags), step):
        part = slice(low * a_day, (low + step) * a_day)
        ends = np.full((len(values[part]), 1), ord(","), dtype=np.uint8)
        ends[a_day - 1 :: a_day] = ord("\n")
        texts = rows(len(ends), [number(values[part], decimals), Cells(ends)]).split(b"\n")
        made = []
        for at, text in enumerate(texts[:-1], low):
            flag = b"V,," if mixed[at] else told[int(flags[at, 0])]
            day = b"300,%s,%s,%s,%s,\r\n" % (_date(dates[at]), text, flag, updated)
            if mixed[at]:
                day += b"".join(_events(flags[at], told))
            if visits:
                day += b"".join(visits.get(owners[at], {}).pop(dates[at], ()))
            made.append((channels[owners[at]], day))
        yield made
    for at, left in visits.items():
        if left:
            raise ExportFault(channels[at].point, channels[at].channel, "a visit on a day that is not exported")


def _check(bundle: Bundle, a_day: int) -> None:
    """Raises `ExportFault` for what is no whole day, and for a value below zero."""
    local = bundle.start + OFFSET_S
    is_whole = not (bundle.counts % a_day).any()
    if is_whole:
        days = local.reshape(-1, a_day)
        length = _DAY_S - _DAY_S // a_day
        is_whole = not (days[:, 0] % _DAY_S).any() and bool((days[:, -1] - days[:, 0] == length).all())
    if not is_whole:
        for channel, low, high in zip(bundle.channels, bundle.edges[:-1], bundle.edges[1:], strict=True):
            _whole(channel, local[low:high], a_day)
    below = bundle.value < 0
    if below.any():
        raise bundle.fault(int(below.argmax()), "a value is below zero")


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


def _flags(bundle: Bundle) -> dict[int, bytes]:
    """Those that there are, as files have them. Raises `ExportFault`."""
    has = bundle.reads > 0
    return {
        at: _told(checked(bundle.flags[at], bundle.channels[int(has[:, at].argmax())]))
        for at in np.flatnonzero(has.any(axis=0)).tolist()
    }


def _told(flag: Flag) -> bytes:
    return ",".join((flag.quality + flag.method, flag.reason, flag.note)).encode("ascii")


def _events(flags: Ints, told: Mapping[int, bytes]) -> Iterator[bytes]:
    """400 records: 1..n without gap or overlap."""
    starts = [0, *(np.flatnonzero(np.diff(flags)) + 1).tolist(), len(flags)]
    for low, high in pairwise(starts):
        yield b"400,%d,%d,%s\r\n" % (low + 1, high, told[int(flags[low])])


def _visits(channel: Channel, visits: Iterable[Visit]) -> dict[int, list[bytes]]:
    """500 records by day."""
    found: dict[int, list[bytes]] = {}
    for visit in visits:
        if visit.code not in TRANSACTIONS or not fit(visit.order + visit.index):
            raise ExportFault(channel.point, channel.channel, f"a visit of code {visit.code!r}")
        time = stamp(_EPOCH + timedelta(seconds=visit.time))
        record = line(["500", visit.code, visit.order, time, visit.index])
        found.setdefault((visit.time + OFFSET_S) // _DAY_S, []).append(record)
    return found


@cache
def _date(day: int) -> bytes:
    return (_EPOCH.replace(tzinfo=MARKET) + timedelta(days=day)).strftime("%Y%m%d").encode()
