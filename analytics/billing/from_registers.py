"""Determinants from boundary reads: total and rate registers over meters, exchanges and multipliers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from analytics.billing.determinants import TOTAL, Determinants, Part, Read, RegisterUse, utc
from analytics.billing.errors import DeterminantFault
from analytics.billing.exact import EXACT, plain
from analytics.registers import ReadType, Segment, consumption, rolled, unmeasured

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Measured:
    """What registers say of [start, end). `rates` and `export_rates` by register: ``t1`` to ``t8``."""

    start: datetime
    end: datetime
    total: Sequence[Segment]
    rates: Mapping[str, Sequence[Segment]] = field(default_factory=dict)
    bands: Mapping[str, str] = field(default_factory=dict)
    """Which band each rate register holds."""
    residual: str = ""
    """The band that takes what total and rates differ by; empty: the one with the most energy."""
    export: Sequence[Segment] = ()


def from_registers(
    point: str,
    measured: Sequence[Measured],
    *,
    register_step: Decimal = Decimal("0.01"),
    unmeasured_ok: bool = False,
    limit_kw: Decimal | None = None,
    **more: Any,
) -> Determinants:
    """Total and rates may differ by the meter's own rounding, `register_step` for every register that is read.

    `unmeasured_ok`: spans without a meter lower the completeness instead of being an error. `limit_kw`: what the point
    can draw at most; a roll-over is recognised only within it. `more`: other determinants.
    Raises `DeterminantFault`, `RegisterMissing`, `RegisterBackwards`.
    """
    if not measured:
        raise DeterminantFault(point, "there are no boundary reads")
    uses: list[RegisterUse] = []
    energy_of = partial(_energy, point, limit_kw=limit_kw)
    notes: list[str] = []
    parts = []
    gap = ZERO
    for span in measured:
        gap += _gaps(point, span, unmeasured_ok, notes)
        total, found = energy_of("active_energy_import", TOTAL, span.total, span)
        uses += found
        energy = {TOTAL: total}
        if span.rates:
            _check_multipliers(point, span)
            for register, segments in sorted(span.rates.items()):
                if register not in span.bands:
                    raise DeterminantFault(point, f"rate register {register} belongs to no band of the tariff")
                band = span.bands[register]
                kwh, found = energy_of(f"active_energy_import_{register}", band, segments, span)
                uses += found
                energy[band] = energy.get(band, ZERO) + kwh
            _reconcile(point, span, energy, register_step, notes)
        export: dict[str, Decimal] = {}
        if span.export:
            export[TOTAL], found = energy_of("active_energy_export", TOTAL, span.export, span)
            uses += found
        parts.append(Part(span.start, span.end, energy, export, _estimated(span, total)))
    start, end = measured[0].start, measured[-1].end
    whole = _seconds(start, end)
    return Determinants(
        point=point, start=start, end=end, parts=tuple(parts), registers=tuple(uses),
        completeness=EXACT.divide(whole - gap, whole), notes=(*notes, *more.pop("notes", ())), **more,
    )  # fmt: skip


def _gaps(point: str, span: Measured, unmeasured_ok: bool, notes: list[str]) -> Decimal:
    """Seconds without a meter."""
    if not span.total:
        raise DeterminantFault(point, f"no meter stands there from {span.start.isoformat()} to {span.end.isoformat()}")
    found = ZERO
    for since, until in unmeasured(span.total, span.start, span.end):
        message = f"no meter from {since.isoformat()} to {until.isoformat()}"
        if not unmeasured_ok:
            raise DeterminantFault(point, message)
        notes.append(message)
        found += _seconds(since, until)
    return found


def _energy(
    point: str, register: str, band: str, segments: Sequence[Segment], span: Measured, limit_kw: Decimal | None
) -> tuple[Decimal, list[RegisterUse]]:
    unrolled = [_unrolled(point, segment, limit_kw) for segment in segments]
    used = consumption(unrolled, span.start, span.end)
    uses = []
    ordered = sorted(zip(unrolled, segments, strict=True), key=lambda pair: (utc(pair[0].start), pair[0].meter))
    for part, (after, segment) in zip(used.parts, ordered, strict=True):
        assert segment.initial is not None
        assert segment.final is not None
        uses.append(
            RegisterUse(
                register, band, part.meter, segment.multiplier, part.start, part.end,
                Read(segment.initial_time or part.start, segment.initial, segment.initial_type),
                Read(segment.final_time or part.end, segment.final, segment.final_type),
                part.energy, after.final != segment.final,
            )
        )  # fmt: skip
    return used.energy, uses


def _unrolled(point: str, segment: Segment, limit_kw: Decimal | None) -> Segment:
    if segment.digits is None or segment.initial is None or segment.final is None or segment.final >= segment.initial:
        return segment
    initial, final, span = segment.initial, segment.final, utc(segment.end) - utc(segment.start)
    gone = rolled(initial, final, segment.digits, segment.multiplier, span, limit_kw)
    if gone is None:
        raise DeterminantFault(
            point,
            f"the register of meter {segment.meter} went from {initial} to {final}: too much for a "
            f"roll-over of {segment.digits} digits",
        )
    return replace(segment, final=initial + gone)


def _check_multipliers(point: str, span: Measured) -> None:
    for register, segments in span.rates.items():
        for segment in segments:
            for other in span.total:
                is_same_time = other.start < segment.end and segment.start < other.end
                if other.meter == segment.meter and is_same_time and other.multiplier != segment.multiplier:
                    raise DeterminantFault(
                        point,
                        f"mixed multipliers: meter {other.meter} counts the total x {other.multiplier} and "
                        f"{register} x {segment.multiplier} from {segment.start.isoformat()}",
                    )


def _reconcile(point: str, span: Measured, energy: dict[str, Decimal], step: Decimal, notes: list[str]) -> None:
    """The total holds; the residual band, or the greatest, takes what rounding in the meter left."""
    bands = [band for band in energy if band != TOTAL]
    difference = energy[TOTAL] - sum((energy[band] for band in bands), ZERO)
    if not difference:
        return
    reads = sum((segment.multiplier for segment in span.total), ZERO) * (len(span.rates) + 1)
    if abs(difference) > step * reads:
        raise DeterminantFault(
            point,
            f"from {span.start.isoformat()} the rate registers add up to {plain(energy[TOTAL] - difference)} kWh, the "
            f"total is {plain(energy[TOTAL])} kWh: more apart than rounding explains ({plain(step * reads)} kWh)",
        )
    taker = span.residual if span.residual in energy else max(bands, key=lambda band: energy[band])
    if energy[taker] + difference < 0:
        taker = max(bands, key=lambda band: energy[band])
    energy[taker] += difference
    notes.append(f"{plain(difference)} kWh, by which total and rates differ, are put to band {taker}")


def _estimated(span: Measured, total: Decimal) -> Decimal:
    types = {kind for segment in span.total for kind in (segment.initial_type, segment.final_type)}
    return total if ReadType.ESTIMATED in types else ZERO


def _seconds(start: datetime, end: datetime) -> Decimal:
    return Decimal((utc(end) - utc(start)) // timedelta(seconds=1))
