"""A bus keeps its rate whatever some of its meters do: dead ones, one that babbles. In virtual time, at 2400 baud."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import pytest

from headend.collection.line import Line, LinePath
from headend.collection.poller import Poller
from headend.collection.survey import MeterPath
from headend.recording.pending import Pending
from headend.work.plan import Plan
from headend.work.schedule import Every
from protocols import models
from protocols.errors import LinkClosed
from protocols.links.memory import MemoryLink, memory_pair
from protocols.links.open import SCHEMES
from protocols.model import Capture
from protocols.quantities import BY_NAME
from protocols.timing import Timing
from simulators.babble import Babble
from simulators.bus import Bus, Manners
from simulators.dlt645 import Dlt645Stations, Setup
from simulators.serve import serve
from storage.writer import Miss
from tests import soak
from tests.headend.virtual_time import START, Clock, virtually
from tests.simulators.meters import meter

BAUD = 2400
TURNAROUND = 0.02
TIMING = Timing(bits_per_second=BAUD, pause=0.0)
MODEL = models.load("dlt645_2007")
WANTED = ("active_energy_import", "active_energy_export", "voltage_l1", "current_l1", "active_power", "power_factor")
QUANTITIES = tuple(BY_NAME[name] for name in WANTED)


class Plant:
    """One simulated bus in this process and the poller that works it."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, healthy: int, dead: int, plan: Plan, babble: Babble, name: str = "plant"
    ) -> None:
        standing = [meter(number, "dlt645_2007", address=f"{number:012}") for number in range(1, healthy + 1)]
        self.clock = Clock(START)
        manners = Manners(turnaround_s=TURNAROUND, bits_per_second=BAUD, babble=babble)
        self._bus = Bus(Dlt645Stations(standing, Setup()), manners)
        paths = [MeterPath(n, f"m{n}", one.address, MODEL) for n, one in enumerate(standing, 1)]
        paths += [MeterPath(n, f"d{n}", f"{n:012}", MODEL) for n in range(9001, 9001 + dead)]
        paths.sort(key=lambda path: path.address[::-1])  # the dead among the living
        self.pending = Pending(10**7)
        monkeypatch.setitem(SCHEMES, name, self._open)
        line = Line(LinePath(name, f"{name}://bus", "dlt645"), TIMING)
        self.poller = Poller(line, paths, [plan], self.pending, self.clock)
        self._serving: set[asyncio.Task[None]] = set()

    async def _open(self, _url: str, _defaults: Mapping[str, str]) -> MemoryLink:
        near, far = memory_pair()
        task = asyncio.create_task(serve(self._bus.line(), far, self.clock))
        self._serving.add(task)
        return near

    async def work(self, seconds: float) -> None:
        running = asyncio.create_task(self.poller.run())
        await asyncio.sleep(seconds)
        self.poller.stop()
        await running
        for task in self._serving:
            with pytest.raises(LinkClosed):
                await task

    def values(self, healthy_only: bool = True) -> int:
        return sum(
            value is not None
            for record in self.pending._records
            if isinstance(record, Capture) and not (healthy_only and record.meter_id > 9000)
            for value in record.values
        )

    def missed(self) -> list[Miss]:
        return [r for r in self.pending._records if isinstance(r, Miss) and r.meter_id <= 9000]


def saturating(tries: int = 3) -> Plan:
    """More than the line can carry in its slot: what it carries is its rate."""
    return Plan("all the time", Every(30), QUANTITIES, tries=tries)


async def rate(plant: Plant, hours: float) -> float:
    await plant.work(3600 * hours)
    return plant.values() / (3600 * hours)


@virtually
async def test_dead_meters_and_a_babbling_one_cost_only_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    babble = Babble(seed=7, share=0.2, burst_s=2.0)
    undisturbed = await rate(Plant(monkeypatch, 28, 0, saturating(), Babble()), 0.2)  # it is the same at all times
    disturbed = await rate(Plant(monkeypatch, 28, 3, saturating(), babble), 2)
    share = disturbed / (undisturbed * (1 - babble.share))
    assert share >= 0.95, f"{share:.3f} of {undisturbed:.2f} values a second"


@virtually
async def test_a_dead_meter_is_probed_and_is_no_burden(monkeypatch: pytest.MonkeyPatch) -> None:
    plant = Plant(monkeypatch, 4, 2, Plan("minute", Every(60), QUANTITIES, tries=2), Babble())
    await plant.work(6 * 3600)
    assert plant.missed() == []
    assert plant.poller.quarantined == ["d9001", "d9002"]
    assert plant.poller.counters.probes < 2 * 15, "2, 4, 8 ... 60 minutes apart"
    reasons = {r.reason for r in plant.pending._records if isinstance(r, Miss)}
    assert reasons == {"no_answer", "quarantined"}


BUSES = 1000 if soak.SECONDS else 100
HOURS = 2 if soak.SECONDS else 1


@pytest.mark.soak
@virtually
async def test_over_many_buses_hardly_a_healthy_read_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A twentieth of the meters is dead; the buses, a thousand in the long form, work beside each other."""
    plan = Plan("quarter", Every(900), QUANTITIES[:1], tries=2)
    plants = [Plant(monkeypatch, 19, 1, plan, Babble(), f"bus{n}") for n in range(BUSES)]
    await asyncio.gather(*(plant.work(timedelta(hours=HOURS).total_seconds()) for plant in plants))
    healthy = 19 * BUSES * 4 * HOURS
    lost = sum(len(plant.missed()) for plant in plants)
    assert sum(plant.values() for plant in plants) >= healthy
    assert lost < healthy / 1000
