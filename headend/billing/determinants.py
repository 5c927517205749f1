"""A point's cycle from the database: boundary reads, demand and contract to determinants, and the position in steps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from analytics.billing.band_reads import by_band, runs
from analytics.billing.bill import Carried
from analytics.billing.determinants import Capacity, Demand, Determinants, Part
from analytics.billing.errors import DeterminantFault, TariffFault
from analytics.billing.from_registers import Measured, from_registers
from analytics.billing.stretches import cuts, cycle, midnight
from analytics.billing.tariff import Tariff, load
from analytics.errors import RegisterMissing
from analytics.registers import Segment, consumption
from headend.errors import UsageFault
from protocols.quantities import BY_NAME
from storage.entries import UsagePoint
from storage.reader import Reader
from storage.topology import Topology

IMPORT, EXPORT = BY_NAME["active_energy_import"], BY_NAME["active_energy_export"]
REACTIVE = (BY_NAME["reactive_energy_import"], BY_NAME["reactive_energy_export"])
DEMAND = BY_NAME["active_demand_import_max"]


@dataclass(frozen=True, slots=True)
class Contract:
    """What the registry's options say of a point: `capacity_kva`, `contract_kw`, `basic_charge`."""

    kva: Decimal | None
    kw: Decimal | None
    choice: str


def contract(point: UsagePoint) -> Contract:
    """Raises `UsageFault` naming the option."""
    options: Mapping[str, object] = point.options

    def number(key: str) -> Decimal | None:
        if key not in options:
            return None
        try:
            value = Decimal(str(options[key]))
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite() or value <= 0:
            raise UsageFault(f"point {point.name}: option {key}: {options[key]!r}, expected a number above 0")
        return value

    return Contract(number("capacity_kva"), number("contract_kw"), str(options.get("basic_charge", "")))


