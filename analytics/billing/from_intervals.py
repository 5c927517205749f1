"""Determinants from intervals, by a tariff's bands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from analytics.billing.determinants import TOTAL, Demand, Determinants, Part, utc
from analytics.billing.errors import DeterminantFault
from analytics.billing.exact import EXACT, KWH, plain
from analytics.billing.stretches import cycle
from analytics.billing.tariff.tariff import Tariff

HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Interval:
    """Energy of [start, start + step), multiplied. In the hour that an autumn repeats the offset tells them apart."""

    start: datetime
    kwh: Decimal
    estimated: bool = False


def from_intervals(
    point: str,
    start: datetime,
    end: datetime,
    intervals: Iterable[Interval],
    tariff: Tariff,
    *,
    step: timedelta,
    register: Decimal | None = None,
    tolerance: Decimal = Decimal(0),
    **more: Any,
) -> Determinants:
    """Energies by stretch and band, and the highest demand over `step` by band with the interval's start.

    `register`: the cycle's energy by the registers. Complete intervals have to agree with it within `tolerance`, kWh.
    Where intervals are missing, what the register has more is shared out evenly over them, as an estimate that is told;
    without a register missing intervals are an error. `more`: further determinants. Raises `DeterminantFault`.
    """
    first, last = utc(start), utc(end)
    known = _by_start(point, first, last, intervals, step)
    missing = [moment for moment in _moments(first, last, step) if moment not in known]
    notes = []
    if missing:
        known |= _estimated(point, missing, sum((i.kwh for i in known.values()), Decimal(0)), register, tariff)
        notes.append(f"{len(missing)} of {len(known)} intervals are missing: estimated from the registers")
    elif register is not None:
        added = sum((interval.kwh for interval in known.values()), Decimal(0))
        if abs(added - register) > tolerance:
            message = f"intervals add up to {added} kWh, the registers to {register} kWh: more than {tolerance} apart"
            raise DeterminantFault(point, message)
    parts = []
    demand: dict[str, Demand] = {}
    to_kw = EXACT.divide(Decimal(HOUR // timedelta(seconds=1)), Decimal(step // timedelta(seconds=1)))
    for stretch in cycle(tariff, first, last).stretches:
        energy = {TOTAL: Decimal(0)} | {
            band: Decimal(0) for table in stretch.rules.tables.values() for band in dict.fromkeys(table)
        }
        estimated = Decimal(0)
        for moment in _moments(stretch.start, stretch.end, step):
            interval = known[moment]
            band = _band(point, tariff, moment, step)
            kw = EXACT.multiply(interval.kwh, to_kw)
            for name in (TOTAL, band) if band else (TOTAL,):
                energy[name] += interval.kwh
                if name not in demand or kw > demand[name].kw:
                    demand[name] = Demand(kw, moment, "intervals")
            estimated += interval.kwh if interval.estimated else Decimal(0)
        parts.append(Part(stretch.start, stretch.end, energy, {}, estimated))
    complete = EXACT.divide(Decimal(len(known) - len(missing)), Decimal(len(known)))
    given: Mapping[str, Any] = {"demand": demand, "completeness": complete, **more}
    return Determinants(
        point=point, start=start, end=end, parts=tuple(parts), notes=(*notes, *more.get("notes", ())),
        **{key: value for key, value in given.items() if key != "notes"},
    )  # fmt: skip


def _by_start(
    point: str, start: datetime, end: datetime, intervals: Iterable[Interval], step: timedelta
) -> dict[datetime, Interval]:
    known: dict[datetime, Interval] = {}
    for interval in intervals:
        if interval.start.tzinfo is None:
            message = (
                f"an interval at {interval.start} carries no zone: in autumn an hour comes twice, write its offset"
            )
            raise DeterminantFault(point, message)
        moment = utc(interval.start)
        if not start <= moment < end:
            raise DeterminantFault(point, f"an interval at {interval.start.isoformat()} is not within the cycle")
        if (moment - start) % step:
            raise DeterminantFault(point, f"an interval at {interval.start.isoformat()} is off the grid of {step}")
        if moment in known:
            message = f"two intervals begin at {interval.start.isoformat()} ({moment.isoformat()}): which one holds?"
            raise DeterminantFault(point, message)
        if not interval.kwh.is_finite() or interval.kwh < 0:
            raise DeterminantFault(point, f"{interval.kwh} kWh at {interval.start.isoformat()}, expected 0 or more")
        known[moment] = interval
    return known


def _estimated(
    point: str, missing: list[datetime], added: Decimal, register: Decimal | None, tariff: Tariff
) -> dict[datetime, Interval]:
    local = missing[0].astimezone(tariff.zone).isoformat()
    if register is None:
        raise DeterminantFault(
            point, f"{len(missing)} intervals are missing, the first at {local}, and no register tells their energy"
        )
    left = register - added
    if left < 0:
        raise DeterminantFault(
            point, f"intervals add up to {plain(added)} kWh, more than the {plain(register)} kWh of the registers"
        )
    each = EXACT.divide(left, Decimal(len(missing))).quantize(KWH.step or Decimal(1), ROUND_DOWN, EXACT)
    found = {moment: Interval(moment, each, estimated=True) for moment in missing}
    found[missing[-1]] = Interval(missing[-1], left - each * (len(missing) - 1), estimated=True)
    return found


def _band(point: str, tariff: Tariff, moment: datetime, step: timedelta) -> str:
    local = moment.astimezone(tariff.zone)
    table = tariff.rules_on(local.date()).bands_on(local.date())
    if not table:
        return ""
    minute = local.hour * 60 + local.minute
    held = set(table[minute : minute + step // MINUTE])
    if len(held) > 1:
        raise DeterminantFault(
            point, f"the interval at {local.isoformat()} lies in several bands: expected intervals that fit them"
        )
    return held.pop()


def _moments(start: datetime, end: datetime, step: timedelta) -> list[datetime]:
    return [start + step * count for count in range((end - start) // step)]
