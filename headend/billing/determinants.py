"""A point's cycle: boundary reads, demand and contract to determinants. `gathering` fetched everything before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Final

from analytics.billing.band_reads import Run, by_band, runs
from analytics.billing.demand import held_against, left_out
from analytics.billing.determinants import TOTAL, Demand, Determinants, Part, utc
from analytics.billing.errors import DeterminantFault
from analytics.billing.from_intervals import Interval, from_intervals
from analytics.billing.from_registers import Measured, from_registers
from analytics.billing.stretches import cuts, cycle
from analytics.billing.tariff import Tariff
from analytics.billing.tariff.document import Version
from analytics.errors import RegisterMissing
from analytics.registers import consumption
from headend.billing.contract import Contract
from headend.billing.cycles import Span
from headend.billing.known import Known
from headend.billing.segments import segments
from protocols.model import Quantity
from protocols.quantities import BY_NAME, HOME
from storage.cycle_reads import BilledPoint, Highest, Shown

IMPORT: Final = BY_NAME["active_energy_import"]
EXPORT: Final = BY_NAME["active_energy_export"]
DEMAND: Final = BY_NAME["active_demand_import_max"]
OCCURRED: Final = BY_NAME["active_demand_import_max_time"]
REACTIVE: Final = (
    ("Q1 + Q4", BY_NAME["reactive_energy_q1"], BY_NAME["reactive_energy_q4"]),
    ("combined reactive 1 + 2", BY_NAME["reactive_energy_import"], BY_NAME["reactive_energy_export"]),
)
"""Which registers make up the reactive energy of the power factor: the first rule of which all were read."""

REGISTER_STEP: Final = Decimal("0.01")
"""kWh; intervals and registers may differ by it for every register that was read."""
BY_INTERVALS: Final = "bands by validated intervals"


@dataclass(frozen=True, slots=True)
class Needs:
    """What a tariff's versions within a cycle ask for beside the total."""

    rates: tuple[str, ...]
    export: bool
    demand: bool
    reactive: bool
    bands: bool
    """A price is by band."""

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Registers at the cycle's bounds."""
        found = [IMPORT, *(BY_NAME[f"active_energy_import_{rate}"] for rate in self.rates)]
        found += [EXPORT] if self.export else []
        return (*found, *(q for _, *both in REACTIVE for q in both)) if self.reactive else tuple(found)


@lru_cache(maxsize=4096)
def needs(tariff: Tariff, start: datetime, end: datetime) -> Needs:
    """Raises `TariffFault` where no version holds."""
    spans = [rules for rules, _ in cycle(tariff, start, end).spans()]
    versions = [rules.version for rules in spans]
    by_hours = any(step.upto_hours is not None for r in spans for one in r.ladders.values() for step in one.steps)
    by_hours |= any(step.upto_hours is not None for v in versions for tiers in v.tiers for step in tiers.steps)
    return Needs(
        rates=tuple(sorted({rate for version in versions for rate in version.rates})),
        export=any(version.feed_in or version.netting is not None for version in versions),
        demand=by_hours or any(basic.by == "demand" for version in versions for basic in version.basic),
        reactive=any(version.power_factor is not None for version in versions),
        bands=any("total" not in energy.prices for version in versions for energy in version.energy),
    )


@lru_cache(maxsize=256)
def changes(tariff: Tariff, start: datetime, end: datetime) -> tuple[Run, ...]:
    """The bands of a span one after the other; empty where the clock does not tell them."""
    return tuple(runs(tariff, start, end)) if needs(tariff, start, end).bands else ()


def determinants(
    point: BilledPoint, span: Span, tariff: Tariff, agreed: Contract, known: Known, notes: list[str]
) -> Determinants:
    """From reads at the cycle's bounds, and at moments between where the tariff changes and registers are known.

    Raises `AnalyticsError`.
    """
    wanted = needs(tariff, *span)
    bounds = [span[0], *(m for m in cuts(tariff, *span) if _is_read(point, m, wanted, known)), span[1]]
    reactive, rule = _reactive(point, span, known) if wanted.reactive else (None, "")
    demand, outside = _demand(point, span, known) if wanted.demand else ({}, None)
    found = from_registers(
        point.name,
        [_measured(point, since, until, tariff, known) for since, until in pairwise(bounds)],
        limit_kw=point.capacity_kw,
        reactive=reactive,
        demand=demand,
        demand_outside=outside,
        capacity=agreed.capacity,
        contract_kw=agreed.kw,
        notes=(
            *notes,
            *([f"reactive energy by {rule}"] if rule else []),
            *([left_out(outside, tariff.zone)] if outside is not None else []),
        ),
    )
    found = _held_against(point, found, tariff, known)
    if not wanted.bands or all(len(part.energy) > 1 for part in found.parts):
        return found
    by_intervals = point.id in known.intervals and lacks_bands(point, span, wanted, known)
    if by_intervals and len(found.parts) == len(bounds) - 1:
        return _by_intervals(point, found, tariff, known)
    parts = tuple(p if len(p.energy) > 1 else _by_the_clock(point, p, tariff, known) for p in found.parts)
    return replace(found, parts=parts)


def _by_intervals(point: BilledPoint, found: Determinants, tariff: Tariff, known: Known) -> Determinants:
    """Bands, and the highest demand where no register tells it, by validated intervals, which have to agree with the
    registers."""
    step, within = _within(point, found, known)
    by_band = from_intervals(
        point.name, found.start, found.end, within, tariff, step=step, register=found.energy, tolerance=_shown(found)
    )
    demand = found.demand or by_band.demand
    exports = {part.start: part.export for part in found.parts}
    parts = tuple(replace(part, export=exports.get(part.start, {})) for part in by_band.parts)
    return replace(found, parts=parts, demand=demand, notes=(*found.notes, BY_INTERVALS, *by_band.notes))


