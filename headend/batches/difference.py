"""What differs between two batches, by point, channel and local day."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from analytics.billing.exports.manifest import seconds
from headend.batches.asked import Asked, local_days
from headend.batches.book import Point, points_of
from protocols.model import Quantity
from protocols.quantities import BY_ID
from storage.export_entries import StoredBatch
from storage.validated import Validated, Which
from storage.validated_days import Days

Key = tuple[int, int, str]
"""Point, quantity, local day."""


async def difference(
    before: StoredBatch, asked: Asked, content: Mapping[str, Any], as_of: int, conninfo: str
) -> dict[str, Any]:
    """Of what is asked for against `before`, as JSON."""
    after = _State(content, asked.start, asked.end, as_of)
    return await _difference(_State(before.content, before.start, before.end, before.as_of), after, conninfo)


async def between(first: StoredBatch, second: StoredBatch, conninfo: str) -> dict[str, Any]:
    """Of `second` against `first`."""
    return await _difference(
        _State(first.content, first.start, first.end, first.as_of),
        _State(second.content, second.start, second.end, second.as_of),
        conninfo,
    )


class _State:
    def __init__(self, content: Mapping[str, Any], start: datetime, end: datetime, as_of: int) -> None:
        self.content = content
        self.span = (start, end)
        self.as_of = as_of
        self.points: list[Point] = points_of(content["points"]) if "days_zone" in content else []

    def which(self) -> Which:
        since, until = local_days(*self.span, ZoneInfo(self.content["days_zone"]))
        quantities: list[Quantity] = [BY_ID[one] for one in sorted({q for p in self.points for q in p.quantities})]
        return Which([point.id for point in self.points], quantities, self.content["step_s"], since, until)


async def _difference(first: _State, second: _State, conninfo: str) -> dict[str, Any]:
    if "consumptions" in first.content or "consumptions" in second.content:
        return _registers(first.content, second.content)
    found = []
    names = {point.id: point.name for state in (first, second) for point in state.points}
    async for (point, quantity, day), before, after in _pairs(first, second, conninfo):
        changed = _changed(before, after)
        if not changed:
            continue
        obis = BY_ID[quantity]
        found.append({
            "point": names[point], "channel": str(obis.obis), "unit": str(obis.unit), "day": day,
            "intervals": changed, "before": _total(before, obis), "after": _total(after, obis),
        })  # fmt: skip
    return {"points": len({one["point"] for one in found}), "intervals": sum(one["intervals"] for one in found),
            "days": found}  # fmt: skip


Row = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]
"""Starts, steps and how they came about, of the intervals that have a value."""


async def _pairs(
    first: _State, second: _State, conninfo: str
) -> AsyncGenerator[tuple[Key, Row | None, Row | None], None]:
    """Days of both in one order; None where one has it not. Days of one version are passed over."""
    async with (
        Validated(conninfo) as one,
        Validated(conninfo) as other,
        aclosing(_rows(first, one)) as before,
        aclosing(_rows(second, other)) as after,
    ):
        left, right = await anext(before, None), await anext(after, None)
        while left is not None or right is not None:
            if right is None or (left is not None and left[0] < right[0]):
                assert left is not None
                yield left[0], left[2], None
                left = await anext(before, None)
            elif left is None or right[0] < left[0]:
                yield right[0], None, right[2]
                right = await anext(after, None)
            else:
                if left[1] != right[1] or first.span != second.span:
                    yield left[0], left[2], right[2]
                left, right = await anext(before, None), await anext(after, None)


async def _rows(state: _State, validated: Validated) -> AsyncGenerator[tuple[Key, int, Row], None]:
    """Key, version and values of each day that the state has."""
    allowed = {(point.id, quantity) for point in state.points for quantity in point.quantities}
    low, high = map(seconds, state.span)
    days: Days
    async with aclosing(validated.days(state.which(), state.as_of)) as batches:
        async for days in batches:
            starts = days.start[:, None] + days.step_s * np.arange(days.steps.shape[1])
            there = days.present & (starts >= low) & (starts < high)
            how = days.source.astype(np.int64) | days.method.astype(np.int64) << 8 | days.reason.astype(np.int64) << 16
            for at in range(len(days)):
                key = (int(days.point[at]), int(days.quantity[at]), str(days.day[at]))
                mask = there[at]
                if key[:2] in allowed and mask.any():
                    yield key, int(days.version[at]), (starts[at][mask], days.steps[at][mask], how[at][mask])


def _changed(before: Row | None, after: Row | None) -> int:
    """Intervals whose value, or how it came about, differs, or that only one has."""
    if before is None or after is None:
        only = before if after is None else after
        return 0 if only is None else len(only[0])
    both, left, right = np.intersect1d(before[0], after[0], assume_unique=True, return_indices=True)
    differ = (before[1][left] != after[1][right]) | (before[2][left] != after[2][right])
    return int(differ.sum()) + len(before[0]) + len(after[0]) - 2 * len(both)


def _total(row: Row | None, quantity: Quantity) -> str | None:
    if row is None:
        return None
    return format(Decimal(sum(row[1].tolist())).scaleb(-quantity.decimals), "f")


def _registers(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    def by_key(content: Mapping[str, Any]) -> dict[tuple[str, ...], Mapping[str, Any]]:
        return {
            (one["point"], one["quantity"], one["meter"], one["previous"]["time"]): one
            for one in content.get("consumptions", ())
        }

    before, after = by_key(first), by_key(second)
    found = [
        {
            "point": key[0], "channel": key[1], "day": key[3], "intervals": 1,
            "before": before[key]["amount"] if key in before else None,
            "after": after[key]["amount"] if key in after else None,
        }
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]  # fmt: skip
    return {"points": len({one["point"] for one in found}), "intervals": len(found), "days": found}
