"""What pushing meters have at a moment, for as many of them at once as one likes: pure functions of seed, meter's
number and time, in whole units of the last digit. Nothing is kept, so the truth of any slot can be had at any time.

Energy is the exact integral of a power that stands still for a quarter of an hour of local standard time, cut off at
the last digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import numpy as np
import numpy.typing as npt

from protocols.push.readings import Ints
from simulators.deeds import Deed
from simulators.push.bends import UNIT, WHOLE, bends_of
from simulators.push.table import QUANTITIES, PushTable
from simulators.truth import STOLEN
from simulators.wiring import ALL

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
_CENTS: Final = 3_600_000
"""Of watts x per cent x seconds in a hundredth of a kWh."""
_MILLION: Final = 1_000_000
_TURN: Final = 10**8
"""Where the energy register starts again."""


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
    local = local_second(second, offset_s)
    quarter = local % _DAY_S // _QUARTER_S
    watts = 60 + (drawn(seed, meters, 1) % np.uint64(2000)).astype(np.int64)
    if quantity == "active_energy_import":
        start = (drawn(seed, meters, 2) % np.uint64(40_000_000)).astype(np.int64)
        return (start + watts * shape_up_to(local) // _CENTS) % _TURN
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


def local_second(second: int, offset_s: int) -> int:
    """Of the meters' standard time, counted from when the counting began."""
    return second + offset_s - _EPOCH_S


def shape_up_to(local: int) -> int:
    """The integral of the day's shape, in per cent x seconds."""
    day, within = divmod(local, _DAY_S)
    quarter, rest = divmod(within, _QUARTER_S)
    return (day * int(_SO_FAR[-1]) + int(_SO_FAR[quarter])) * _QUARTER_S + int(_SHAPE[quarter]) * rest


def own_watts(seed: int, meter: int) -> int:
    """What the meter's shape is multiplied with."""
    return 60 + int(drawn(seed, np.array([meter]), 1)[0] % np.uint64(2000))


