"""A dead meter costs probes alone, and is back with its first answer."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from protocols.links.open import SCHEMES
from protocols.model import Source
from tests.headend.memory_gaps import MemoryGaps
from tests.headend.plans import every
from tests.headend.plant import SimulatedLine, Watched
from tests.headend.virtual_time import START, Clock, virtually

CURVE = every("curve", 900, "active_energy_import", "active_energy_export", "voltage_l1", tries=2)
HOUR = timedelta(hours=1)


def line_of(monkeypatch: pytest.MonkeyPatch, count: int) -> SimulatedLine:
    line = SimulatedLine(1, count, Clock(START))
    monkeypatch.setitem(SCHEMES, line.name, line.open)
    return line


@virtually
async def test_a_dead_meter_costs_only_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    line = line_of(monkeypatch, 3)
    line.dead.add(line.address(102))
    watched = Watched(line, [CURVE])
    await asyncio.sleep(24 * 3600 - 1)
    await watched.stop()
    asked = [when for address, when in line.asked if address == line.address(102)]
    assert len(asked) < 40, "two turns, and a probe of one read an hour"
    assert watched.poller.counters.probes == len(asked) - 2
    healthy = {(c.meter_id, c.time) for c in watched.captures}
    assert len(healthy) == 2 * 96
    reasons = {miss.reason for miss in watched.misses if miss.meter_id == 102}
    assert reasons == {"no_answer", "quarantined"}
    assert len({miss.time for miss in watched.misses}) == 95, (
        "every slot of it is known to be missing; the last is not over"
    )
    assert {miss.meter_id for miss in watched.misses} == {102}


@virtually
async def test_who_answers_again_is_back_and_has_its_gaps_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    line = line_of(monkeypatch, 2)
    line.dead.add(line.address(102))
    slots = [START + n * timedelta(minutes=15) for n in range(5 * 4)]
    gaps = MemoryGaps([], [])
    watched = Watched(line, [every("curve", 900, "active_energy_import")], gaps)
    await asyncio.sleep(5 * 3600 - 1)
    gaps.open = {(102, slot): set(gaps.wanted) for slot in slots}
    gaps.tries = dict.fromkeys(gaps.open, 1)
    assert watched.poller.quarantined == ["m102"]
    line.dead.clear()
    await asyncio.sleep(2 * 3600)
    await watched.stop()
    assert watched.poller.quarantined == []
    assert not gaps.open
    live = [c.time for c in watched.captures if c.meter_id == 102 and c.source is Source.PULL]
    assert START + 5 * HOUR <= min(live) <= START + 6 * HOUR + timedelta(minutes=15)
    assert len(live) >= 3


@virtually
async def test_a_line_without_power_quarantines_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    line = line_of(monkeypatch, 3)
    await line.power(False)
    watched = Watched(line, [CURVE])
    await asyncio.sleep(3 * 3600)
    assert watched.poller.quarantined == []
    await line.power(True)
    await asyncio.sleep(3600)
    await watched.stop()
    assert {c.meter_id for c in watched.captures} == {101, 102, 103}
