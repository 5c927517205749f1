"""One version of a tariff made ready to rate: names looked up, texts read, prices resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from analytics.billing.exact import EXACT, Rounding
from analytics.billing.tariff.clock import Day
from analytics.billing.tariff.document import Energy, Formula, Price, Step, Version
from analytics.day_types import Calendar, DayType

TOTAL = "total"
"""The band of all energy, whenever it was used."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """A price in steps; a plain price has one. `index`: base and factor stand in its only step's place."""

    steps: tuple[Step, ...]
    formula: Formula | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """`seasons` is empty where the tariff knows none; the season's name is then ``""``."""

    number: int
    version: Version
    calendar: Calendar
    seasons: Mapping[Day, str]
    tables: Mapping[tuple[str, DayType], tuple[str, ...]]
    """Season and day type to the band of each minute of the day."""
    ladders: Mapping[tuple[int, str], Ladder]
    """Number of the energy table and band to its price."""
    quantity: Rounding
    line: Rounding
    total: Rounding

    def season(self, day: date) -> str:
        return self.seasons.get((day.month, day.day), "")

    def bands_on(self, day: date) -> tuple[str, ...]:
        """The band of each minute of a local day; empty where the tariff has no bands by the clock.

        Raises `YearUnknown`.
        """
        if not self.tables:
            return ()
        return self.tables[self.season(day), self.calendar.day_type(day)]

    def energies(self, season: str) -> list[tuple[int, Energy]]:
        """Energy tables that hold in that season, with their numbers."""
        return [(n, e) for n, e in enumerate(self.version.energy) if not e.seasons or season in e.seasons]

    def key(self, table: str, number: int | None = None, rest: str = "") -> str:
        """Where a rule stands in the file."""
        place = "" if number is None else f"[{number}]"
        return f"version[{self.number}].{table}{place}{rest}"


def ladder(prices: Mapping[str, Price], band: str) -> Ladder:
    """The band's price with references to other bands followed."""
    price = prices[band]
    if isinstance(price, Decimal):
        return Ladder((Step(price=price),))
    if isinstance(price, list):
        return Ladder(tuple(price))
    if price.index:
        return Ladder((Step(price=price.base),), price)
    other = ladder(prices, price.of)
    steps = tuple(
        Step(
            price=EXACT.add(EXACT.multiply(step.price, price.factor), price.base),
            upto=step.upto,
            upto_hours=step.upto_hours,
        )
        for step in other.steps
    )
    return Ladder(steps)
