"""Every stored reading against what the meter really had, and every lacking one against what is known to be missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from protocols import models
from protocols.model import Quantity
from protocols.quantities import HOME
from simulators.truth import Truth
from storage.reader import Reader
from storage.registry import Registry


@dataclass(frozen=True, slots=True)
class Verdict:
    """`wrong`: readings that differ from the truth; `unknown`: expected ones neither there nor known to be missing."""

    readings: int
    expected: int
    missing: int
    wrong: list[str]
    unknown: list[str]
    twice: int


async def judge(conninfo: str, truth_file: Path, start: datetime, end: datetime) -> Verdict:
    """Over [start, end): compares with what stands in the view `reading`, cell by cell."""
    truth = Truth.load(truth_file)
    registry, reader = Registry(conninfo), Reader(conninfo)
    try:
        meters = {meter.id: meter for meter in await registry.meters()}
        plans = await registry.plans()
        readings = await reader.readings(list(meters), start, end)
        missing = {(m.meter_id, m.layout, m.time) for m in await reader.expected_missing(start, end)}
    finally:
        await registry.close()
        await reader.close()
    wrong = []
    there: set[tuple[int, Quantity, datetime]] = set()
    for reading in readings:
        there.add((reading.meter_id, reading.quantity, reading.time))
        really = truth.at(meters[reading.meter_id].name, reading.quantity, reading.time)
        if reading.value != really:
            wrong.append(
                f"{meters[reading.meter_id].name} {reading.quantity.name} {reading.time}: {reading.value} != {really}"
            )
    unknown = []
    expected = 0
    for plan in plans:
        assert plan.period_s is not None
        slot = _first_slot(max(start, plan.valid_from), plan.period_s)
        while slot < end:
            for meter in meters.values():
                if meter.created and slot < meter.created:
                    continue
                for quantity in set(plan.quantities) & set(models.load(meter.model).quantities):
                    expected += 1
                    known = (meter.id, HOME[quantity.id][0].id, slot) in missing
                    if (meter.id, quantity, slot) not in there and not known:
                        unknown.append(f"{meter.name} {quantity.name} {slot}")
            slot += timedelta(seconds=plan.period_s)
    return Verdict(len(readings), expected, len(missing), wrong, unknown, len(readings) - len(there))


def _first_slot(moment: datetime, period_s: int) -> datetime:
    return datetime.fromtimestamp(-(-moment.timestamp() // period_s) * period_s, moment.tzinfo)
