"""Registers at the bounds of a period, told as a bill of it tells them: what each meter counted between two reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from msgspec.structs import asdict

from analytics.billing.exports.nem13 import Consumption, RegisterRead
from analytics.billing.exports.series import Channel, Flag, Quality, Register
from analytics.errors import AnalyticsError
from analytics.registers import ReadType, Segment, consumption
from headend.batches.asked import Asked
from headend.batches.book import Point
from headend.batches.completeness import percent
from headend.batches.market import serial
from headend.billing import carried
from headend.billing.gathering import registers
from headend.billing.known import Known
from headend.billing.segments import segments
from protocols.model import Quantity
from protocols.quantities import BY_ID, BY_NAME, HOME
from storage.bills import Bills
from storage.cycle_reads import CycleReads

_NONE_S: Final = 86_400
"""Registers have no interval; a channel is told one that divides a day."""
_MOST_DECIMALS: Final = 9
_FLAGS: Final = MappingProxyType(
    {
        ReadType.ACTUAL: Flag(source="actual"),
        ReadType.MANUAL: Flag(source="manual"),
        ReadType.CUSTOMER: Flag(reason="75", source="customer"),
        ReadType.STATED: Flag(reason="1", source="stated"),
        ReadType.ESTIMATED: Flag(Quality.SUBSTITUTED, "64", "0", "estimated register", "estimated"),
    }
)
"""Customer read; meter changed; agreed."""
_TO_THE_GRID: Final = frozenset({2, 4, 10})
"""Group C of OBIS codes whose energy flows that way."""


async def gathered(
    asked: Asked, points: Sequence[Point], conninfo: str, addresses: Mapping[str, str], tolerance: timedelta
) -> list[dict[str, Any]]:
    """One entry for each meter, register and span; `amount` None where a register at an end is not known, and why.

    `addresses`: of meters; `tolerance`: how far from a bound a person may have read.
    """
    known = await _fetched(asked, points, conninfo, tolerance)
    found = []
    for point in points:
        for quantity_id in point.quantities:
            quantity, names = BY_ID[quantity_id], point.registers.get(quantity_id)
            for segment in segments(known, point.id, quantity, asked.start, asked.end):
                number = serial(segment.meter, addresses.get(segment.meter, segment.meter))
                register = None if names is None else asdict(names) | {"serial": number}
                found.append(_entry(point, quantity, segment) | {"register": register})
    return found


async def _fetched(asked: Asked, points: Sequence[Point], conninfo: str, tolerance: timedelta) -> Known:
    ids = [point.id for point in points]
    layouts = {HOME[quantity_id][0].id for point in points for quantity_id in point.quantities}
    span = asked.start, asked.end
    async with CycleReads(conninfo) as reads, Bills(conninfo) as bills:
        known = await registers(reads, ids, span, span, layouts, tolerance)
        known.stops = carried.stops(await bills.before(ids, asked.start), asked.start)
    return known


def _entry(point: Point, quantity: Quantity, segment: Segment) -> dict[str, Any]:
    amount, problem = _amount(segment)
    return {
        "point": point.name,
        "meter": segment.meter,
        "quantity": quantity.name,
        "ratio": format(segment.multiplier.normalize(), "f"),
        "previous": _end(segment.initial, segment.initial_time or segment.start, segment.initial_type),
        "current": _end(segment.final, segment.final_time or segment.end, segment.final_type),
        "amount": None if amount is None else format(amount, "f"),
        "problem": problem,
    }


def _amount(segment: Segment) -> tuple[Decimal | None, str]:
    """Multiplied; None with what keeps it from being told."""
    try:
        amount = consumption([segment], segment.start, segment.end).energy
    except AnalyticsError as error:
        return None, str(error)
    if (segment.initial_time or segment.start) >= (segment.final_time or segment.end):
        return (
            None,
            f"one read of meter {segment.meter} stands for both ends",
        )
    if _decimals(amount) > _MOST_DECIMALS:
        return None, f"meter {segment.meter} counted {amount}: more than {_MOST_DECIMALS} decimals"
    return amount, ""


def _decimals(amount: Decimal) -> int:
    exponent = amount.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(-exponent, 0)


def _end(value: Decimal | None, time: datetime, kind: ReadType) -> dict[str, Any]:
    return {
        "text": None if value is None else format(value, "f"),
        "time": time.astimezone(UTC).isoformat(),
        "type": str(kind),
    }


def consumptions_of(entries: Sequence[Mapping[str, Any]]) -> list[Consumption]:
    """Those that are known."""
    return list(_consumptions(entries))


def _consumptions(entries: Sequence[Mapping[str, Any]]) -> Iterator[Consumption]:
    for one in entries:
        if one["amount"] is None:
            continue
        quantity, amount, names = BY_NAME[one["quantity"]], Decimal(one["amount"]), one["register"]
        decimals = max(quantity.decimals, _decimals(amount))  # a multiplier may have some of its own
        channel = Channel(
            one["point"], one["meter"], str(quantity.obis), str(quantity.unit), decimals, _NONE_S,
            ratio=one["ratio"], register=None if names is None else Register(**names),
        )  # fmt: skip
        direction = "I" if quantity.obis.c in _TO_THE_GRID else "E"
        yield Consumption(
            channel, direction, _read(one["previous"]), _read(one["current"]), int(amount.scaleb(decimals))
        )


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
