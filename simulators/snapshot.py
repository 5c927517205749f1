"""What a meter measures at one moment, as exact fractions, before its register cuts them to its digits.

Power is split over the phases; reactive and apparent power are fixed shares of the active one, so that their energies
are as exact as its own. All numbers are pairs (number, over): number / over in the quantity's unit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from math import isqrt
from typing import Final, TypeAlias

from simulators.load import DEMAND_S, Peak, mixed
from simulators.past import Era, Past
from simulators.wiring import HONEST

Ratio: TypeAlias = tuple[int, int] | None
"""None: this meter has no such value."""

_VOLTAGE: Final = 2300
_FREQUENCY: Final = 5000


class Snapshot:
    """One meter at one second of its local time."""

    def __init__(self, phases: int, second: int, seed: int, era: Era, past: Past) -> None:
        self.load = era.measured
        self.phases = phases
        self.second = second
        self.seed = seed
        self.era = era
        self._past = past
        self.apparent = isqrt(1_000_000 + self.load.reactive**2)
        """Apparent in thousandths of active."""

    @cached_property
    def drawn(self) -> tuple[int, int, int]:
        """Watts by phase that flow, whatever the meter sees of them: import positive, export negative."""
        if not self.era.flows:
            return 0, 0, 0
        watts = self.load.taken.watts(self.second) * self.era.measured_use // 1000 - self.load.given.watts(self.second)
        if self.phases == 1:
            return watts, 0, 0
        size = abs(watts)
        first, second = size * self.load.split[0] // 100, size * self.load.split[1] // 100
        third = size - first - second
        return (first, second, third) if watts >= 0 else (-first, -second, -third)

    @property
    def watts(self) -> int:
        """What the meter sees of it."""
        return sum(self.phase_watts)

    @cached_property
    def phase_watts(self) -> tuple[int, int, int]:
        if self.era.wiring == HONEST:
            return self.drawn
        first, second, third = (self._through(n) if self.has_voltage(n) else 0 for n in (1, 2, 3))
        return first, second, third

    def _through(self, phase: int) -> int:
        """Watts that the phase's current through the meter stands for; negative: against the load's way."""
        drawn, share = self.drawn[phase - 1], self.era.wiring.currents[phase - 1]
        size = abs(drawn) * abs(share) // 1000
        return size if (drawn < 0) == (share < 0) else -size

    def has_voltage(self, phase: int) -> bool:
        return self.era.awake and self.era.wiring.voltages[phase - 1]

    def has(self, phase: int) -> bool:
        return phase <= self.phases

    def volts(self, phase: int) -> int:
        """In 0.1 V; it wavers with every moment."""
        return self._supplied(phase) if self.has_voltage(phase) else 0

    def _supplied(self, phase: int) -> int:
        return _VOLTAGE - 30 + mixed(self.seed, self.second * 4 + phase) % 61

    def reactive(self, phase: int) -> int:
        """In var; inductive whichever way the active power flows."""
        return abs(self.phase_watts[phase - 1]) * self.load.reactive // 1000

    def volt_amperes(self, phase: int) -> int:
        return abs(self.phase_watts[phase - 1]) * self.apparent // 1000

    def milliamperes(self, phase: int) -> int:
        """Whether the meter has the phase's voltage or not."""
        if not self.era.awake:
            return 0
        return abs(self._through(phase)) * self.apparent // 1000 * 10_000 // self._supplied(phase)

    @property
    def neutral_milliamperes(self) -> int:
        """A wire around the meter leads past the live side only: what is used comes back through the neutral."""
        currents = [self.milliamperes(phase) for phase in range(1, self.phases + 1)]
        if self.phases > 1 or not self.era.awake:
            return max(currents) - min(currents)
        return abs(self.drawn[0]) * self.apparent // 1000 * 10_000 // self._supplied(1)

    @property
    def hertz(self) -> int:
        """In 0.01 Hz."""
        if not self.era.awake:
            return 0
        return _FREQUENCY - 5 + mixed(self.seed, self.second * 4) % 11

    @property
    def demand(self) -> int:
        """Watts on the average of the last whole demand period; export negative."""
        end = self.second // DEMAND_S * DEMAND_S
        if self._past.eras:
            return self._past.average("import", end) - self._past.average("export", end)
        return self.load.taken.average(end) - self.load.given.average(end)

    @cached_property
    def peak_taken(self) -> Peak:
        return self._past.peak("import", self.second) if self._past.eras else self.load.taken.peak(self.second)

    @cached_property
    def peak_given(self) -> Peak:
        return self._past.peak("export", self.second) if self._past.eras else self.load.given.peak(self.second)


