"""The promise of the whole stack: on a bad line the driver may give up, but never gives a wrong value.

The meters' clock goes on by a second with each chunk they hear, and all that is read moves with it: so an answer to an
earlier request is told from the right one, always, however late it comes.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from protocols.driver import Driver
from protocols.errors import NoAnswer
from protocols.links.faults import Faults
from protocols.links.memory import memory_pair
from protocols.model import Quantity
from protocols.timing import Timing
from simulators.bus import Bus, Manners, Stations
from simulators.dlt645 import Dlt645Stations, Quirks
from simulators.meter import VirtualMeter
from simulators.modbus import ModbusStations
from simulators.serve import serve
from tests.simulators.meters import EVENING, meter
from tests.simulators.reading import WIRES, Line, exact, plan_of

TIMING = Timing(response=0.06, latency=0.0, gap=0.03, pause=0.02, late=0.8, retries=2)
FAULTS = Faults(
    noise=0.1,
    drop=0.05,
    cut=0.05,
    late=0.1,
    late_s=(0.05, 0.2),
    half=0.1,
    half_s=0.01,
    duplicate=0.1,
    duplicate_s=0.01,
)
KINDS = {
    "dlt645": (FAULTS, "", Quirks(fe=2)),
    "dlt645 in pieces": (FAULTS, "", Quirks(most_data=12)),
    "modbus rtu": (replace(FAULTS, corrupt=0.1), "rtu", None),
    # A stream never loses or mixes bytes, and the framing has no check sum that would tell.
    "modbus tcp": (replace(FAULTS, noise=0.0, cut=0.0, half=0.0), "tcp", None),
}


class Ticking:
    """A clock that goes on when it is looked at."""

    def __init__(self) -> None:
        self.now = EVENING

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def stations(framing: str, quirks: Quirks | None) -> tuple[list[VirtualMeter], Stations]:
    if quirks is not None:
        meters = [meter(n, name=f"m-{n}", address=f"26000000{n:04d}") for n in (1, 2, 3)]
        return meters, Dlt645Stations(meters, quirks)
    meters = [meter(n, "eastron_sdm630", name=f"m-{n}", address=str(n)) for n in (1, 2, 3)]
    return meters, ModbusStations(meters, "rtu" if framing == "rtu" else "tcp")


async def rounds(kind: str, seed: int) -> tuple[int, int, list[str], Driver[Any]]:
    """Conversations that succeeded and failed, what was wrong, and the driver that held them."""
    faults, framing, quirks = KINDS[kind]
    meters, made = stations(framing, quirks)
    clock = Ticking()
    near, far = memory_pair()
    bus = Bus(made, Manners(turnaround_s=0.001, gap_s=1e6, faults=replace(faults, seed=seed)))
    serving = asyncio.create_task(serve(bus.line(), far, clock))
    wire = WIRES[framing]()
    line = Line(Driver(near, wire.reader(), TIMING), wire)
    good = bad = 0
    faulty: list[str] = []
    for _ in range(2):
        for one in meters:
            for read in list(plan_of(one, EVENING))[:8]:
                asked = clock.now
                try:
                    values = await line.read(one, read)
                except NoAnswer:
                    bad += 1
                    continue
                good += 1
                moments = [asked + timedelta(seconds=n) for n in range(1, int((clock.now - asked).total_seconds()) + 1)]
                for value in values:
                    quantity = value.part.quantity
                    if quantity is not None and exact(value, clock.now) not in had(one, quantity, moments):
                        faulty.append(f"{one.name} {quantity.name} {value.decimal}")
    serving.cancel()
    await asyncio.wait({serving})
    return good, bad, faulty, line.driver


def had(one: VirtualMeter, quantity: Quantity, moments: list[datetime]) -> set[Decimal | None]:
    return {one.value(quantity, moment) for moment in moments}


@pytest.mark.parametrize("kind", KINDS)
async def test_no_wrong_value_on_a_bad_line(kind: str) -> None:
    results = await asyncio.gather(*(rounds(kind, seed) for seed in range(1, 7)))
    assert [fault for _, _, faulty, _ in results for fault in faulty] == []
    good, bad = sum(result[0] for result in results), sum(result[1] for result in results)
    assert good > 4 * bad, "most conversations succeed"
    counters = [driver.counters for *_, driver in results]
    assert sum(c.timeouts for c in counters) > 0
    assert sum(c.strays for c in counters) > 0, "late and doubled answers did come"


async def test_the_same_without_the_driver_s_care_would_be_wrong() -> None:
    """The test above can fail: a driver that lets no late answers run out takes old values for new ones."""
    careless = replace(TIMING, response=0.03, late=0.0, pause=0.0, retries=0)
    one = meter(1, address="260000000001", load="home")
    clock = Ticking()
    near, far = memory_pair()
    manners = Manners(turnaround_s=0.0, gap_s=1e6, faults=Faults(seed=1, late=1.0, late_s=(0.035, 0.055)))
    serving = asyncio.create_task(serve(Bus(Dlt645Stations([one]), manners).line(), far, clock))
    wire = WIRES[""]()
    line = Line(Driver(near, wire.reader(), careless), wire)
    read = one.plate.model.read("voltage_l1")
    stale = 0
    for _ in range(20):
        asked = clock.now
        try:
            (value,) = await line.read(one, read)
        except NoAnswer:
            continue
        moments = [asked + timedelta(seconds=n) for n in range(1, int((clock.now - asked).total_seconds()) + 1)]
        assert value.part.quantity is not None
        stale += value.decimal not in had(one, value.part.quantity, moments)
    serving.cancel()
    await asyncio.wait({serving})
    assert stale


def test_the_values_move_with_every_second() -> None:
    """What the tests above rest on."""
    one = meter(1)
    moving = one.plate.model.read("voltage_l1").quantities[0]
    values = [one.value(moving, EVENING + timedelta(seconds=n)) for n in range(100)]
    assert len(set(values)) > 30
