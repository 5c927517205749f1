"""Registers at the bounds of a period, as NEM13 tells them: what each meter counted between two reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from analytics.billing.exports.nem13 import Consumption, RegisterRead
from analytics.billing.exports.series import ACTUAL, Channel, Flag, Quality, Register
from analytics.errors import AnalyticsError
from analytics.registers import ReadType, Segment, consumption
from headend.batches.asked import Asked
from headend.batches.completeness import percent
from headend.batches.market import serial
from protocols.model import Quantity
from protocols.quantities import BY_NAME
from storage.entries import UsagePoint
from storage.topology import Topology

_NONE_S: Final = 86_400
"""Registers have no interval; a channel is told one that divides a day."""
_FLAGS: Final = MappingProxyType({
    ReadType.ACTUAL: ACTUAL, ReadType.MANUAL: ACTUAL,
    ReadType.CUSTOMER: Flag(reason="75"),
    ReadType.STATED: Flag(reason="1"),
    ReadType.ESTIMATED: Flag(Quality.SUBSTITUTED, "64", "0", "estimated register"),
})  # fmt: skip
"""Customer read; meter changed; agreed."""
_TO_THE_GRID: Final = frozenset({2, 4, 10})
"""Group C of OBIS codes whose energy flows that way."""


async def gathered(
    asked: Asked, topology: Topology, nem: Mapping[int, Mapping[int, Register]], addresses: Mapping[str, str]
) -> list[dict[str, Any]]:
    """One entry for each meter, register and span; `amount` None where a register at an end is not known.

    `nem`: names in the market by point and quantity; what has none there is not exported.
    """
    found = []
    for point in asked.points:
        for quantity in asked.quantities:
            if quantity.id not in nem[point.id]:
                continue
            for one in await topology.segments(point.name, quantity, asked.start, asked.end):
                segment = Segment(one.meter, one.start, one.end, one.multiplier, one.initial, one.final)
                names = nem[point.id][quantity.id]
                number = serial(one.meter, addresses.get(one.meter, one.meter))
                found.append(_entry(point, quantity, segment, names, number))
    return found


def _entry(point: UsagePoint, quantity: Quantity, segment: Segment, names: Register, number: str) -> dict[str, Any]:
    amount = None
    problem = ""
    try:
        amount = str(consumption([segment], segment.start, segment.end).energy)
    except AnalyticsError as error:
        problem = str(error)
    return {
        "point": point.name,
        "meter": segment.meter,
        "quantity": quantity.name,
        "ratio": str(segment.multiplier),
        "register": asdict(names) | {"serial": number},
        "previous": _end(segment.initial, segment.initial_time or segment.start, segment.initial_type),
        "current": _end(segment.final, segment.final_time or segment.end, segment.final_type),
        "amount": amount,
        "problem": problem,
    }


def _end(value: Decimal | None, time: datetime, kind: ReadType) -> dict[str, Any]:
    return {
        "text": None if value is None else format(value, "f"),
        "time": time.astimezone(UTC).isoformat(),
        "type": str(kind),
    }


def consumptions_of(entries: Sequence[Mapping[str, Any]]) -> list[Consumption]:
    """Those that are known."""
    return list(_known(entries))


def _known(entries: Sequence[Mapping[str, Any]]) -> Iterator[Consumption]:
    for one in entries:
        if one["amount"] is None:
            continue
        quantity = BY_NAME[one["quantity"]]
        channel = Channel(
            one["point"], one["meter"], str(quantity.obis), str(quantity.unit), quantity.decimals, _NONE_S,
            ratio=one["ratio"], register=Register(**one["register"]),
        )  # fmt: skip
        amount = Decimal(one["amount"]).scaleb(quantity.decimals)
        direction = "I" if quantity.obis.c in _TO_THE_GRID else "E"
        yield Consumption(channel, direction, _read(one["previous"]), _read(one["current"]), int(amount))


def _read(end: Mapping[str, Any]) -> RegisterRead:
    return RegisterRead(end["text"], datetime.fromisoformat(end["time"]), _FLAGS[ReadType(end["type"])])


def completeness_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """As `headend.batches.completeness` tells it of intervals; one is a span between two reads."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for point in content["points"]:
        for name in content["quantities"]:
            rows[point["name"], name] = {
                "point": point["name"], "channel": str(BY_NAME[name].obis), "expected": 0, "present": 0,
                "estimated": 0, "missing": 0, "left_out": 0,
            }  # fmt: skip
    for one in content["consumptions"]:
        row = rows[one["point"], one["quantity"]]
        row["expected"] += 1
        types = {one["previous"]["type"], one["current"]["type"]}
        kind = "missing" if one["amount"] is None else "estimated" if ReadType.ESTIMATED in types else "present"
        row[kind] += 1
    wanted = [row for row in rows.values() if row["expected"]]
    sums = {
        name: sum(row[name] for row in wanted) for name in ("expected", "present", "estimated", "missing", "left_out")
    }
    total = {"points": len({row["point"] for row in wanted}), **sums, "complete": percent(sums)}
    return {"total": total, "points": wanted}
