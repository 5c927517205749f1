"""The night after an outage: no daemon ran for four hours, some DTUs were without power for longer, some meters are
dead and one had no supply. All that the meters kept is had before the morning, and is what they showed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from headend.collection.collector import Collector
from headend.collection.gaps import Reach
from headend.config import parse
from headend.registry.known import plans_of, stored_plan
from protocols.links.open import SCHEMES
from protocols.model import Source
from storage.ledger import Balance, Ledger, Slot, State
from tests import soak
from tests.headend.bus import path
from tests.headend.conftest import configuration
from tests.headend.elsewhere import Elsewhere, FarGaps, FarWriter, elsewhere
from tests.headend.plant import SimulatedLine
from tests.headend.virtual_time import Clock, virtually
from tests.storage.captures import stored

OUTAGE = datetime(2026, 3, 1, 14, tzinfo=UTC)
"""22:00 in Shanghai."""
BACK = OUTAGE + timedelta(hours=4, seconds=7)
NIGHT = timedelta(hours=6) if soak.SECONDS else timedelta(minutes=29)
"""From when the daemon is back."""
LONGER = timedelta(hours=2) if soak.SECONDS else timedelta(minutes=9)
"""Without power still, when the daemon is back."""
QUARTER = timedelta(minutes=15)
SUPPLY = OUTAGE + timedelta(hours=1, minutes=5)
"""When one meter's supply goes, for an hour."""


@dataclass
class Night:
    """`dark`: lines whose DTU comes back later."""

    conninfo: str
    there: Elsewhere
    lines: list[SimulatedLine]
    clock: Clock
    dead: set[int] = field(default_factory=set)
    unsupplied: int = 0

    @property
    def dark(self) -> list[SimulatedLine]:
        return self.lines[::10]

    def register(self, plan: Any) -> None:
        with psycopg.connect(self.conninfo) as db:
            for number, line in enumerate(self.lines, 1):
                db.execute(
                    "INSERT INTO line (id, name, url, protocol) OVERRIDING SYSTEM VALUE VALUES (%s, %s, %s, 'dlt645')",
                    (number, line.name, f"{line.name}://bus"),
                )
                for one in line.paths:
                    db.execute(
                        """INSERT INTO meter (id, name, address, model, line_id, created) OVERRIDING SYSTEM VALUE
                           VALUES (%s, %s, %s, 'dlt645_2007', %s, %s)""",
                        (one.id, one.name, one.address, number, OUTAGE),
                    )
            columns = "name, valid_from, kind, calendar, period_s, quantities, minute, days, zone, models, areas"
            db.execute(
                f"INSERT INTO plan ({columns}, tariffs, lines, meters, horizon_s) VALUES (%s, %s{', %s' * 13})",
                (plan.name, plan.valid_from, *plan.row),
            )

    def balance(self, end: datetime) -> Balance:
        async def ask() -> Balance:
            async with Ledger(self.conninfo) as ledger:
                return await ledger.balance(OUTAGE, end, now=end)

        return self.there.call(ask())

    def missing(self, end: datetime) -> list[Slot]:
        async def ask() -> list[Slot]:
            async with Ledger(self.conninfo) as ledger:
                return await ledger.slots(OUTAGE, end, now=end)

        return self.there.call(ask())

    def is_recoverable(self, meter_id: int, time: datetime) -> bool:
        without = meter_id == self.unsupplied and SUPPLY <= time < SUPPLY + timedelta(hours=1)
        return meter_id not in self.dead and not without


@pytest.fixture
def night(conninfo: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Night]:
    with elsewhere() as there:
        clock = Clock(BACK)
        yield Night(conninfo, there, [], clock)


async def live_through(night: Night, monkeypatch: pytest.MonkeyPatch, lines: int, each: int, quantities: str) -> None:
    night.lines = [SimulatedLine(number, each, night.clock, load="home") for number in range(1, lines + 1)]
    for line in night.lines:
        monkeypatch.setitem(SCHEMES, line.name, line.open)
    for line in night.lines[1::7]:
        dead = 100 * int(line.name[4:]) + 3
        line.dead.add(line.address(dead))
        night.dead.add(dead)
    lonely = night.lines[2]
    night.unsupplied = 302
    lonely.happen(302, "power_down", SUPPLY, 3600)
    text = configuration(night.conninfo).replace('latency = "0ms"', 'latency = "1500ms"')
    text = text.replace('"active_energy_import", "active_energy_export", "voltage_l1"', quantities)
    config = parse(text, "night.toml")
    (plan,) = plans_of(config)
    night.register(stored_plan(plan, config.timezone, OUTAGE))
    gaps = FarGaps(night.there, night.conninfo, Reach.of([plan]))
    monkeypatch.setattr("headend.collection.collector.Writer", lambda conninfo: FarWriter(night.there, conninfo))
    posts = [(path(line.name), line.paths) for line in night.lines]
    collector = Collector(config, posts, [plan], night.conninfo, gaps=gaps, now=night.clock)
    for line in night.dark:
        await line.power(False)
    running = asyncio.create_task(collector.run())
    await asyncio.sleep(LONGER.total_seconds())
    for line in night.dark:
        await line.power(True)
    await asyncio.sleep((NIGHT - LONGER).total_seconds())
    collector.stop()
    await running
    await gaps.close()


def assert_morning(night: Night, layouts: int) -> None:
    end = BACK.replace(second=0) + NIGHT
    balance = night.balance(end)
    meters = sum(len(line.meters) for line in night.lines)
    slots = -((OUTAGE - end) // QUARTER)
    assert balance.expected == sum(balance.states.values()) == meters * slots * layouts
    captures = stored(night.conninfo)
    by_id = {meter_id: line for line in night.lines for meter_id in line.meters}
    for capture in captures.values():
        if capture.source is Source.RECORD:
            held = [value for value in capture.values if value is not None]
            assert held == list(by_id[capture.meter_id].truth(capture).values())
    missing = night.missing(end)
    recoverable = sum(
        night.is_recoverable(meter_id, OUTAGE + n * QUARTER)
        for meter_id in by_id
        for n in range(slots)
        if OUTAGE + n * QUARTER < (BACK + LONGER if by_id[meter_id] in night.dark else BACK)
    )
    left = [slot for slot in missing if night.is_recoverable(slot.meter_id, slot.time)]
    assert len(left) <= 0.005 * recoverable * layouts, left[:5]
    assert balance.states[State.RECOVERED] >= 0.995 * recoverable * layouts
    assert {slot.meter_id for slot in missing if slot.state is State.UNRECOVERABLE} == {night.unsupplied}
    assert {slot.meter_id for slot in missing} == night.dead | {night.unsupplied}
    live = [c for c in captures.values() if c.source is Source.PULL]
    lit = [line for line in night.lines if line not in night.dark]
    healthy = {m for line in lit for m in line.meters} - night.dead
    of_healthy = [c for c in live if c.meter_id in healthy]
    assert len(of_healthy) == len(healthy) * (NIGHT // QUARTER) * layouts, "live reading had all its slots meanwhile"


@pytest.mark.soak
@virtually
async def test_a_thousand_meters_after_four_hours(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    quantities, layouts = ('"active_energy_import", "voltage_l1"', 2) if soak.SECONDS else ('"active_energy_import"', 1)
    await live_through(night, monkeypatch, 40, 25, quantities)
    assert_morning(night, layouts)
