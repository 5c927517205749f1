"""The words that every layer shares: `Obis`, `Quantity`, `Value`, `Capture`.

Values are exact everywhere: an integer and a number of decimals while they travel, a `Decimal` where people see them,
a scaled integer (in the quantity's step) where they are stored. No float holds energy or money.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_EVEN, Decimal
from enum import IntEnum, StrEnum
from typing import Final, NamedTuple

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CALENDAR: Final = 50 * 10**9
"""Seconds: some 1580 years, so that in every zone the year is one of the calendar's."""
_OBIS = re.compile(r"^(\d{1,3})-(\d{1,3}):(\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?(?:\*(\d{1,3}))?$")


class Obis(NamedTuple):
    """Six groups A-B:C.D.E*F (IEC 62056-6-1); all six decide equality."""

    a: int
    b: int
    c: int
    d: int
    e: int = 0
    f: int = 255

    @classmethod
    def parse(cls, text: str) -> Obis:
        """Read ``1-0:1.8.0*255``; E may be left out (0), F too (255). Raises `ValueError`."""
        match = _OBIS.match(text.strip())
        if not match:
            raise ValueError(f"not an OBIS code: {text!r}, expected A-B:C.D.E*F such as 1-0:1.8.0*255")
        a, b, c, d, e, f = match.groups()
        groups = (int(a), int(b), int(c), int(d), int(e or 0), int(f or 255))
        if max(groups) > 255:
            raise ValueError(f"not an OBIS code: {text!r}, a group is above 255")
        return cls(*groups)

    def __str__(self) -> str:
        return f"{self.a}-{self.b}:{self.c}.{self.d}.{self.e}*{self.f}"


class Unit(StrEnum):
    """Units as they are printed; tested against OBIS group C."""

    KWH = "kWh"
    KVARH = "kvarh"
    KVAH = "kVAh"
    KW = "kW"
    KVAR = "kvar"
    KVA = "kVA"
    VOLT = "V"
    AMPERE = "A"
    AMPERE_HOUR = "Ah"
    HERTZ = "Hz"
    DEGREE = "°"
    CELSIUS = "°C"
    PERCENT = "%"
    MILLISECOND = "ms"
    SECOND = "s"
    MINUTE = "min"
    IMPULSES_KWH = "imp/kWh"
    IMPULSES_KVARH = "imp/kvarh"
    YUAN = "CNY"
    YUAN_KWH = "CNY/kWh"
    SINCE_1970 = "s since 1970"
    """Of a moment: seconds since 1970-01-01T00:00Z, leap seconds not counted."""
    NONE = ""


class Kind(StrEnum):
    """What a number means over time (COSEM register classes, CIM ReadingType)."""

    CUMULATIVE = "cumulative"
    INSTANTANEOUS = "instantaneous"
    DEMAND = "demand"
    INDICATING = "indicating"
    TIME = "time"
    """A moment, as a number of seconds: never added, subtracted or averaged."""


class Quality(IntEnum):
    """Why a value is what it is; one byte a value in storage, 0 when all is good."""

    GOOD = 0
    NOT_AVAILABLE = 1
    """The meter answered that it has no such value (FF..FF, NaN, the model's "not available" word)."""
    OUT_OF_RANGE = 2
    """The meter gave what the quantity cannot hold: too large a number, a time that is no one moment."""
    CLOCK_DOUBTFUL = 3
    """The value is there; the meter dated it itself, and its clock was far off."""


