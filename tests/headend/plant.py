"""Lines of simulated DL/T 645 meters inside the process: what they keep is their truth, at the pace of a real bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from headend.collection.line import Line
from headend.collection.poller import Poller
from headend.collection.recovery import Gaps
from headend.collection.survey import MeterPath
from headend.recording.pending import Pending, Record
from headend.work.plan import Plan
from protocols import models
from protocols.dlt645.frame import Frame
from protocols.errors import LinkClosed, LinkUnreachable
from protocols.links.memory import MemoryLink, memory_pair
from protocols.model import Capture, Quantity
from protocols.timing import Timing
from simulators.bus import Bus, Late, Manners
from simulators.dlt645 import Dlt645Stations
from simulators.meter import VirtualMeter
from simulators.serve import serve
from storage.writer import Miss
from tests.headend.bus import path
from tests.headend.memory_gaps import MemoryGaps
from tests.simulators.meters import meter as simulated

ZONE: Final = ZoneInfo("Asia/Shanghai")
MODEL: Final = models.load("dlt645_2007")
TIMING: Final = Timing(response=0.5, latency=0.0, gap=0.1, pause=0.0, retries=0, late=1.0, bits_per_second=2400)


class _Some(Dlt645Stations):
    """`dead` addresses say nothing; `asked` is who was asked, and when."""

    def __init__(self, meters: Sequence[VirtualMeter], dead: set[str], asked: list[tuple[str, datetime]]) -> None:
        super().__init__(meters)
        self._dead = dead
        self._asked = asked

    def answers(self, frame: Frame, now: datetime) -> list[bytes | Late]:
        address = frame.address[::-1].hex()
        self._asked.append((address, now))
        return [] if address in self._dead else super().answers(frame, now)


class SimulatedLine:
    """Meter n of line l has id 100 l + n; `down` is a DTU without power."""

    def __init__(
        self, number: int, count: int, clock: Callable[[], datetime], bits_per_second: int = 2400, **traits: Any
    ) -> None:
        self.name = f"line{number}"
        self.clock = clock
        self.dead: set[str] = set()
        self.asked: list[tuple[str, datetime]] = []
        self.meters = {
            100 * number + n: simulated(100 * number + n, address=f"{100 * number + n:012}", **traits)
            for n in range(1, count + 1)
        }
        self.paths = [MeterPath(i, f"m{i}", one.address, MODEL, ZONE) for i, one in self.meters.items()]
        manners = Manners(bits_per_second=bits_per_second)
        self._stations = _Some(list(self.meters.values()), self.dead, self.asked)
        self._bus = Bus(self._stations, manners)
        self._far: MemoryLink | None = None
        self._down = False
        self._serving: asyncio.Task[None] | None = None

    def address(self, meter_id: int) -> str:
        return self.meters[meter_id].address

    def happen(self, meter_id: int, kind: str, at: datetime, seconds: float | None = None) -> None:
        self._stations.station(self.meters[meter_id]).happen(kind, at, seconds)

    async def open(self, _url: str, _defaults: Mapping[str, str]) -> MemoryLink:
        if self._down:
            raise LinkUnreachable("no power")
        near, self._far = memory_pair()
        self._serving = asyncio.create_task(self._serve(self._far))
        return near

    async def _serve(self, far: MemoryLink) -> None:
        with suppress(LinkClosed):
            await serve(self._bus.line(), far, self.clock)

    async def power(self, there: bool) -> None:
        self._down = not there
        if not there and self._far is not None:
            await self._far.close()

    def truth(self, capture: Capture) -> dict[Quantity, int | None]:
        """What the meter showed at the capture's moment, of what the capture holds."""
        from headend.collection.recovery import lacking

        found = {}
        held = [n for n, value in enumerate(capture.values) if value is not None]
        for quantity in lacking(capture.layout, sum(1 << n for n in held)):
            value = self.meters[capture.meter_id].value(quantity, capture.time)
            found[quantity] = None if value is None else quantity.steps(value)
        return found


class Watched:
    """A poller on a simulated line, its ledger told what it queues."""

    def __init__(self, line: SimulatedLine, plans: Sequence[Plan], gaps: Gaps | None = None, **more: Any) -> None:
        self.line = line
        self.pending = Pending(10**6)
        self.records: list[Record] = []
        self.gaps = gaps
        self.poller = Poller(
            Line(path(line.name), TIMING), line.paths, list(plans), self.pending, line.clock, gaps=gaps, **more
        )
        self._tasks = [asyncio.create_task(self.poller.run()), asyncio.create_task(self._take())]

    async def _take(self) -> None:
        while batch := await self.pending.batch(1000, 0.2):
            self.records += batch
            if isinstance(self.gaps, MemoryGaps):
                self.gaps.take(batch)
            await self.pending.done(len(batch))

    async def stop(self) -> None:
        self.poller.stop()
        await self._tasks[0]
        await self.pending.close()
        await self._tasks[1]

    @property
    def captures(self) -> list[Capture]:
        return [record for record in self.records if isinstance(record, Capture)]

    @property
    def misses(self) -> list[Miss]:
        return [record for record in self.records if isinstance(record, Miss)]
