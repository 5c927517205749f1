"""Thieves end to end: simulated meters answer frames, the collector reads and stores them, the scan finds who stole.

Two weeks pass in virtual time; the database is real.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

import analytics.theft.prior
from headend.collection.collector import Collector
from headend.collection.survey import MeterPath
from headend.config import parse
from headend.registry.known import plans_of
from protocols import models
from protocols.dlt645.address import from_wire
from protocols.dlt645.frame import Frame
from protocols.links.open import SCHEMES
from simulators.theft import District, district, homes
from simulators.theft_meters import Registers
from storage.registry import Registry
from tests.conftest import Servers
from tests.headend.bus import IMPORT, Bus, data, path
from tests.headend.command import Headend, caller
from tests.headend.conftest import configuration
from tests.headend.district import BEGIN, register
from tests.headend.elsewhere import Elsewhere, FarWriter, elsewhere
from tests.headend.virtual_time import Clock, VirtualLoop

DAYS: Final = 14
MEMBERS: Final = 9
THIEVES: Final = (
    {1: ("bypass", 5), 4: ("slowed_register", 0)},
    {2: ("phase_reversal", 6), 6: ("interruptions", 4)},
)
"""By area; in the first one two other meters were swapped as well."""
SWAP: Final = (7, 8)


class CountingBus(Bus):
    """The meters of one area; the total meter is the last."""

    def __init__(self, registers: Registers, addresses: list[str], clock: Callable[[], datetime]) -> None:
        super().__init__({address: {} for address in addresses})
        self._registers, self._order, self._clock = registers, addresses, clock

    def replies(self, frames: list[Frame]) -> Iterator[tuple[str, bytes]]:
        now = self._clock()
        for frame in frames:
            address = from_wire(frame.address)
            number = self._order.index(address)
            member = None if number == MEMBERS else number
            self.meters[address][IMPORT] = data(IMPORT, self._registers.shown(member, now))
        return super().replies(frames)


def names(area: int) -> list[str]:
    return [*(f"m{area}{k}" for k in range(MEMBERS)), f"T-A{area}"]


def addresses(area: int) -> list[str]:
    return [f"{100 * (area + 1) + k:012}" for k in range(MEMBERS + 1)]


async def _collect(
    conninfo: str, parts: list[District], there: Elsewhere, ids: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(BEGIN - timedelta(minutes=5))
    more = 'timezone = "UTC"'
    text = configuration(conninfo, every="1h", more=more).replace('"100ms"', '"12h"')
    config = parse(text.replace(', "active_energy_export", "voltage_l1"', ""), "chain.toml")
    posts = []
    for area, part in enumerate(parts):
        bus = CountingBus(Registers(part, BEGIN), addresses(area), clock)
        monkeypatch.setitem(SCHEMES, f"area{area}", bus.open)
        model = models.load("dlt645_2007")
        paths = [MeterPath(ids[n], n, a, model) for n, a in zip(names(area), addresses(area), strict=True)]
        posts.append((path(f"area{area}"), paths))
    monkeypatch.setattr("headend.collection.collector.Writer", lambda dsn: FarWriter(there, dsn))
    collector = Collector(config, posts, plans_of(config), conninfo, now=clock)
    running = asyncio.create_task(collector.run())
    await asyncio.sleep((timedelta(days=DAYS, minutes=10)).total_seconds())
    collector.stop()
    await running


async def _ids(conninfo: str) -> dict[str, int]:
    async with Registry(conninfo) as registry:
        return {meter.name: meter.id for meter in await registry.meters()}


def test_who_stole_is_found_by_what_was_read(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = analytics.theft.prior.Settings
    monkeypatch.setattr("analytics.theft.Settings", lambda seed: quick(seed=seed, plays=40, rounds=6, trees=15))
    used = homes(2 * MEMBERS, DAYS, 24, 3)
    parts = [
        district(used[:MEMBERS], THIEVES[0], 1, swap=SWAP),
        district(used[MEMBERS:], THIEVES[1], 2),
    ]
    server = servers("plain")
    with server.fresh(asyncio.run(server.template())) as conninfo, elsewhere() as there:
        asyncio.run(register(conninfo, {f"A{a}": names(a)[:-1] for a in range(2)}, addresses))
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(_collect(conninfo, parts, there, asyncio.run(_ids(conninfo)), monkeypatch))
        config = tmp_path / "headend.toml"
        config.write_text(configuration(conninfo, more='timezone = "UTC"'), encoding="utf-8")
        headend: Headend = caller(capsys)
        until = (BEGIN + timedelta(days=DAYS)).date()
        ran = headend(
            "--json", "--config", config, "theft", "scan", "--from", BEGIN.date(), "--to", until, "--open", 4
        )  # fmt: skip
    assert ran.code == 0
    rows = ran.document["meters"]
    thieves = {f"m{area}{k}" for area in range(2) for k in THIEVES[area]}
    first = [row["meter_id"] for row in rows[:6]]
    assert thieves <= set(first)
    assert set(first[:2]) <= thieves | {f"m0{k}" for k in SWAP}
    for area, part in zip(ran.document["areas"], parts, strict=True):
        assert area["total_kwh"] == pytest.approx(part.total.sum() / 1000, rel=0.001)
        assert abs(area["unreported_kwh"] - part.stolen.sum() / 1000) < 0.01 * part.total.sum() / 1000
