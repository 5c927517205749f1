"""Captures for tests, and the merge rule as a few lines of plain Python to compare the database with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import psycopg

from protocols.model import POSITIONS, Capture, Quality, Source

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
Key: TypeAlias = tuple[int, datetime, int]
GOOD, NA = Quality.GOOD, Quality.NOT_AVAILABLE


def capture(
    meter_id: int = 1,
    time: datetime = T0,
    layout: int = 1,
    values: Sequence[int | None] = (1, 2, 3, 4, 5, 6, 7),
    quality: Sequence[Quality] = (),
    received: datetime = T0 + timedelta(seconds=3),
) -> Capture:
    """Short tuples are filled up with holes."""
    return Capture(
        meter_id, layout, time, received, Source.PULL,
        (*values, *[None] * (POSITIONS - len(values))),
        (*quality, *[GOOD] * (POSITIONS - len(quality))),
    )  # fmt: skip


def slots(meters: int, times: int, start: datetime = T0) -> list[Capture]:
    """A full set: every meter at every quarter-hour."""
    return [
        capture(meter, start + timedelta(minutes=15 * slot), values=[meter * 1000 + slot + k for k in range(7)])
        for slot in range(times)
        for meter in range(1, meters + 1)
    ]


def halves(given: Capture, cut: int) -> tuple[Capture, Capture]:
    """The same capture in two parts: places before `cut`, and the rest."""
    nothing: tuple[None, ...] = (None,) * POSITIONS
    good = (GOOD,) * POSITIONS
    first = replace(given, values=given.values[:cut] + nothing[cut:], quality=given.quality[:cut] + good[cut:])
    second = replace(given, values=nothing[:cut] + given.values[cut:], quality=good[:cut] + given.quality[cut:])
    return first, second


def merge(into: dict[Key, Capture], given: Iterable[Capture]) -> None:
    """The rule: value before "not available" before hole; the first stands."""
    for part in given:
        key = (part.meter_id, part.time, part.layout)
        old = into.get(key)
        if old is None:
            into[key] = part
            continue
        values, quality = list(old.values), list(old.quality)
        for k in range(POSITIONS):
            better_value = values[k] is None and part.values[k] is not None
            better_reason = values[k] is None and quality[k] == GOOD and part.quality[k] != GOOD
            if better_value or better_reason:
                values[k], quality[k] = part.values[k], part.quality[k]
        into[key] = replace(old, values=tuple(values), quality=tuple(quality))


def stored(conninfo: str) -> dict[Key, Capture]:
    """The capture table as it stands, cell by cell, read without any code of `storage`."""
    rows: list[tuple[Any, ...]]
    with psycopg.connect(conninfo) as connection:
        connection.execute("SET timezone = 'UTC'")
        rows = connection.execute(
            "SELECT meter_id, layout, time, received, source, v1, v2, v3, v4, v5, v6, v7, v8, quality FROM capture"
        ).fetchall()
    found: dict[Key, Capture] = {}
    for meter_id, layout, time, received, source, *values, quality in rows:
        packed = (quality or 0).to_bytes(8, "little", signed=True)
        found[meter_id, time, layout] = Capture(
            meter_id, layout, time, received, Source(source), tuple(values), tuple(Quality(byte) for byte in packed)
        )
    assert len(found) == len(rows)
    return found