class Source(IntEnum):
    """How a capture reached us."""

    PULL = 1
    PUSH = 2
    RECORD = 3
    """Read later from what the meter had kept."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is measured: an OBIS code with name, unit, decimals (the step it is stored in) and kind.

    `id` is the number under which it is stored: it never changes and is never used again.
    """

    id: int
    name: str
    name_zh: str
    obis: Obis
    unit: Unit
    decimals: int
    kind: Kind

    @property
    def step(self) -> Decimal:
        """The smallest difference that is kept."""
        return Decimal(1).scaleb(-self.decimals)

    def steps(self, value: Decimal) -> int:
        """`value` as a whole number of steps, rounded half-even once, here at the border."""
        return int(value.scaleb(self.decimals).quantize(Decimal(1), ROUND_HALF_EVEN))

    def value(self, steps: int) -> Decimal:
        """The exact value of a stored number."""
        return Decimal(steps).scaleb(-self.decimals)

    def text(self, steps: int) -> str:
        """The stored number as people see it."""
        return self.told(self.value(steps))

    def told(self, value: Decimal, zone: tzinfo | None = UTC) -> str:
        """A value as people see it: plain decimal notation without trailing zeros; a moment in ISO 8601 in `zone`."""
        moment = self.moment(value)
        return plain(value) if moment is None else moment.astimezone(zone or UTC).isoformat()

    def moment(self, value: Decimal) -> datetime | None:
        """The value as a moment in UTC; None where it is none, or one that no calendar has."""
        is_moment = self.kind is Kind.TIME and abs(value) < _CALENDAR
        return EPOCH + timedelta(seconds=int(value)) if is_moment else None

    @property
    def told_unit(self) -> str:
        """Of what `told` says: a moment that is written out has none."""
        return "" if self.kind is Kind.TIME else str(self.unit)


def plain(value: Decimal) -> str:
    """Exact decimal text without exponent and without trailing zeros of the fraction."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


class Part(NamedTuple):
    """One value inside an item or register: what it is called and how its number is scaled."""

    item: str
    """Data identifier or register as the protocol writes it."""
    name: str
    name_zh: str
    obis: Obis | None
    unit: Unit
    decimals: int
    quantity: Quantity | None
    """Set where the value is one that we store."""


class Value(NamedTuple):
    """One decoded value: an exact number (with `part.decimals` decimals), a text, or nothing with its quality."""

    part: Part
    number: int | None
    text: str | None
    quality: Quality

    @property
    def decimal(self) -> Decimal | None:
        """The exact value; None where there is no number."""
        return None if self.number is None else Decimal(self.number).scaleb(-self.part.decimals)

    def __str__(self) -> str:
        if self.text is not None:
            return self.text
        return "" if self.number is None else format(Decimal(self.number).scaleb(-self.part.decimals), "f")

    @property
    def steps(self) -> int | None:
        """The number in steps of the part's quantity, rounded half-even; None where there is nothing to store."""
        quantity = self.part.quantity
        if self.number is None or quantity is None:
            return None
        shift = quantity.decimals - self.part.decimals
        if shift >= 0:
            return int(self.number * 10**shift)
        return quantity.steps(Decimal(self.number).scaleb(-self.part.decimals))


POSITIONS = 8
"""Values in one capture row."""


@dataclass(frozen=True, slots=True)
class Capture:
    """The values that a meter gave together at one moment (COSEM: capture objects of a profile).

    `values` and `quality` have `POSITIONS` places in the order of `layout`; a value is in steps of its quantity.
    None with quality GOOD is a hole (not asked or not answered); None with another quality is the meter's own word
    that there is nothing. `time` is the meter's own, or the slot that the plan asked for; `received` is ours.
    """

    meter_id: int
    layout: int
    time: datetime
    received: datetime
    source: Source
    values: tuple[int | None, ...]
    quality: tuple[Quality, ...]

    def __post_init__(self) -> None:
        if len(self.values) != POSITIONS or len(self.quality) != POSITIONS:
            raise ValueError(f"a capture has {POSITIONS} places")
        if self.time.tzinfo is None or self.received.tzinfo is None:
            raise ValueError("a capture's times carry a zone")


@dataclass(frozen=True, slots=True)
class Layout:
    """Which quantity stands at which position of a capture. Layouts never change: a new order is a new id."""

    id: int
    name: str
    quantities: tuple[Quantity, ...]
