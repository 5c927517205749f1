"""Prices: every band of every season has one, and steps leave nothing out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analytics.billing.errors import Problem
from analytics.billing.tariff.document import Energy, Formula, Piece, Step, Version
from analytics.billing.tariff.rules import TOTAL

RATES = tuple(f"t{number}" for number in range(1, 9))


def bands_of(version: Version, season: str) -> set[str]:
    """The bands that the clock knows in a season; empty where the meter alone tells them."""
    schedules = [s for s in version.schedule if not s.seasons or season in s.seasons]
    return {band for schedule in schedules for band in schedule.bands}


def all_bands(version: Version) -> set[str]:
    """Every band that the version names: by the clock, by the meter's rates, or by prices alone."""
    by_clock = {band for schedule in version.schedule for band in schedule.bands}
    by_price = {band for energy in version.energy for band in energy.prices if band != TOTAL}
    return by_clock or set(version.rates.values()) or by_price


def energy_problems(version: Version) -> Iterator[Problem]:
    seasons = [season.name for season in version.season] or [""]
    known = all_bands(version)
    for number, energy in enumerate(version.energy):
        yield from _price_problems(f"energy[{number}].prices", energy, known)
    for name in {energy.id: None for energy in version.energy}:
        tables = [(n, e) for n, e in enumerate(version.energy) if e.id == name]
        for season in seasons:
            held = [(n, e) for n, e in tables if not e.seasons or season in e.seasons]
            if not held:
                yield Problem("energy", f"a hole: {name!r} has no prices in {season}")
            for number, energy in held:
                for band in sorted((bands_of(version, season) or known) - set(energy.prices)):
                    if TOTAL not in energy.prices:
                        where = f" of {season}" if season else ""
                        yield Problem(f"energy[{number}].prices", f"a hole: no price for band {band!r}{where}")
    for rate, band in version.rates.items():
        if rate not in RATES:
            yield Problem(f"rates.{rate}", f"expected one of {', '.join(RATES)}")
        if band not in known:
            yield Problem(f"rates.{rate}", f"{band!r} is no band, expected one of {', '.join(sorted(known))}")
    if version.residual and version.residual not in known:
        yield Problem("residual", f"{version.residual!r} is no band, expected one of {', '.join(sorted(known))}")
    for table in ("surcharge", "feed_in", "basic"):
        for number, entry in enumerate(getattr(version, table)):
            if entry.band != TOTAL and entry.band not in known:
                expected = ", ".join([TOTAL, *sorted(known)])
                yield Problem(f"{table}[{number}].band", f"{entry.band!r} is no band, expected one of {expected}")


def _price_problems(key: str, energy: Energy, known: set[str]) -> Iterator[Problem]:
    if not energy.prices:
        yield Problem(key, "is empty, expected prices by band, or one for total")
    if TOTAL in energy.prices and len(energy.prices) > 1:
        yield Problem(key, "expected either total or bands: total would bill the same kWh twice")
    for band, price in energy.prices.items():
        if band != TOTAL and band not in known:
            yield Problem(f"{key}.{band}", f"is no band of a schedule, expected one of {', '.join(sorted(known))}")
        if isinstance(price, list):
            yield from step_problems(f"{key}.{band}", price)
        elif isinstance(price, Formula):
            if bool(price.of) == bool(price.index):
                yield Problem(f"{key}.{band}", "expected either of (another band) or index")
            elif price.of and not _leads_to_a_price(energy, price):
                yield Problem(f"{key}.{band}", f"of {price.of!r} leads to no price: expected another band that has one")


def _leads_to_a_price(energy: Energy, price: Formula) -> bool:
    for _ in energy.prices:
        found = energy.prices.get(price.of)
        if not isinstance(found, Formula):
            return found is not None
        if not found.of:
            return False
        price = found
    return False


def step_problems(key: str, steps: Sequence[Step]) -> Iterator[Problem]:
    if not steps:
        yield Problem(key, "is empty, expected at least one step")
        return
    last = steps[-1]
    if last.upto is not None or last.upto_hours is not None:
        yield Problem(f"{key}[{len(steps) - 1}].upto", "a hole above it: expected the last step without upto")
    highest = {"upto": None, "upto_hours": None}
    for number, step in enumerate(steps):
        if step.upto is None and step.upto_hours is None and number + 1 < len(steps):
            yield Problem(f"{key}[{number}].upto", "is missing: only the last step has no end")
        for name in highest:
            value, before = getattr(step, name), highest[name]
            if value is None:
                continue
            is_less = before is not None and (value < before or (value == before and name == "upto"))
            if value <= 0 or is_less:
                yield Problem(f"{key}[{number}].{name}", f"{value}, expected more than {before or 0}")
            highest[name] = value


def piece_problems(key: str, pieces: Sequence[Piece]) -> Iterator[Problem]:
    if pieces and pieces[-1].upto is not None:
        yield Problem(f"{key}[{len(pieces) - 1}].upto", "a hole above it: expected the last piece without upto")
    before = None
    for number, piece in enumerate(pieces):
        if piece.upto is None:
            if number + 1 < len(pieces):
                yield Problem(f"{key}[{number}].upto", "is missing: only the last piece has no end")
        elif piece.upto <= (before or 0):
            yield Problem(f"{key}[{number}].upto", f"{piece.upto}, expected more than {before or 0}")
        else:
            before = piece.upto
