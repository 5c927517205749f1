"""A meter that really has values: what it holds at every moment, whatever protocol asks for them.

Its registers are refreshed every `tick_s` seconds, in whole ticks since 1970, as real meters do; between two ticks they
stand still. Inside it everything goes by its own clock: standard time the whole year, wrong by `clock_offset_s`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from protocols.model import Kind, Quantity
from simulators.digits import Digits, Nameplate
from simulators.load import EPOCH, RATES, Curve, Load, mixed, seconds_of
from simulators.snapshot import MEASURED, Snapshot

_WS_PER_KWH: Final = 3_600_000
_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Start:
    """What the energy registers held when the counting began, in Wh (varh, VAh): import and export by rate."""

    taken: tuple[int, int, int, int] = (0, 0, 0, 0)
    given: tuple[int, int, int, int] = (0, 0, 0, 0)


def draw_start(seed: int) -> Start:
    """Up to 800 kWh a rate."""
    rates = [10 * (mixed(seed, number) % 80_000) for number in range(RATES)]
    return Start((rates[0], rates[1], rates[2], rates[3]))


@dataclass(frozen=True, slots=True, eq=False)
class VirtualMeter:
    """`phases` is 1 or 3: a single-phase meter has no values for L2 and L3."""

    name: str
    address: str
    plate: Nameplate
    load: Load
    start: Start = Start()
    seed: int = 0
    phases: int = 3
    tick_s: int = 1
    clock_offset_s: int = 0
    utc_offset_s: int = 8 * 3600

    def __post_init__(self) -> None:
        if self.phases not in (1, 3) or self.tick_s < 1:
            raise ValueError(
                f"{self.phases} phases, tick {self.tick_s} s: expected 1 or 3 phases, whole seconds from 1"
            )

    def clock(self, now: datetime) -> datetime:
        """What its clock shows at `now`; without a zone, as the meter states none."""
        shown = now.astimezone(UTC) + timedelta(seconds=self.utc_offset_s + self.clock_offset_s)
        return shown.replace(tzinfo=None, microsecond=0)

    def local_time(self, second: int) -> datetime:
        """A second of its local time, such as the end of a demand period, as its clock showed it."""
        return (EPOCH + timedelta(seconds=second)).replace(tzinfo=None)

    def refreshed(self, at: datetime) -> datetime:
        """The last moment up to `at` at which the registers were refreshed."""
        return _UNIX + timedelta(seconds=(at - _UNIX) // timedelta(seconds=self.tick_s) * self.tick_s)

    def values(self, at: datetime, wanted: Iterable[Quantity] | None = None) -> Mapping[Quantity, Decimal | None]:
        """All quantities of the model or some of them, exactly as the registers show them; None where this meter has no
        value. Raises `KeyError` for a quantity that the model does not have."""
        digits = self.plate.digits
        snapshot = self.snapshot(at)
        energies = _Energies(self, snapshot)
        quantities = digits if wanted is None else wanted
        return {quantity: _shown(quantity, digits[quantity], snapshot, energies) for quantity in quantities}

    def value(self, quantity: Quantity, at: datetime) -> Decimal | None:
        """One of them."""
        return self.values(at, (quantity,))[quantity]

    def snapshot(self, at: datetime) -> Snapshot:
        """The measured side of it, at the last tick."""
        second = seconds_of(self.refreshed(at), self.utc_offset_s + self.clock_offset_s)
        return Snapshot(self.load, self.phases, second, self.seed)


def _shown(quantity: Quantity, digits: Digits, snapshot: Snapshot, energies: _Energies) -> Decimal | None:
    if quantity.kind is Kind.CUMULATIVE:
        return energies.shown(quantity.name, digits)
    ratio = MEASURED[quantity.name](snapshot)
    return None if ratio is None else digits.shown(*ratio)


class _Energies:
    """The counters at one moment. A total is the sum of its rates as they are shown, so that they always add up."""

    def __init__(self, meter: VirtualMeter, snapshot: Snapshot) -> None:
        self._load = meter.load
        self._start = meter.start
        self._second = snapshot.second
        self._apparent = snapshot.apparent
        self._by_rate = meter.plate.by_rate
        self._counted: dict[str, tuple[int, ...]] = {}

    def shown(self, name: str, digits: Digits) -> Decimal:
        kind, _, flow = name.partition("_energy_")
        way, _, rate = flow.partition("_t")
        if kind == "active" and rate:
            return digits.shown(self._counters(way)[int(rate) - 1], _WS_PER_KWH, counts=True)
        steps = sum(self._total(direction, per_mille, digits) for direction, per_mille in self._parts(kind, way))
        return digits.shown(steps * digits.mantissa, 10**digits.decimals, counts=True)

    def _parts(self, kind: str, way: str) -> tuple[tuple[str, int], ...]:
        """Which counters make the total, and in what proportion (thousandths)."""
        reactive = self._load.reactive
        return {
            ("active", "import"): (("import", 1000),),
            ("active", "export"): (("export", 1000),),
            ("active", "combined"): (("import", 1000), ("export", 1000)),
            ("reactive", "import"): (("import", reactive), ("export", reactive)),
            ("reactive", "export"): (),
            ("reactive", "q1"): (("import", reactive),),
            ("reactive", "q2"): (("export", reactive),),
            ("reactive", "q3"): (),
            ("reactive", "q4"): (),
            ("apparent", "import"): (("import", self._apparent),),
            ("apparent", "export"): (("export", self._apparent),),
        }[kind, way]

    def _total(self, way: str, per_mille: int, digits: Digits) -> int:
        """In whole multiples of the digits' unit."""
        unit = digits.mantissa * _WS_PER_KWH * 1000
        counters = self._counters(way)
        if not self._by_rate:
            counters = (sum(counters),)
        return sum(counter * per_mille * 10**digits.decimals // unit for counter in counters)

    def _counters(self, way: str) -> tuple[int, ...]:
        """Watt-seconds by rate."""
        if way not in self._counted:
            curve, start = (
                (self._load.taken, self._start.taken) if way == "import" else (self._load.given, self._start.given)
            )
            self._counted[way] = _counters(curve, start, self._second)
        return self._counted[way]


def _counters(curve: Curve, start: tuple[int, int, int, int], second: int) -> tuple[int, ...]:
    return tuple(wh * 3600 + curve.energy(second, rate) for rate, wh in enumerate(start, 1))
