"""Billing determinants: what was used at a point in a cycle, in the form that rating takes, with how it is known.

Energies are kWh (kvarh), multiplied. `total` is the band of all energy; the other bands add up to it exactly. Times
carry a zone and are compared as instants.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from analytics.billing.errors import DeterminantFault
from analytics.billing.exact import EXACT
from analytics.registers import ReadType

TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Read:
    """A register as the meter shows it, not multiplied."""

    time: datetime
    value: Decimal
    type: ReadType = ReadType.ACTUAL


@dataclass(frozen=True, slots=True)
class RegisterUse:
    """What one register of one meter gave in one segment, as a bill shows it."""

    register: str
    """A quantity's name."""
    band: str
    meter: str
    multiplier: Decimal
    since: datetime
    until: datetime
    """The segment's bounds; the reads that stand for them may have been taken near by."""
    start: Read
    stop: Read
    energy: Decimal
    rolled_over: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """Energies of [start, end). `estimated`: how much of the total is no actual reading's."""

    start: datetime
    end: datetime
    energy: Mapping[str, Decimal]
    export: Mapping[str, Decimal] = field(default_factory=dict)
    estimated: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Demand:
    """The highest demand of the cycle, kW, and when; time None: not told. `source`: ``meter``, by whose own clock the
    demand period ended then; ``intervals``, of which the highest began then; empty: as given."""

    kw: Decimal
    time: datetime | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Capacity:
    """Contracted transformer capacity in [start, end)."""

    kva: Decimal
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Determinants:
    """One usage point, one cycle [start, end). `reactive` and `power_factor` are None where nothing tells them."""

    point: str
    start: datetime
    end: datetime
    parts: tuple[Part, ...]
    demand: Mapping[str, Demand] = field(default_factory=dict)
    """By band; `total` is the highest of all."""
    demand_outside: Demand | None = None
    """What a maximum register showed and by its own word is of another cycle: it is not billed."""
    reactive: Decimal | None = None
    power_factor: Decimal | None = None
    capacity: tuple[Capacity, ...] = ()
    contract_kw: Decimal | None = None
    registers: tuple[RegisterUse, ...] = ()
    completeness: Decimal = Decimal(1)
    """Measured share of the cycle, 0 to 1."""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises `DeterminantFault` for what would give a wrong amount."""
        _check(self)

    @property
    def energy(self) -> Decimal:
        """Of the whole cycle, kWh."""
        return sum((part.energy[TOTAL] for part in self.parts), Decimal(0))

    def correct(self, rate: Decimal, why: str) -> Determinants:
        """What is to be billed again (退补电量): every energy times a correction rate 更正率, such as 2 for 200 %."""
        parts = tuple(
            replace(
                part,
                energy={band: EXACT.multiply(kwh, rate) for band, kwh in part.energy.items()},
                export={band: EXACT.multiply(kwh, rate) for band, kwh in part.export.items()},
                estimated=EXACT.multiply(part.energy[TOTAL], rate),
            )
            for part in self.parts
        )
        return replace(self, parts=parts, notes=(*self.notes, f"corrected by {rate}: {why}"))


def share_out(part: Part, at: datetime) -> tuple[Part, Part]:
    """The part before and after a moment, by time: an estimate. Raises `ValueError` where `at` is not within."""
    if not utc(part.start) < utc(at) < utc(part.end):
        raise ValueError(f"{at} is not within {part.start} to {part.end}")
    before = _seconds(part.start, at)
    whole = _seconds(part.start, part.end)

    def first(energies: Mapping[str, Decimal]) -> dict[str, Decimal]:
        bands = {b: _kwh(EXACT.divide(kwh * before, whole)) for b, kwh in energies.items() if b != TOTAL}
        if TOTAL in energies:
            total = energies[TOTAL]
            bands[TOTAL] = sum(bands.values(), Decimal(0)) if bands else _kwh(EXACT.divide(total * before, whole))
        return bands

    left, left_export = first(part.energy), first(part.export)
    right = {band: kwh - left[band] for band, kwh in part.energy.items()}
    right_export = {band: kwh - left_export[band] for band, kwh in part.export.items()}
    return (
        Part(part.start, at, left, left_export, left[TOTAL]),
        Part(at, part.end, right, right_export, right[TOTAL]),
    )


def utc(time: datetime) -> datetime:
    """Raises `ValueError` without a zone."""
    if time.tzinfo is UTC:
        return time
    if time.tzinfo is None:
        raise ValueError(f"{time.isoformat()} carries no zone")
    return time.astimezone(UTC)


def _kwh(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.0001"), context=EXACT)


def _seconds(start: datetime, end: datetime) -> Decimal:
    return Decimal((utc(end) - utc(start)) // timedelta(microseconds=1))


def _check(given: Determinants) -> None:
    def fault(message: str) -> DeterminantFault:
        return DeterminantFault(given.point, message)

    start, end = utc(given.start), utc(given.end)
    if start >= end:
        raise fault(f"no cycle: {given.start.isoformat()} is not before {given.end.isoformat()}")
    at = start
    for part in given.parts:
        if utc(part.start) != at:
            what = "overlap" if utc(part.start) < at else "leave a hole"
            raise fault(f"parts {what} at {part.start.isoformat()}, expected {at.isoformat()}")
        at = utc(part.end)
        if at <= utc(part.start):
            raise fault(f"a part from {part.start.isoformat()} ends before it begins")
        _check_energies(given.point, part)
    if at != end:
        raise fault(f"parts end at {at.isoformat()}, expected the cycle's end {given.end.isoformat()}")
    if any(demand.kw < 0 for demand in given.demand.values()):
        raise fault("a demand below 0")
    if given.power_factor is not None and not 0 <= given.power_factor <= 1:
        raise fault(f"power factor {given.power_factor}, expected 0 to 1")


def _check_energies(point: str, part: Part) -> None:
    for name, energies in (("energy", part.energy), ("export", part.export)):
        where = f"{name} from {part.start.isoformat()}"
        if TOTAL not in energies and (energies or name == "energy"):
            raise DeterminantFault(point, f"{where} has no total")
        for band, kwh in energies.items():
            if not kwh.is_finite() or kwh < 0:
                raise DeterminantFault(point, f"{where}: {band} is {kwh} kWh, expected 0 or more")
        if len(energies) > 1:
            added = sum((kwh for band, kwh in energies.items() if band != TOTAL), Decimal(0))
            if added != energies[TOTAL]:
                raise DeterminantFault(
                    point, f"{where}: bands add up to {added} kWh, the total is {energies[TOTAL]} kWh"
                )
