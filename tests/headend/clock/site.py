"""A bus of simulated meters whose clocks are off as a test says, behind a TCP port, with a database beside it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from headend.clock.keeping import keep_surveys
from headend.clock.policy import ClockPolicy
from headend.clock.survey import ClockSurvey, survey_clock
from headend.clock.sync import ClockSync
from headend.collection.line import Line, LinePath
from headend.collection.survey import MeterPath
from headend.health.host_clock import Discipline
from protocols import models
from protocols.timing import Timing
from simulators.fleet import Fleet
from storage.clocks import ClockStore
from storage.entries import Additions, NewLine, NewMeter
from storage.registry import Registry
from tests.simulators.reading import bus, scenario

ZONE: Final = ZoneInfo("Asia/Shanghai")
START: Final = datetime(2026, 11, 23, 6, 20, 30, tzinfo=UTC)
"""14:20:30 in Shanghai: far from everything."""
TIMING: Final = Timing(response=0.5, latency=0.3, gap=0.1, pause=0.0, late=0.3, retries=0)
GOOD: Final = Discipline(True, 0.001)


class Now:
    """A clock that goes by itself, and can be put forward."""

    def __init__(self, start: datetime = START) -> None:
        self._start, self._began = start, time.monotonic()

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._began)

    def wait(self, **durations: float) -> None:
        self._start += timedelta(**durations)


@dataclass
class Site:
    """Meter n is `meters[n]`; it answers at the fleet's address n."""

    fleet: Fleet
    line: Line
    meters: Sequence[MeterPath]
    now: Now
    store: ClockStore | None = None
    policy: ClockPolicy = field(default=ClockPolicy())
    host: Discipline = GOOD

    @property
    def sync(self) -> ClockSync:
        assert self.store is not None
        return ClockSync(self.store, self.policy, self.now, "li@desk", lambda: self.host)

    def off(self, number: int, seconds: float) -> None:
        """That meter's clock is so much ahead from now on."""
        now = self.now()
        own = now.astimezone(self.meters[number].zone).replace(tzinfo=None) + timedelta(seconds=seconds)
        self.memory(number).dial.set(now, own)

    def memory(self, number: int) -> Any:
        return self.fleet.station(self.fleet.meters[number].name).memory(self.now())

    def is_off(self, number: int) -> float:
        """The truth: seconds ahead, to the second that the clock shows."""
        now = self.now()
        own = self.memory(number).dial.stretches[-1].own(now)
        return float((own - now.astimezone(self.meters[number].zone).replace(tzinfo=None)).total_seconds())

    async def survey(self) -> list[ClockSurvey]:
        """Read all of them, and keep what they show."""
        found = [await survey_clock(self.line, meter, self.now) for meter in self.meters]
        if self.store is not None:
            await keep_surveys(self.store, found, self.policy)
        return found


@asynccontextmanager
async def site(
    count: int = 1,
    *more: str,
    edition: str = "2007",
    conninfo: str = "",
    off: Mapping[int, float] | None = None,
    zone: ZoneInfo = ZONE,
    start: datetime = START,
    store: ClockStore | None = None,
) -> AsyncIterator[Site]:
    now = Now(start)
    text = bus("dlt645", "tcp://127.0.0.1:0", f"meters = {count}", f'edition = "{edition}"', *more)
    async with Fleet(scenario(text), now) as fleet:
        model = f"dlt645_{edition}"
        ids = list(range(1, count + 1))
        if conninfo:
            async with Registry(conninfo) as registry:
                new = tuple(
                    NewMeter(name=one.name, address=one.address, model=model, line="line", created=start)
                    for one in fleet.meters
                )
                lines = (NewLine(name="line", url=fleet.buses[0].url, protocol="dlt645"),)
                await registry.add(Additions(lines=lines, meters=new))
                known = {meter.name: meter.id for meter in await registry.meters()}
            ids = [known[one.name] for one in fleet.meters]
        meters = [
            MeterPath(number, one.name, one.address, models.load(model), zone)
            for number, one in zip(ids, fleet.meters, strict=True)
        ]
        line = Line(LinePath("line", fleet.buses[0].url, "dlt645"), TIMING)
        made = Site(fleet, line, meters, now, store)
        for number in range(count):
            made.off(number, (off or {}).get(number, 0.0))
        try:
            yield made
        finally:
            await line.close()