def _held_against(point: BilledPoint, found: Determinants, tariff: Tariff, known: Known) -> Determinants:
    """With when the highest demand was, and what validated intervals have against it."""
    if point.id not in known.intervals or TOTAL not in found.demand:
        return found
    step, within = _within(point, found, known)
    demand, contradiction = held_against(found.demand[TOTAL], within, step, _shown(found), tariff.zone)
    notes = (*found.notes, contradiction) if contradiction else found.notes
    return replace(found, demand={**found.demand, TOTAL: demand}, notes=notes)


def _within(point: BilledPoint, found: Determinants, known: Known) -> tuple[timedelta, list[Interval]]:
    step, intervals = known.intervals[point.id]
    return step, [one for one in intervals if utc(found.start) <= utc(one.start) < utc(found.end)]


def _shown(found: Determinants) -> Decimal:
    """kWh by which intervals and registers may differ."""
    return sum((use.multiplier for use in found.registers if use.band == TOTAL), Decimal(0)) * REGISTER_STEP


def _is_read(point: BilledPoint, moment: datetime, wanted: Needs, known: Known) -> bool:
    """Whether every register that is asked for was read there, of every meter."""
    there = [s for s in known.stays.get(point.id, ()) if s.start <= moment and (s.end is None or s.end > moment)]
    quantities = [q for q in wanted.quantities if HOME[q.id][0] == HOME[IMPORT.id][0]]
    return bool(there) and all(known.read(stay, q, moment, "initial") is not None for stay in there for q in quantities)


def _measured(point: BilledPoint, since: datetime, until: datetime, tariff: Tariff, known: Known) -> Measured:
    versions: list[Version] = [rules.version for rules, _ in cycle(tariff, since, until).spans()]
    version = versions[0]
    if any(other.rates != version.rates for other in versions):
        raise DeterminantFault(
            point.name,
            f"from {since.isoformat()} the tariff gives the rate registers to other bands, and none was read there",
        )
    rates = {
        rate: segments(known, point.id, BY_NAME[f"active_energy_import_{rate}"], since, until) for rate in version.rates
    }
    is_read = any(s.initial is not None or s.final is not None for each in rates.values() for s in each)
    exports = bool(version.feed_in) or version.netting is not None
    return Measured(
        since,
        until,
        segments(known, point.id, IMPORT, since, until),
        rates if is_read else {},
        version.rates,
        version.residual,
        segments(known, point.id, EXPORT, since, until) if exports else (),
    )


def _by_the_clock(point: BilledPoint, part: Part, tariff: Tariff, known: Known) -> Part:
    """Bands that no rate register holds, from the total at each change of the band. Raises `RegisterMissing`."""
    spans = changes(tariff, utc(part.start), utc(part.end))
    if not spans:
        return part
    reads = {}
    for stay in known.stays.get(point.id, ()):
        for moment in {edge for run in spans for edge in (run.start, run.end)}:
            steps = known.captured(stay.meter_id, IMPORT, moment)
            if steps is not None:
                reads[stay.meter, moment] = IMPORT.value(steps)
    measured = segments(known, point.id, IMPORT, part.start, part.end)
    return replace(part, energy={**by_band(measured, reads, spans), **part.energy})


def _reactive(point: BilledPoint, span: Span, known: Known) -> tuple[Decimal | None, str]:
    """kvarh and the rule by which; None where no rule has all its registers."""
    for rule, *both in REACTIVE:
        try:
            used = [consumption(segments(known, point.id, quantity, *span), *span) for quantity in both]
        except RegisterMissing:
            continue
        return sum((each.energy for each in used), Decimal(0)), rule
    return None, ""


def _demand(point: BilledPoint, span: Span, known: Known) -> tuple[dict[str, Demand], Demand | None]:
    """The highest that the meters' own maximum registers showed after the cycle began, up to its end; and what was
    higher and by the meter's own word is of another time, as where a register was not reset."""
    own, outside = [], []
    for multiplier, which in demand_spans(point, span, known):
        seen = known.highest.get(which, Highest())
        own += [_multiplied(shown, multiplier) for shown in (seen.own,) if shown is not None]
        outside += [_multiplied(shown, multiplier) for shown in (seen.outside,) if shown is not None]
    highest = max(own, key=lambda demand: demand.kw, default=None)
    beyond = max(outside, key=lambda demand: demand.kw, default=None)
    if highest is not None and beyond is not None and beyond.kw <= highest.kw:
        beyond = None
    return {} if highest is None else {TOTAL: highest}, beyond


def _multiplied(shown: Shown, multiplier: Decimal) -> Demand:
    if shown.occurred is None:
        return Demand(shown.value * multiplier)
    return Demand(shown.value * multiplier, utc(shown.occurred), "meter")


def demand_spans(point: BilledPoint, span: Span, known: Known) -> list[tuple[Decimal, tuple[int, datetime, datetime]]]:
    """Multipliers, each with the meter and the (start, end] in which it holds."""
    by_name = {stay.meter: stay.meter_id for stay in known.stays.get(point.id, ())}
    return [
        (segment.multiplier, (by_name[segment.meter], segment.start, segment.end))
        for segment in segments(known, point.id, DEMAND, *span)
    ]


def lacks_bands(point: BilledPoint, span: Span, wanted: Needs, known: Known) -> bool:
    """Whether no rate register was read at the bounds, so that the clock has to tell the bands."""
    if not wanted.bands:
        return False
    rates = [BY_NAME[f"active_energy_import_{rate}"] for rate in wanted.rates]
    stays = known.stays.get(point.id, ())
    return not any(known.read(stay, q, m, "final") for stay in stays for q in rates for m in span)
