"""What files say besides values, gathered from the registry; and which run they stand on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any

from headend.batches.asked import MARKET_FORMATS, Asked
from headend.batches.book import Point, pieces, told
from headend.batches.market import registers, serial
from headend.batches.register_reads import gathered as gathered_registers
from headend.batches.settings import ExportTable
from headend.batches.writing import market
from headend.errors import HeadendError, UsageFault
from protocols.quantities import BY_NAME
from storage.entries import Meter, UsagePoint
from storage.export_entries import Held
from storage.exports import Exports
from storage.registers import Of, Registers, Stay
from storage.registry import Registry

IMPORT = BY_NAME["active_energy_import"]


@dataclass(frozen=True, slots=True)
class Gathered:
    """`as_of`: the last run that touched what is asked for; 0: none did."""

    content: Mapping[str, Any]
    as_of: int


async def gathered(
    asked: Asked,
    table: ExportTable,
    conninfo: str,
    registry: Registry,
    exports: Exports,
    as_of: int | None,
    tolerance: timedelta,
) -> Gathered:
    """`tolerance`: how far from a bound of the period a person may have read a register.

    Raises `UsageFault` for a point without its names in the market, `StorageError`.
    """
    async with Registers(conninfo) as stays_of:
        names = [point.name for point in asked.points]
        stays = await stays_of.stays(Of.POINT, names, IMPORT, asked.start, asked.end)
    by_point = {name: list(own) for name, own in groupby(stays, key=lambda stay: stay.key)}
    meters = {meter.id: meter for meter in await registry.meters(sorted({stay.meter for stay in stays}))}
    held = await exports.held(asked.which(), as_of)
    points = _points(asked, table, by_point, meters, held)
    content = {"days_zone": asked.days_zone.key, "step_s": asked.step_s, "points": told(points)}
    if asked.what == "intervals":
        return Gathered(content, max((one.run for one in held), default=0))
    addresses = {meter.name: meter.address for meter in meters.values()}
    reads = await gathered_registers(asked, points, conninfo, addresses, tolerance)
    quantities = [quantity.name for quantity in asked.quantities]
    return Gathered({**content, "quantities": quantities, "consumptions": reads}, 0)


def without_meter(asked: Asked, content: Mapping[str, Any]) -> None:
    """Raises `HeadendError` for a point at which no meter stood."""
    bare = [one["name"] for one in content["points"] if not one["pieces"]]
    if bare:
        raise HeadendError(f"no meter stood there from {asked.start.isoformat()} to {asked.end.isoformat()}: "
                           f"point {', '.join(bare[:5])}{' and others' if len(bare) > 5 else ''}")  # fmt: skip


def _points(
    asked: Asked,
    table: ExportTable,
    stays: Mapping[str, Sequence[Stay]],
    meters: Mapping[int, Meter],
    held: Sequence[Held],
) -> list[Point]:
    """Expected of a point is what its option `export_quantities` names; else import, and what has a value."""
    serials = {meter.id: serial(meter.name, meter.address) for meter in meters.values()}
    has_value = {(one.point, one.quantity) for one in held if one.has_value}
    found = []
    for point in asked.points:
        own = stays.get(point.name, ())
        wanted = _wanted(point)
        quantities = tuple(
            quantity
            for quantity in asked.quantities
            if (
                quantity == IMPORT or (point.id, quantity.id) in has_value
                if wanted is None
                else quantity.name in wanted
            )
        )
        names = registers(point, quantities, table) if asked.form in MARKET_FORMATS else {}
        ids = tuple(quantity.id for quantity in quantities)
        found.append(Point(point.id, point.name, pieces(own, serials, asked.step_s), ids, names))
    return market(found) if asked.form == "nem12" else found


def _wanted(point: UsagePoint) -> Collection[str] | None:
    """None: the option is not there. Raises `UsageFault`."""
    if "export_quantities" not in point.options:
        return None
    given = point.options["export_quantities"]
    if not isinstance(given, list) or not given or any(name not in BY_NAME for name in given):
        raise UsageFault(f"point {point.name}, option export_quantities: expected a list of quantities")
    return given
