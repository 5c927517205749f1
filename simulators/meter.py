"""A meter that really has values: what it holds at every moment, whatever protocol asks for them.

Its registers are refreshed every `tick_s` seconds, in whole ticks since 1970, as real meters do; between two ticks they
stand still, unless something happens to the meter (`change`). Its load and its rates go by standard time the whole
year, wrong by `clock_offset_s`; what its clock shows drifts away from that by `drift_ppm`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from protocols.model import Kind, Quantity
from protocols.quantities import BY_NAME
from simulators.digits import Digits, Nameplate
from simulators.load import EPOCH, RATES, Counts, Load, mixed, seconds_of
from simulators.past import Era, Past, Way
from simulators.snapshot import MEASURED, PEAK_ENDS, Snapshot
from simulators.wiring import Wiring

_WS_PER_KWH: Final = 3_600_000
_DECIMALS: Final = BY_NAME["active_energy_import"].decimals
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
    drift_ppm: int = 0
    drift_from: datetime = EPOCH
    word_3: int = 0
    """The status word 3 until something happens."""
    past: Past = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "past", Past(self.load))
        if self.phases not in (1, 3) or self.tick_s < 1:
            raise ValueError(
                f"{self.phases} phases, tick {self.tick_s} s: expected 1 or 3 phases, whole seconds from 1"
            )

    def clock(self, now: datetime) -> datetime:
        """What its clock shows at `now`; without a zone, as the meter states none."""
        at = now.astimezone(UTC)
        shown = at + timedelta(seconds=self.utc_offset_s + self.clock_offset_s)
        if self.drift_ppm:
            shown += (at - self.drift_from) * self.drift_ppm / 1_000_000
        return shown.replace(tzinfo=None, microsecond=0)

    def change(self, at: datetime, **traits: Any) -> None:
        """From `at` on some traits of `Era` are others; registers are refreshed at once. Raises `ValueError` where
        something has happened later than `at`."""
        self.past.begin(self._untouched(at), **traits)

    def clear(self, at: datetime) -> None:
        """All energies and maximum demands are 0 at `at`."""
        self.change(at)
        second = self.second(at)
        taken, given = self.counters("import", second), self.counters("export", second)
        self.past.zero(taken, given)

    def clear_demand(self, at: datetime) -> None:
        """The maximum demands are 0 at `at`."""
        self.change(at, demand_from=self.second(at))

    def era(self, at: datetime) -> Era:
        """What holds at `at`."""
        return self.past.at(at) or self._untouched(at)

    def rewire(self, at: datetime, wiring: Wiring) -> None:
        """From `at` on it measures like that."""
        self.change(at, wiring=wiring, counts=wiring.counted(self.load.split, self.phases))

    def stolen(self, at: datetime) -> Decimal | None:
        """kWh that were used behind it up to its last refreshment and not counted, cut to the stored step; None: nobody
        ever stole."""
        ws = self.past.stolen(self.snapshot(at).second)
        return None if ws is None else Decimal(ws * 10**_DECIMALS // _WS_PER_KWH).scaleb(-_DECIMALS)

    def _untouched(self, at: datetime) -> Era:
        return Era(at, self.second(at), self.load, word_3=self.word_3)

    def second(self, at: datetime) -> int:
        """`at` as its load and its counters go by."""
        return seconds_of(at, self.utc_offset_s + self.clock_offset_s)

    def unix(self, second: int) -> int:
        """A second of its local time in seconds since 1970, as who knows its zone reads its clock."""
        return (EPOCH - _UNIX) // timedelta(seconds=1) + second - self.utc_offset_s

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
        return {quantity: self._shown(quantity, digits[quantity], snapshot, energies) for quantity in quantities}

    def value(self, quantity: Quantity, at: datetime) -> Decimal | None:
        """One of them."""
        return self.values(at, (quantity,))[quantity]

    def snapshot(self, at: datetime) -> Snapshot:
        """The measured side of it, at the last tick or when something happened since."""
        refreshed, era = self.refreshed(at), self.past.at(at)
        if era is not None and era.since > refreshed:
            refreshed = era.since
        elif era is None:
            era = self.era(refreshed)
        return Snapshot(self.phases, self.second(refreshed), self.seed, era, self.past)

    def _shown(self, quantity: Quantity, digits: Digits, snapshot: Snapshot, energies: _Energies) -> Decimal | None:
        if quantity.kind is Kind.CUMULATIVE:
            return energies.shown(quantity.name, digits)
        if quantity.kind is Kind.TIME:
            end = PEAK_ENDS[quantity.name](snapshot)
            return Decimal(self.unix(end)) if end else None
        ratio = MEASURED[quantity.name](snapshot)
        return None if ratio is None else digits.shown(*ratio)

    def counters(self, way: Way, second: int) -> Counts:
        """Watt-seconds by rate at a second of its load."""
        return self.counted(way, second, self.past.at_second(second))

    def counted(self, way: Way, second: int, era: Era | None) -> Counts:
        """The same where `era` is known."""
        start = self.start.taken if way == "import" else self.start.given
        zero = (0, 0, 0, 0) if era is None else era.zero_taken if way == "import" else era.zero_given
        one, two, three, four = (
            wh * 3600 + flowed - less
            for wh, flowed, less in zip(start, self.past.flowed(way, second, era), zero, strict=True)
        )
        return one, two, three, four


class _Energies:
    """The counters at one moment. A total is the sum of its rates as they are shown, so that they always add up."""

    def __init__(self, meter: VirtualMeter, snapshot: Snapshot) -> None:
        self._meter = meter
        self._load = meter.load
        self._snapshot = snapshot
        self._apparent = snapshot.apparent
        self._by_rate = meter.plate.by_rate
        self._counted: dict[Way, Counts] = {}

    def shown(self, name: str, digits: Digits) -> Decimal:
        kind, _, flow = name.partition("_energy_")
        way, _, rate = flow.partition("_t")
        if kind == "active" and rate:
            return digits.shown(
                self._counters("import" if way == "import" else "export")[int(rate) - 1], _WS_PER_KWH, counts=True
            )
        steps = sum(self._total(direction, per_mille, digits) for direction, per_mille in self._parts(kind, way))
        return digits.shown(steps * digits.mantissa, 10**digits.decimals, counts=True)

    def _parts(self, kind: str, way: str) -> tuple[tuple[Way, int], ...]:
        """Which counters make the total, and in what proportion (thousandths)."""
        reactive = self._load.reactive
        parts: dict[tuple[str, str], tuple[tuple[Way, int], ...]] = {
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
        }
        return parts[kind, way]

    def _total(self, way: Way, per_mille: int, digits: Digits) -> int:
        """In whole multiples of the digits' unit."""
        unit = digits.mantissa * _WS_PER_KWH * 1000
        counters = self._counters(way)
        if not self._by_rate:
            return sum(counters) * per_mille * digits.units // unit
        return sum(counter * per_mille * digits.units // unit for counter in counters)

    def _counters(self, way: Way) -> Counts:
        if way not in self._counted:
            self._counted[way] = self._meter.counted(way, self._snapshot.second, self._snapshot.era)
        return self._counted[way]