def _sum(of: Callable[[Snapshot, int], int], over: int) -> Callable[[Snapshot], Ratio]:
    return lambda s: (sum(of(s, phase) for phase in range(1, s.phases + 1)), over)


def _phase(of: Callable[[Snapshot, int], int], over: int, phase: int) -> Callable[[Snapshot], Ratio]:
    return lambda s: (of(s, phase), over) if s.has(phase) else None


def _factor(phase: int) -> Callable[[Snapshot], Ratio]:
    """Phase 0 is the total. Negative while power is given back; 1 while none flows."""

    def factor(s: Snapshot) -> Ratio:
        if not s.has(phase):
            return None
        watts = s.phase_watts[phase - 1] if phase else s.watts
        size = 1_000_000 // s.apparent if watts else 1000
        return (size if watts >= 0 else -size), 1000

    return factor


def _neutral(s: Snapshot) -> Ratio:
    return s.neutral_milliamperes, 1000


def _direction(s: Snapshot) -> Ratio:
    """Status word 1: bit 4 is set while active power is given back (DL/T 645-2007)."""
    return (1 << 4 if s.watts < 0 else 0) | (s.era.faults & 0xFFFF), 1


def _faults(s: Snapshot, number: int) -> Ratio:
    """Status word `number`: what lasts."""
    return (s.era.faults >> 16 * (number - 1)) & 0xFFFF, 1


def _phase_directions(s: Snapshot) -> Ratio:
    """Status word 2: bits 0 to 2 are set while the phase's active power is given back."""
    return sum(1 << bit for bit, watts in enumerate(s.phase_watts) if watts < 0), 1


_BY_PHASE: Final[Mapping[str, tuple[Callable[[Snapshot, int], int], int]]] = {
    "voltage": (Snapshot.volts, 10),
    "current": (Snapshot.milliamperes, 1000),
    "active_power": (lambda s, phase: s.phase_watts[phase - 1], 1000),
    "reactive_power": (Snapshot.reactive, 1000),
    "apparent_power": (Snapshot.volt_amperes, 1000),
}

MEASURED: Final[Mapping[str, Callable[[Snapshot], Ratio]]] = {
    **{f"{name}_l{n}": _phase(of, over, n) for name, (of, over) in _BY_PHASE.items() for n in (1, 2, 3)},
    "active_power": lambda s: (s.watts, 1000),
    "reactive_power": _sum(Snapshot.reactive, 1000),
    "apparent_power": _sum(Snapshot.volt_amperes, 1000),
    "power_factor": _factor(0),
    **{f"power_factor_l{n}": _factor(n) for n in (1, 2, 3)},
    "current_neutral": _neutral,
    "frequency": lambda s: (s.hertz, 100),
    "active_demand": lambda s: (s.demand, 1000),
    "reactive_demand": lambda s: (abs(s.demand) * s.load.reactive // 1000, 1000),
    "active_demand_import_max": lambda s: (s.peak_taken.watts, 1000),
    "active_demand_export_max": lambda s: (s.peak_given.watts, 1000),
    "reactive_demand_import_max": lambda s: (s.peak_taken.watts * s.load.reactive // 1000, 1000),
    "reactive_demand_export_max": lambda _: (0, 1),
    "status_word_1": _direction,
    "status_word_2": _phase_directions,
    "status_word_3": lambda s: (s.era.word_3, 1),
    **{f"status_word_{n}": partial(_faults, number=n) for n in (4, 5, 6, 7)},
}
"""Quantity name to its value; energies are counted by the meter (`simulators.meter`)."""

PEAK_ENDS: Final[Mapping[str, Callable[[Snapshot], int]]] = {
    "active_demand_import_max_time": lambda s: s.peak_taken.at,
    "active_demand_export_max_time": lambda s: s.peak_given.at,
    "reactive_demand_import_max_time": lambda s: s.peak_taken.at,
    "reactive_demand_export_max_time": lambda _: 0,
}
"""Quantity name to the second of local time at which the period of the maximum demand ended; 0: there was none."""
