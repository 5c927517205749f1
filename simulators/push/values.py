"""What pushing meters have at a moment, for as many of them at once as one likes: pure functions of seed, meter's
number and time, in whole units of the last digit. Nothing is kept, so the truth of any slot can be had at any time.

Energy is the exact integral of a power that stands still for a quarter of an hour of local standard time, cut off at
the last digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from protocols.push.readings import Ints

_DAY_S: Final = 86_400
_QUARTER_S: Final = 900
_SHAPE: Final = np.repeat(
    np.array([40, 35, 30, 30, 30, 40, 70, 110, 130, 110, 100, 110,
              130, 120, 100, 100, 110, 130, 180, 210, 200, 160, 90, 35], np.int64),
    4,
)  # fmt: skip
"""Per cent of a meter's own power, by quarter of an hour of the local day."""
_SO_FAR: Final = np.concatenate(([0], np.cumsum(_SHAPE))).astype(np.int64)
_EPOCH_S: Final = 1_577_836_800
"""2020-01-01T00:00Z: when the counting began."""
_UNITS: Final = 4000
"""Of 1/400 Wh in a hundredth of a kWh."""
_TURN: Final = 10**8
"""Where the energy register starts again."""


class Digits(NamedTuple):
    """How a quantity is shown: `decimals` of its unit, and the item of DL/T 645-2007 that holds it."""

    decimals: int
    item: str


QUANTITIES: Final[Mapping[str, Digits]] = {
    "active_energy_import": Digits(2, "00010000"),
    "voltage_l1": Digits(1, "02010100"),
    "current_l1": Digits(3, "02020100"),
    "active_power": Digits(4, "02030000"),
    "frequency": Digits(2, "02800002"),
}


def drawn(seed: int, numbers: Ints, salt: int) -> npt.NDArray[np.uint64]:
    """64 evenly mixed bits a number (splitmix64)."""
    with np.errstate(over="ignore"):
        mixed = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed += np.uint64((seed * 0xD1342543DE82EF95 + salt * 0x2545F4914F6CDD1D) & 0xFFFFFFFFFFFFFFFF)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        return mixed ^ (mixed >> np.uint64(31))


def column(seed: int, quantity: str, meters: Ints, second: int, offset_s: int) -> Ints:
    """The numbers of `meters` (counted from 0) at `second` since 1970, in units of the last digit. `offset_s`: of the
    meters' standard time. Raises `KeyError`."""
    local = second + offset_s - _EPOCH_S
    day, within = divmod(local, _DAY_S)
    quarter, rest = divmod(within, _QUARTER_S)
    watts = 60 + (drawn(seed, meters, 1) % np.uint64(2000)).astype(np.int64)
    if quantity == "active_energy_import":
        weight = day * int(_SO_FAR[-1]) + int(_SO_FAR[quarter])
        start = (drawn(seed, meters, 2) % np.uint64(40_000_000)).astype(np.int64)
        return (start + (watts * weight + watts * int(_SHAPE[quarter]) * rest // _QUARTER_S) // _UNITS) % _TURN
    if quantity == "frequency":
        return 4990 + (drawn(seed, np.array([second]), 3) % np.uint64(21)).astype(np.int64).repeat(len(meters))
    if quantity == "active_power":
        return watts * int(_SHAPE[quarter]) // 10
    volts = 2150 + (drawn(seed + second, meters, 4) % np.uint64(170)).astype(np.int64)
    if quantity == "voltage_l1":
        return volts
    if quantity == "current_l1":
        return watts * int(_SHAPE[quarter]) * 100 // volts
    raise KeyError(quantity)


class PushTruth:
    """What meters of one fleet have: the same numbers that they push. `name` is the fleet's."""

    def __init__(self, name: str, meters: int, seed: int, offset_s: int) -> None:
        self._name = name
        self._meters = meters
        self._seed = seed
        self._offset_s = offset_s

    def at(self, meter: str, quantity: str, time: datetime) -> Decimal:
        """Raises `LookupError` for a meter or quantity that the fleet does not have."""
        fleet, _, number = meter.rpartition("-")
        if fleet != self._name or not number.isdigit() or not 1 <= int(number) <= self._meters:
            raise LookupError(f"no meter {meter} in the fleet {self._name}")
        return self._shown(quantity, np.array([int(number) - 1]), time)[0]

    def all(self, quantity: str, time: datetime) -> list[Decimal]:
        """Of every meter, in order. Raises `LookupError`."""
        return self._shown(quantity, np.arange(self._meters), time)

    def _shown(self, quantity: str, meters: Ints, time: datetime) -> list[Decimal]:
        second = (time - datetime.fromisoformat("1970-01-01T00:00:00+00:00")) // timedelta(seconds=1)
        numbers = column(self._seed, quantity, meters, second, self._offset_s)
        return [Decimal(number).scaleb(-QUANTITIES[quantity].decimals) for number in numbers.tolist()]
