"""The files of a line loss report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analytics.lineloss import Input, Member
from analytics.theft import Frame
from headend.errors import UsageFault
from headend.theft import files as tables


@dataclass(frozen=True, slots=True)
class Paths:
    """`reported`, `totals` and `areas` are needed."""

    reported: str
    totals: str
    areas: str
    exported: str | None = None
    totals_exported: str | None = None
    feeders: str | None = None


def given(
    paths: Paths, first: np.datetime64 | None, last: np.datetime64 | None
) -> tuple[Input, tuple[str, ...], float]:
    """What the files hold of [first, last) in local time, notes, and what one unit of them is in Wh by its size.

    Raises `UsageFault`.
    """
    notes: tuple[str, ...] = ()
    frames: list[Frame | None] = []
    for path in (paths.reported, paths.totals, paths.exported, paths.totals_exported):
        if path is None:
            frames.append(None)
            continue
        read, more = tables.frame(path)
        notes += more
        frames.append(_cut(read, path, first, last))
    reported, totals, exported, returned = frames
    assert reported is not None
    assert totals is not None
    feeders = None if paths.feeders is None else _feeders(paths.feeders)
    found = Input(reported, totals, _members(paths.areas), exported, returned, feeders)
    with np.errstate(invalid="ignore"):
        return found, notes, tables.size_of_unit(reported)


def _cut(read: Frame, path: str, first: np.datetime64 | None, last: np.datetime64 | None) -> Frame:
    inside = np.ones(len(read.times), np.bool_)
    if first is not None:
        inside &= read.times >= first
    if last is not None:
        inside &= read.times < last
    if not inside.any():
        raise UsageFault(f"{path}: no row in the period")
    return Frame(read.names, read.times[inside], read.values[inside])


def _members(path: str) -> list[Member]:
    """Of `meter_id,area` and, for meters that came or left, `from,to` (half-open, local time)."""
    return [
        Member(row["meter_id"], row["area"], _time(path, at, row.get("from")), _time(path, at, row.get("to")))
        for at, row in enumerate(tables.rows(path, ("meter_id", "area")))
        if row["meter_id"] and row["area"]
    ]


def _time(path: str, at: int, text: str | None) -> np.datetime64 | None:
    if not text:
        return None
    try:
        return np.datetime64(re.sub(r"(Z|[+-]\d\d:\d\d)$", "", text), "s")
    except ValueError:
        raise UsageFault(f"{path}, row {at + 2}: {text!r} is no time, expected ISO 8601") from None


def _feeders(path: str) -> Mapping[str, str]:
    """Of `area,feeder`."""
    return {row["area"]: row["feeder"] for row in tables.rows(path, ("area", "feeder")) if row["feeder"]}