class Values:
    """What the meters of a fleet have at a moment, with what their customers do and what total meters see."""

    def __init__(self, table: PushTable, seed: int, offset_s: int, deeds: Sequence[Deed] = ()) -> None:
        self.table = table
        self.seed = seed
        self.offset_s = offset_s
        self._bends = bends_of(
            deeds, lambda meter: own_watts(seed, meter),
            lambda at: local_second(int(at.timestamp()), offset_s),
        )  # fmt: skip
        self._thieves = {deed.customer.number for deed in deeds if deed.what == "theft"}

    def column(self, quantity: str, meters: Ints, second: int) -> Ints:
        """The numbers of `meters` (counted from 0), in order, in units of the last digit. Raises `KeyError`."""
        numbers = column(self.seed, quantity, meters, second, self.offset_s)
        first, last = int(meters[0]), int(meters[-1])
        local = local_second(second, self.offset_s)
        for meter in self._bends if quantity != "frequency" else ():
            if first <= meter <= last:
                place = int(np.searchsorted(meters, meter))
                if meters[place] == meter:
                    numbers[place] = self._bent(quantity, meter, local, int(numbers[place]), second)
        if self.table.totals is not None and quantity not in ("frequency", "voltage_l1"):
            for place, meter in enumerate(meters.tolist()):
                if not self.table.is_customer(meter):
                    numbers[place] = self._total(quantity, meter, local, second)
        return numbers

    def stolen(self, meter: int, second: int) -> int | None:
        """In 0.0001 kWh; None: nobody steals there."""
        if meter not in self._thieves:
            return None
        used, counted = self._energies(meter, local_second(second, self.offset_s))
        return (used - counted) * 100 // (UNIT * _CENTS)

    def _energies(self, meter: int, local: int) -> tuple[int, int]:
        """Used and counted, in `UNIT` parts of watts x per cent x seconds."""
        watts = own_watts(self.seed, meter)
        plain = watts * shape_up_to(local) * UNIT
        parts = [bend.corrections(watts, local, shape_up_to) for bend in self._bends.get(meter, ())]
        return plain + sum(part[0] for part in parts), plain + sum(part[1] for part in parts)

    def _now(self, meter: int, local: int) -> tuple[int, int]:
        """Thousandths of watts that are used, and hundred-thousandths of them that are measured."""
        bend = next((bend for bend in self._bends.get(meter, ()) if bend.holds(local)), None)
        if bend is None:
            return own_watts(self.seed, meter) * WHOLE, ALL
        return bend.watts * bend.use, bend.wiring.currents[0] * 100 if bend.steals(local) else ALL

    def _bent(self, quantity: str, meter: int, local: int, plain: int, second: int) -> int:
        if quantity == "active_energy_import":
            start = int(drawn(self.seed, np.array([meter]), 2)[0] % np.uint64(40_000_000))
            return (start + self._energies(meter, local)[1] // (UNIT * _CENTS)) % _TURN
        if quantity == "voltage_l1":
            return plain
        watts, seen = self._now(meter, local)
        return self._instantaneous(quantity, watts * seen, UNIT, meter, local, second)

    def _instantaneous(self, quantity: str, watts: int, over: int, meter: int, local: int, second: int) -> int:
        percent = int(_SHAPE[local % _DAY_S // _QUARTER_S])
        if quantity == "active_power":
            return watts * percent // (10 * over)
        volts = int(column(self.seed, "voltage_l1", np.array([meter]), second, self.offset_s)[0])
        return watts * percent * 100 // (volts * over)

    def _total(self, quantity: str, meter: int, local: int, second: int) -> int:
        totals = self.table.totals
        assert totals is not None
        members = [one for one in self.table.meters_of(meter // self.table.per_gateway) if one != meter]
        if quantity == "active_energy_import":
            used = sum(self._energies(one, local)[0] for one in members) // UNIT
            used += used * totals.loss_ppm // _MILLION + totals.loss_w * 100 * local
            return used // (_CENTS * totals.ratio) % _TURN
        watts = sum(self._now(one, local)[0] for one in members) // WHOLE
        watts += watts * totals.loss_ppm // _MILLION
        percent = max(int(_SHAPE[local % _DAY_S // _QUARTER_S]), 1)
        watts += totals.loss_w * 100 // percent
        over = totals.ratio if quantity == "active_power" else 3 * totals.ratio
        return self._instantaneous(quantity, watts, over, meter, local, second)


class PushTruth:
    """What meters of one fleet have: the same numbers that they push."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def at(self, meter: str, quantity: str, time: datetime) -> Decimal | None:
        """Also of `stolen_energy`, None where nobody steals. Raises `LookupError` for a meter or quantity that the
        fleet does not have."""
        table = self._values.table
        fleet, _, number = meter.rpartition("-")
        if fleet != table.name or not number.isdigit() or not 1 <= int(number) <= table.meters:
            raise LookupError(f"no meter {meter} in the fleet {table.name}")
        if quantity == STOLEN:
            stolen = self._values.stolen(int(number) - 1, _second(time))
            return None if stolen is None else Decimal(stolen).scaleb(-4)
        return self._shown(quantity, np.array([int(number) - 1]), time)[0]

    def all(self, quantity: str, time: datetime) -> list[Decimal]:
        """Of every meter, in order. Raises `LookupError`."""
        return self._shown(quantity, np.arange(self._values.table.meters), time)

    def _shown(self, quantity: str, meters: Ints, time: datetime) -> list[Decimal]:
        numbers = self._values.column(quantity, meters, _second(time))
        return [Decimal(number).scaleb(-QUANTITIES[quantity].decimals) for number in numbers.tolist()]


def _second(time: datetime) -> int:
    return (time - datetime.fromisoformat("1970-01-01T00:00:00+00:00")) // timedelta(seconds=1)
