"""Thieves end to end: a scenario's meters answer frames, the collector reads and stores them, the scan finds who stole.

Two weeks pass in virtual time; the database is real.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

import pytest

import analytics.theft.prior
import simulators.fleet
from headend.collection.collector import Collector
from headend.collection.survey import MeterPath
from headend.config import parse
from headend.registry.known import plans_of
from protocols import models
from protocols.errors import LinkClosed
from protocols.links.memory import MemoryLink, memory_pair
from protocols.links.open import SCHEMES
from protocols.quantities import BY_NAME
from simulators import scenario
from simulators.bus import Bus
from simulators.fleet import Fleet
from simulators.registry import write_registry
from simulators.serve import Clock as Now
from simulators.serve import serve
from storage.entries import NewPlan
from storage.registry import Registry
from tests.conftest import Servers
from tests.headend.bus import path
from tests.headend.command import Headend, caller
from tests.headend.conftest import configuration
from tests.headend.elsewhere import Elsewhere, FarWriter, elsewhere
from tests.headend.virtual_time import Clock, VirtualLoop

DAYS: Final = 14
ENERGY: Final = BY_NAME["active_energy_import"]
BEGIN: Final = datetime(2026, 3, 2, tzinfo=UTC)
END: Final = BEGIN + timedelta(days=DAYS)
AREA: Final = """
[[bus]]
name = "{name}"
protocol = "dlt645"
carrier = "tcp://127.0.0.1:0"
meters = 10
load = "{load}"
tick_s = 3600

[[area]]
name = "{name}"
feeder = "F1"
total = "{name}-010"
members = ["{name}"]
ratio = 5
loss_w = 40
loss_share = 0.015
"""
SCENARIO: Final = f"""
seed = 5
timezone = "UTC"
hung = 2026-03-02T00:00:00+00:00
{AREA.format(name="a", load="shop")}
{AREA.format(name="b", load="home")}
[[theft]]
kind = "bypass"
meter = ["a-002"]
share = 0.6
from = 2026-03-07T00:00:00+00:00

[[theft]]
kind = "meter_swap"
meter = ["a-008"]
with = "a-009"
from = 2026-03-09T00:00:00+00:00

[[theft]]
kind = "phase_reversal"
meter = ["b-003"]
from = 2026-03-08T00:00:00+00:00

[[theft]]
kind = "slowed_register"
meter = ["b-007"]
share = 0.8
from = 2026-03-06T00:00:00+00:00
hours = "17:00-23:00"

[[change]]
kind = "efficiency"
meter = ["b-005"]
share = 0.3
from = 2026-03-09T00:00:00+00:00
"""
THIEVES: Final = {"a-002", "b-003", "b-007"}
SWAPPED: Final = {"a-008", "a-009"}


class MemoryCarrier:
    """A bus behind a scheme of its own, without a socket: time is virtual."""

    _schemes = cast("dict[str, Any]", SCHEMES)

    def __init__(self, bus: Bus, clock: Now) -> None:
        self._bus, self._clock = bus, clock
        self._serving: set[asyncio.Task[None]] = set()
        self.url = f"tcp://{bus.name}.example:1"

    async def start(self) -> None:
        self._schemes[self._bus.name] = self._open

    async def close(self) -> None:
        del self._schemes[self._bus.name]
        for task in self._serving:
            task.cancel()

    async def _open(self, _url: str, _defaults: Mapping[str, str]) -> MemoryLink:
        near, far = memory_pair()
        self._serving.add(asyncio.create_task(self._serve(far)))
        return near

    async def _serve(self, link: MemoryLink) -> None:
        with suppress(LinkClosed):
            await serve(self._bus.line(), link, self._clock)


async def _ids(conninfo: str) -> dict[str, int]:
    """As the daemon does, the plan is kept: it says how long an interval is."""
    async with Registry(conninfo) as registry:
        await registry.keep_plans([NewPlan(name="curve", period_s=3600, quantities=(ENERGY,), valid_from=BEGIN)], BEGIN)
        return {meter.name: meter.id for meter in await registry.meters()}


async def _collect(conninfo: str, fleet: Fleet, there: Elsewhere, clock: Clock) -> None:
    text = configuration(conninfo, every="1h", more='timezone = "UTC"').replace('"100ms"', '"12h"')
    config = parse(text.replace(', "active_energy_export", "voltage_l1"', ""), "chain.toml")
    ids, model = there.call(_ids(conninfo)), models.load("dlt645_2007")
    posts = [(path(b.name), [MeterPath(ids[m.name], m.name, m.address, model) for m in b.meters]) for b in fleet.buses]
    collector = Collector(config, posts, plans_of(config), conninfo, now=clock)
    running = asyncio.create_task(collector.run())
    await asyncio.sleep((timedelta(days=DAYS, minutes=10)).total_seconds())
    collector.stop()
    await running


def test_who_stole_is_found_by_what_was_read(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = analytics.theft.prior.Settings
    monkeypatch.setattr("analytics.theft.Settings", lambda seed: quick(seed=seed, plays=40, rounds=6, trees=15))
    monkeypatch.setattr(simulators.fleet, "made_carrier", lambda _parts, bus, clock: MemoryCarrier(bus, clock))
    headend: Headend = caller(capsys)
    server = servers("plain")
    with server.fresh(asyncio.run(server.template())) as conninfo, elsewhere() as there:
        monkeypatch.setattr("headend.collection.collector.Writer", lambda dsn: FarWriter(there, dsn))
        site = tmp_path / "headend.toml"
        site.write_text(configuration(conninfo, more='timezone = "UTC"'), encoding="utf-8")

        async def live() -> dict[str, float]:
            """What was stolen, in kWh."""
            clock = Clock(BEGIN - timedelta(minutes=5))
            async with Fleet(scenario.parse(SCENARIO, "chain.toml"), clock) as fleet:
                write_registry(fleet, tmp_path / "registry")
                ran = there.call(asyncio.to_thread(headend, "--config", site, "meter", "import", tmp_path / "registry"))
                assert ran.code == 0, ran.err
                await _collect(conninfo, fleet, there, clock)
                return {meter.name: float(meter.stolen(END) or 0) for meter in fleet.meters}

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            stolen = runner.run(live())
        period = ["--from", BEGIN.date(), "--to", END.date()]
        ran = headend("--json", "--config", site, "theft", "scan", *period, "--open", 4)
        lost = headend("--json", "--config", site, "lineloss", "report", *period)
    assert (ran.code, lost.code) == (0, 0)
    first = [row["meter_id"] for row in ran.document["meters"]]
    assert set(first[: len(THIEVES)]) == THIEVES
    assert {name for name, kwh in stolen.items() if kwh} == THIEVES | SWAPPED
    lacking = {area["area"]: area["unreported_kwh"] for area in ran.document["areas"]}
    for area in ran.document["areas"]:
        meant = sum(kwh for name, kwh in stolen.items() if name.startswith(area["area"]))
        assert abs(lacking[area["area"]] - meant) < 0.02 * area["total_kwh"]
    rises = {
        (place["name"], one["since"])
        for place in lost.document["places"]
        for one in place["anomalies"]
        if one["code"] == "step_change"
    }
    assert {("a", "2026-03-07"), ("b", "2026-03-08")} <= rises