def month(text: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The local month ``2026-11``, in UTC. Raises `UsageFault`."""
    match = re.fullmatch(r"(\d{4})-(\d\d)", text)
    if match is None or not 1 <= int(match[2]) <= 12 or not 1970 <= int(match[1]) < 9999:
        raise UsageFault(f"--cycle {text!r}, expected a month such as 2026-11")
    year, number = int(match[1]), int(match[2])
    following = date(year + number // 12, number % 12 + 1, 1)
    return midnight(date(year, number, 1), zone), midnight(following, zone)


def tariff_of(point: UsagePoint, file: str | None, folder: Path) -> Tariff:
    """The named file, or the folder's tariff of the name in the registry. Raises `UsageFault`, `TariffFault`."""
    if file is not None:
        return load(file)
    if not point.tariff:
        raise UsageFault(f"point {point.name} has no tariff in the registry: name a file with --tariff")
    if not folder.is_dir():
        raise UsageFault(f"{folder} is no folder: put tariff files there, or name another one as billing.tariffs")
    faults = []
    for path in sorted(folder.glob("*.toml")):
        try:
            found = load(path)
        except TariffFault as error:
            faults.append(str(error))
            continue
        if found.name == point.tariff:
            return found
    known = f"; {'; '.join(faults)}" if faults else ""
    raise UsageFault(f"no tariff named {point.tariff!r} (of point {point.name}) in {folder}{known}")


async def determinants(
    point: UsagePoint, span: tuple[datetime, datetime], tariff: Tariff, topology: Topology, reader: Reader
) -> Determinants:
    """From reads at the cycle's bounds, and at moments between where the tariff changes and registers are known.

    Raises `AnalyticsError`, `UsageFault`.
    """
    agreed = contract(point)
    bounds = [span[0], *await _known(point, cuts(tariff, *span), topology), span[1]]
    measured = [await _measured(point, since, until, tariff, topology) for since, until in pairwise(bounds)]
    found = from_registers(
        point.name,
        measured,
        reactive=await _reactive(point, span, topology),
        demand=await _demand(point, span, topology, reader),
        capacity=() if agreed.kva is None else (Capacity(agreed.kva, *span),),
        contract_kw=agreed.kw,
    )
    parts = [
        part if len(part.energy) > 1 else await _by_the_clock(point, part, tariff, topology, reader)
        for part in found.parts
    ]
    return replace(found, parts=tuple(parts))


async def _by_the_clock(point: UsagePoint, part: Part, tariff: Tariff, topology: Topology, reader: Reader) -> Part:
    """Bands that no rate register holds, from the total at each change of the band. Raises `RegisterMissing`."""
    spans = runs(tariff, part.start, part.end) if _needs_bands(tariff, part) else []
    if not spans:
        return part
    segments = await topology.segments(point.name, IMPORT, part.start, part.end)
    meters = {segment.meter_id: segment.meter for segment in segments}
    readings = await reader.readings(list(meters), part.start, part.end, [IMPORT])
    reads = {(meters[r.meter_id], r.time.astimezone(UTC)): r.value for r in readings if r.value is not None}
    return replace(part, energy={**by_band(segments, reads, spans), **part.energy})


def _needs_bands(tariff: Tariff, part: Part) -> bool:
    """Whether a price within the part is by band, and the meter's own rates are not meant to tell."""
    versions = [rules.version for rules, _ in cycle(tariff, part.start, part.end).spans()]
    is_by_band = any("total" not in energy.prices for version in versions for energy in version.energy)
    return is_by_band and not any(version.rates for version in versions)


async def carried(
    point: UsagePoint, span: tuple[datetime, datetime], tariff: Tariff, topology: Topology
) -> dict[str, Carried]:
    """Positions in yearly and monthly steps at the cycle's start, from the registers since their year or month began.

    Those that the registers do not tell are left out.
    """
    day = span[0].astimezone(tariff.zone).date()
    rules = tariff.rules_on(day)
    counted = {tiers.id: tiers.accumulates for tiers in rules.version.tiers}
    counted |= {f"{e.id}.total": e.accumulates for e in rules.version.energy if "total" in e.prices}
    found = {}
    for name, accumulates in counted.items():
        since = tariff.year_of(day) if accumulates == "year" else day.replace(day=1)
        start = midnight(since, tariff.zone)
        if accumulates == "cycle" or start >= span[0]:
            continue
        segments = await topology.segments(point.name, IMPORT, start, span[0])
        try:
            used = consumption(segments, start, span[0])
        except RegisterMissing:
            continue
        if segments and not used.unmeasured:
            found[name] = Carried(since, used.energy, day)
    return found


async def _known(point: UsagePoint, moments: list[datetime], topology: Topology) -> list[datetime]:
    """Those moments at which every meter that stands there was read."""
    found = []
    for moment in moments:
        segments = await topology.segments(point.name, IMPORT, moment, moment + timedelta(microseconds=1))
        if segments and all(segment.initial is not None for segment in segments):
            found.append(moment)
    return found


async def _measured(
    point: UsagePoint, since: datetime, until: datetime, tariff: Tariff, topology: Topology
) -> Measured:
    versions = [rules.version for rules, _ in cycle(tariff, since, until).spans()]
    version = versions[0]
    if any(other.rates != version.rates for other in versions):
        raise DeterminantFault(
            point.name,
            f"from {since.isoformat()} the tariff gives the rate registers to other bands, and none was read there",
        )

    async def segments(name: str) -> list[Segment]:
        rows = await topology.segments(point.name, BY_NAME[name], since, until)
        return [Segment(s.meter, s.start, s.end, s.multiplier, s.initial, s.final) for s in rows]

    rates = {rate: await segments(f"active_energy_import_{rate}") for rate in version.rates}
    is_read = any(s.initial is not None or s.final is not None for each in rates.values() for s in each)
    exports = bool(version.feed_in) or version.netting is not None
    return Measured(
        since,
        until,
        await segments(IMPORT.name),
        rates if is_read else {},
        version.rates,
        version.residual,
        await segments(EXPORT.name) if exports else (),
    )


async def _reactive(point: UsagePoint, span: tuple[datetime, datetime], topology: Topology) -> Decimal | None:
    """kvarh of both directions; None where a register was not read."""
    total = Decimal(0)
    for quantity in REACTIVE:
        segments = await topology.segments(point.name, quantity, *span)
        try:
            total += consumption(segments, *span).energy
        except RegisterMissing:
            return None
        if not segments:
            return None
    return total


async def _demand(
    point: UsagePoint, span: tuple[datetime, datetime], topology: Topology, reader: Reader
) -> dict[str, Demand]:
    """The highest that the meters' own maximum registers showed after the cycle began, up to its end."""
    found: dict[str, Demand] = {}
    for segment in await topology.segments(point.name, IMPORT, *span):
        until = segment.end + timedelta(microseconds=1) if segment.end == span[1] else segment.end
        for reading in await reader.readings([segment.meter_id], segment.start, until, [DEMAND]):
            if reading.value is None or reading.time == segment.start:
                continue
            kw = reading.value * segment.multiplier
            if "total" not in found or kw > found["total"].kw:
                found["total"] = Demand(kw)
    return found
