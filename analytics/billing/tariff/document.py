"""What stands in a tariff file. Numbers are read as written, as `Decimal`; docs/billing.md describes every key."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal

import msgspec

from analytics.day_types import CalendarTable, DayType

Accumulates = Literal["cycle", "month", "year"]
Per = Literal["day", "month", "cycle"]


class Kind(StrEnum):
    """What a line is for; charges that build on others name kinds."""

    ENERGY = "energy"
    TIER = "tier"
    BASIC = "basic"
    FIXED = "fixed"
    SURCHARGE = "surcharge"
    FEED_IN = "feed_in"
    POWER_FACTOR = "power_factor"
    MINIMUM = "minimum"
    TAX = "tax"


class _Table(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Unknown keys are errors: a misspelt one would be a charge that nobody bills."""


class Step(_Table, frozen=True):
    """Up to `upto` (kWh; kW of a demand) or `upto_hours` times the cycle's highest demand, whichever is less."""

    price: Decimal
    upto: Decimal | None = None
    upto_hours: Decimal | None = None


class Formula(_Table, frozen=True):
    """Either `factor` times the price of band `of`, or `base` + `factor` times the index `index` of the context."""

    of: str = ""
    index: str = ""
    base: Decimal = Decimal(0)
    factor: Decimal = Decimal(1)


Price = Decimal | list[Step] | Formula


class Season(_Table, frozen=True):
    """`dates`: spans of days in any year, both ends in, ``"05-01..10-31"``; may go over the year's end."""

    name: str
    dates: list[str]


class Schedule(_Table, frozen=True):
    """Which band holds when: ``bands = { peak = ["08:00-12:00"], valley = ["00:00-08:00"] }``. Empty lists: all."""

    bands: dict[str, list[str]]
    seasons: list[str] = []
    days: list[DayType] = []


class Energy(_Table, frozen=True):
    """Prices per kWh by band, or one for ``total``."""

    prices: dict[str, Price]
    id: str = "energy"
    label: str = "energy"
    seasons: list[str] = []
    accumulates: Accumulates = "cycle"


class Tiers(_Table, frozen=True):
    """阶梯 increments upon the band prices: by the total, whatever the band."""

    steps: list[Step]
    id: str = "tier"
    label: str = "step"
    seasons: list[str] = []
    accumulates: Accumulates = "cycle"


class Piece(_Table, frozen=True):
    """Up to this ratio of measured to contract demand the billed demand is actual x measured + contract x contract."""

    actual: Decimal = Decimal(0)
    contract: Decimal = Decimal(0)
    upto: Decimal | None = None


class Basic(_Table, frozen=True):
    """Capacity and demand charges. `rule` empty: as measured."""

    by: Literal["capacity", "demand"]
    price: Decimal | list[Step]
    id: str = "basic"
    label: str = "basic charge"
    band: str = "total"
    per: Per = "month"
    rule: list[Piece] = []
    at_least_of_capacity: Decimal = Decimal(0)
    choice: str = ""
    """Billed only where the context chose it."""
    seasons: list[str] = []


class Fixed(_Table, frozen=True):
    """`amount_of`: the amount is the context's, times `amount`. `post`: what the line changes."""

    id: str
    amount: Decimal
    per: Per = "month"
    label: str = "fixed charge"
    amount_of: str = ""
    post: Literal["bill", "arrears"] = "bill"


class Surcharge(_Table, frozen=True):
    """Per kWh of a band, beside the price: funds, levies, wheeling."""

    id: str
    price: Decimal
    label: str = "surcharge"
    band: str = "total"


class FeedIn(_Table, frozen=True):
    """Paid per exported kWh: a negative line."""

    id: str
    price: Decimal
    label: str = "feed-in"
    band: str = "total"


class Netting(_Table, frozen=True):
    """Exports are taken off imports of the same band before pricing; what is left over is carried on, paid or lost."""

    surplus: Literal["carry", "pay", "lose"] = "carry"
    price: Decimal = Decimal(0)


class PowerFactor(_Table, frozen=True):
    """力调电费: a percentage upon lines of the kinds `on`."""

    standard: Decimal
    on: tuple[Kind, ...] = (Kind.ENERGY, Kind.BASIC)
    table: str = "cn-1983"
    label: str = "power-factor adjustment"


class Minimum(_Table, frozen=True):
    """Lines of the kinds `on` come to this at least; one line makes up the rest."""

    amount: Decimal
    id: str = "minimum"
    label: str = "minimum charge"
    per: Per = "month"
    on: tuple[Kind, ...] = tuple(kind for kind in Kind if kind not in (Kind.MINIMUM, Kind.TAX))


class Tax(_Table, frozen=True):
    """exclusive: added. inclusive: told, since the prices hold it."""

    id: str
    rate: Decimal
    label: str = "tax"
    mode: Literal["exclusive", "inclusive"] = "exclusive"
    on: tuple[Kind, ...] = tuple(kind for kind in Kind if kind is not Kind.TAX)


class Roundings(_Table, frozen=True):
    """`quantity`: billed kWh; `line`: every line's amount; `total`: the sum of the lines. See `Rounding.parse`."""

    quantity: str = "none"
    line: str = "half-up 2"
    total: str = "none"


class Version(_Table, frozen=True):
    """The tariff from `valid_from` to `valid_to`, local days, the latter not in; None: on and on."""

    valid_from: date
    valid_to: date | None = None
    source: str = ""
    days_per_month: int | None = None
    """What part of a month one day is of charges per month: 1/30 if 30; else by the cycle's own days."""
    rates: dict[str, str] = {}
    """Which band the meter's rate registers t1 to t4 hold."""
    residual: str = ""
    """The band that is total less the other bands; a meter's rounding lands there."""
    season: list[Season] = []
    schedule: list[Schedule] = []
    energy: list[Energy] = []
    tiers: list[Tiers] = []
    basic: list[Basic] = []
    fixed: list[Fixed] = []
    surcharge: list[Surcharge] = []
    feed_in: list[FeedIn] = []
    netting: Netting | None = None
    power_factor: PowerFactor | None = None
    minimum: list[Minimum] = []
    tax: list[Tax] = []
    rounding: Roundings = Roundings()


class Document(_Table, frozen=True):
    """One tariff. `year_start`: month and day from which yearly steps count."""

    name: str
    currency: str
    zone: str
    version: list[Version]
    title: str = ""
    source: str = ""
    calendar: str = ""
    holidays: CalendarTable | None = None
    year_start: str = "01-01"
